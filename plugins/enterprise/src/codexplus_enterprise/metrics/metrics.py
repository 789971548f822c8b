"""What the plugin's hooks tell, counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from codexplus_core import AuditEvent, Core, Exchange, Outcome, Usage

if TYPE_CHECKING:
    # Every start of the command line imports this module; what counts is needed by a proxy only.
    from ..cost.usage import Usage as Account
    from .counting import Counting
    from .push import Collector, Push
    from .readings import Readings
    from .registry import Family, Registry
    from .rolling import Rolling


class Metrics:
    """Counts of one proxy. ``begin`` comes later: routes are asked for before the start."""

    registry: Registry
    rolling: Rolling
    counting: Counting
    _readings: Readings

    def __init__(self) -> None:
        self._core: Core | None = None
        self._account: Account | None = None
        self._settings: object = None
        self._settle: Callable[[], None] = lambda: None
        self._counts = False
        self._push: Push | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def _reset(self) -> None:
        from . import names
        from .counting import Counting
        from .readings import Readings
        from .registry import Registry
        from .rolling import Rolling

        self._began = time.time()
        self.registry = Registry(names.COUNTED)
        self.rolling = Rolling()
        self.counting = Counting(self.registry, self.rolling, self._price)
        self._readings = Readings(self.rolling, self._began)

    def begin(self, core: Core, account: Account | None = None, settle: Callable[[], None] = lambda: None) -> None:
        """Start with nothing counted: from ``on_startup``.

        ``account`` knows what models cost; ``settle`` brings what is still to be counted.
        """
        self._reset()
        self._core, self._account, self._settings = core, account, None
        self._settle = settle
        self.look()

    def look(self) -> None:
        """Do what the settings say now: which models have names, and whether there is a collector to send to."""
        core = self._core
        # A view never changes, so this costs a look whenever nothing did; it may be called for every request.
        if core is None or core.config.user is self._settings:
            return
        self._settings = core.config.user
        self._counts = core.config.user.get("metrics.enabled", True) is not False
        listed = core.config.user.get("security.modelAllowlist") or ()
        priced = () if self._account is None else self._account.plan.prices.names()
        self.counting.name_models([*priced, *(name for name in listed if isinstance(name, str))])
        collector = self._collector(core)
        now = None if self._push is None else (self._push.collector, self._push.spans is not None)
        wanted = None if collector is None else (collector, core.config.user.get("metrics.spans") is True)
        if now == wanted:
            return
        if self._push is not None:
            ending = asyncio.create_task(self._push.close(last=False), name="codexplus-enterprise-otlp-end")
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            self._push = None
        if wanted is not None:
            self._push = self._sender(core, *wanted)
            self._push.start()

    def _collector(self, core: Core) -> Collector | None:
        settings = core.config.user
        url = settings.get("metrics.otlpEndpoint")
        if not self.on or not isinstance(url, str):
            return None
        from .push import EVERY_S, Collector

        headers = settings.get("metrics.otlpHeaders") or {}
        every = settings.get("metrics.otlpSeconds", EVERY_S)
        return Collector(url, {str(name): str(value) for name, value in headers.items()}, float(every))

    def _sender(self, core: Core, collector: Collector, traced: bool) -> Push:
        import os
        import socket

        from .push import Push
        from .spans import Spans

        return Push(
            collector, self.families, Spans(time.time, self._drop) if traced else None,
            resource={
                "service.name": "codex-plus",
                "service.version": self.version,
                "service.instance.id": f"{socket.gethostname()}/{os.getpid()}",
            },
            began=self._began, log=core.log, forbidden=self._forbidden,
        )  # fmt: skip

    @property
    def on(self) -> bool:
        """Whether anything is counted: ``metrics.enabled``, true unless set."""
        return self._counts

    @property
    def version(self) -> str:
        """The version of codex-plus."""
        return "" if self._core is None else str(self._core.about.version)

    def ended(self, exchange: Exchange, outcome: Outcome, at: float | None = None) -> None:
        """Count an exchange: from ``on_exchange_end``. ``at`` is when it ended, in seconds since 1970, None for now."""
        if not self._counts:
            return
        model = self.counting.exchange(exchange, outcome)
        if model and self._push is not None and self._push.spans is not None:
            self._push.spans.add(exchange, outcome, model, at)

    def audited(self, event: AuditEvent) -> None:
        """Count a decision or an action: from ``on_audit``."""
        if self._counts:
            self.counting.event(event)

    def families(self) -> list[Family]:
        """Everything as it is now."""
        self._settle()
        self.counting.settle()
        health = {} if self._core is None else self._core.about.health
        return [*self.registry.families(), *self._readings.families(health)]

    def routes(self) -> list[Any]:
        """``/metrics`` and ``/metrics.json``: from ``add_routes``, before the start."""
        from .routes import routes

        return routes(self)

    async def close(self) -> None:
        """Send what is not sent yet: from ``on_shutdown``."""
        push, self._push = self._push, None
        if push is not None:
            await push.close(last=True)
        await asyncio.gather(*self._ending)

    def _drop(self, spans: int) -> None:
        from . import names

        self.registry.add(names.DROPPED, (), spans)

    def _forbidden(self, url: str) -> str:
        from ..policy.rules import Rules

        if self._core is None:
            return ""
        endpoints = Rules(self._core.config.user).endpoints
        return "" if endpoints is None else endpoints.problem(url)

    def _price(self, model: str, usage: Usage) -> tuple[float, str] | None:
        account = self._account
        cost = None if account is None else account.cost(model, usage)
        return None if account is None or cost is None else (cost, account.plan.prices.currency)
