"""The audit log as the plugin uses it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable
from typing import Any

from codexplus_core import AuditEvent, Core, Exchange, Outcome, Refusal

from .entry import Entry, of_event, of_exchange
from .settings import AuditSettings, audit_settings
from .shipping import Shipping
from .starting import begin, forbidden_by
from .writer import Writer

WAIT_S = 3.0
"""Seconds that a decision waits for the disk before it counts as not kept."""


class Audit:
    """Keeps account of decisions, actions and requests, where the settings want it (``on``).

    Nothing is opened and no thread runs while it is off.
    """

    def __init__(self, core: Core, *, wait_s: float = WAIT_S) -> None:
        self._core = core
        self._wait_s = wait_s
        self._seen: Any = None
        self._known: dict[str, str] = {}
        self._settings: AuditSettings | None = None
        self._writer: Writer | None = None
        self._shipping: Shipping | None = None
        self._last: threading.Thread | None = None
        self._warned = False
        self.look()

    @property
    def on(self) -> bool:
        """Whether anything is kept."""
        return self._writer is not None

    @property
    def required(self) -> bool:
        """Whether nothing new may begin while it cannot be kept."""
        self.look()
        return self._settings is not None and self._settings.on and self._settings.required

    @property
    def problem(self) -> str:
        """Why records cannot be kept now, ``""`` while they can."""
        return "" if self._writer is None else self._writer.problem

    @property
    def dropped(self) -> int:
        """Records that were not kept since the log was opened."""
        return 0 if self._writer is None else self._writer.dropped

    def look(self) -> None:
        """Follow the settings; what changed in them is kept as well."""
        found = self._core.config.user
        if found is self._seen:
            return
        self._seen = found
        settings = audit_settings(found)
        before, self._known = self._known, _digests(found)
        if self._writer is not None and before != self._known:
            for entry in _changes(before, self._known):
                self._writer.put(entry)
        if settings != self._settings:
            self._settings = settings
            ended = self._ended()
            # The old one is ended in the new one's thread, or in one of its own: it may have much to write.
            if settings.on:
                self._shipping = Shipping(self._core, settings.otlp, forbidden=forbidden_by(self._core))
                digest = _digest(self._known)
                self._writer = begin(self._core, settings, self._shipping, digest=digest, before=ended)
            else:
                self._last = threading.Thread(target=ended, name="codexplus-audit-end", daemon=True)
                self._last.start()

    async def decided(self, event: AuditEvent) -> Refusal | None:
        """Keep what was decided or done; a decision is on disk when this returns.

        A Refusal where a decision could not be kept and has to be.
        """
        writer, settings = self._writer, self._settings
        if writer is None or settings is None:
            return None
        entry = of_event(event)
        # Nothing waits for the disk where it is known not to take anything and nobody insists.
        if not event.decision or (writer.problem and not settings.required):
            self._put(writer, entry)
            return None
        waiting = writer.put_now(entry, needed=settings.required)
        try:
            async with asyncio.timeout(self._wait_s):
                why = await asyncio.wrap_future(waiting.done)
        except TimeoutError:
            why = f"the disk took more than {self._wait_s:g} s"
        if why and settings.required:
            waiting.given_up = True
            return _refusal(why)
        return None

    def traffic(self, exchange: Exchange, outcome: Outcome) -> None:
        """Keep what a request came to; never waits."""
        if self._writer is not None and self._settings is not None and exchange.turn.origin != "warmup":
            self._put(self._writer, of_exchange(exchange, outcome, content=self._settings.content))

    def refusal(self) -> Refusal | None:
        """Why nothing new may begin, None while what has to be kept is kept."""
        if self._writer is None or not self._writer.problem or not self.required:
            return None
        return _refusal(self._writer.problem)

    async def close(self) -> None:
        """Bring everything to the disk."""
        await asyncio.to_thread(self._ended())
        if self._last is not None:
            await asyncio.to_thread(self._last.join, WAIT_S)

    def _put(self, writer: Writer, entry: Entry) -> None:
        if not writer.put(entry) and not self._warned:
            self._warned = True
            self._core.log.warning("audit_dropped", reason=writer.problem or "more than the disk takes")

    def _ended(self) -> Callable[[], None]:
        """What ends the writer that there is, for another thread."""
        writer, self._writer = self._writer, None
        shipping, self._shipping = self._shipping, None

        def end() -> None:
            if writer is not None:
                writer.close()
            if shipping is not None:
                shipping.close()

        return end


def _refusal(why: str) -> Refusal:
    text = (
        f"The audit log cannot be written ({why}), and your administrator wants everything kept that is done here."
        " Nothing new begins until it can be."
    )
    return Refusal(text, status=503, code="audit_unavailable", withhold=False)


def _digests(settings: Any) -> dict[str, str]:
    """Every setting of the user and the administrator, by its digest: what it says may be a secret."""
    return {f"{value.origin.layer} {value.key}": _digest(value.value) for value in settings.list()}


def _changes(before: dict[str, str], after: dict[str, str]) -> list[Entry]:
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    made = []
    for action, layer in (("policy.change", "enterprise "), ("config.change", "")):
        keys = [key for key in changed if key.startswith("enterprise ") == bool(layer)]
        if keys:
            of_layer = {key: value for key, value in after.items() if key.startswith("enterprise ") == bool(layer)}
            told = {"keys": [key.split(" ")[-1] for key in keys], "digest": _digest(of_layer)}
            made.append(Entry(action, "success", fields=told))
    return made


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode("utf-8", "surrogatepass")).hexdigest()
