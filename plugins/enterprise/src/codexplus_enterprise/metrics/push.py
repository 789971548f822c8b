"""Sends metrics and spans to a collector, again and again, beside the proxy's work."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..beside import Beside
from .otlp import METRICS, TRACES, Attribute, metrics, traces
from .registry import Family
from .spans import Spans

EVERY_S = 60.0
LAST_S = 3.0
"""Seconds that the last sending, at the end of the proxy, may take."""
TIMEOUT_S = 5.0
_ANSWER = 64 * 1024

Post = Callable[[str, bytes, Mapping[str, str]], None]


class Unsent(Exception):
    """The collector did not take it; the message says why, without the answer's own words."""


@dataclass(frozen=True, slots=True)
class Collector:
    """Where to: a base ``url`` (``http://127.0.0.1:4318``), further ``headers``, every how many seconds."""

    url: str
    headers: Mapping[str, str]
    every_s: float = EVERY_S


class Push:
    """One collector's sender. ``forbidden`` says why a URL may not be reached, ``""`` if it may."""

    def __init__(
        self,
        collector: Collector,
        families: Callable[[], list[Family]],
        spans: Spans | None,
        *,
        resource: Mapping[str, Attribute],
        began: float,
        log: Any,
        forbidden: Callable[[str], str],
        post: Post | None = None,
    ) -> None:
        self.collector = collector
        self.spans = spans
        self._families = families
        self._resource = resource
        self._began = began
        self._log = log
        self._forbidden = forbidden
        self._post = post or post_json
        self._failing = ""
        self._beside = Beside(self._run, log=log, name="codexplus-enterprise-otlp")

    def start(self) -> None:
        """Send from now on, for the first time after one interval."""
        self._beside.start()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.collector.every_s)
            await self.send()

    async def send(self) -> None:
        """Send what there is; a failure is logged once, and counts are sent again with the next ones anyway."""
        try:
            await self._to(METRICS, metrics(self._families(), self._resource, began=self._began, now=time.time()))
            if self.spans is not None and (waiting := self.spans.take()):
                try:
                    await self._to(TRACES, traces(waiting, self._resource))
                except BaseException:
                    self.spans.put_back(waiting)
                    raise
        except Unsent as unsent:
            if str(unsent) != self._failing:
                self._failing = str(unsent)
                self._log.warning("telemetry_unsent", url=self.collector.url, reason=self._failing)
            return
        if self._failing:
            self._failing = ""
            self._log.info("telemetry_sent_again", url=self.collector.url)

    async def _to(self, path: str, body: bytes) -> None:
        url = self.collector.url.rstrip("/") + path
        if reason := self._forbidden(url):
            raise Unsent(reason)
        await asyncio.to_thread(self._post, url, body, self.collector.headers)

    async def close(self, *, last: bool) -> None:
        """Stop; with ``last`` what there is by now is sent before that."""
        await self._beside.end()
        if last:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_S):
                    await self.send()


def post_json(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post JSON, in a thread; raises Unsent."""
    from ..policy.endpoints import BadEndpoint
    from ..web import NoAnswer, ask

    sent = {**headers, "Content-Type": "application/json"}
    try:
        ask(url, body=body, headers=sent, timeout_s=TIMEOUT_S, most=_ANSWER)
    except BadEndpoint as bad:
        raise Unsent(f"the collector's address {bad}") from None
    except NoAnswer as none:
        raise Unsent(f"the collector {none}") from None
