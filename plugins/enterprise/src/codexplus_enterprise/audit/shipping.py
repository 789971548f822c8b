"""Records on their way to a collector (OTLP over HTTP, as JSON), as they are written."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from codexplus_core import Core

from ..metrics.push import Unsent, post_json
from .heads import Head
from .otlp import logs

PATH = "/v1/logs"
MOST = 20_000
"""Records that may wait for a collector that is away; the oldest are left out then, the file has them all."""
BATCH = 500
EVERY_S = 1.0
AGAIN_S = 15.0
LAST_S = 3.0

Post = Callable[[str, bytes, Mapping[str, str]], None]
Forbidden = Callable[[str], str]


class Shipping:
    """Sends records in a thread of its own, which begins with the first of them. Without an endpoint it does nothing.

    ``forbidden`` says why a URL may not be reached, ``""`` if it may.
    """

    def __init__(
        self,
        core: Core,
        endpoint: str,
        *,
        forbidden: Forbidden = lambda _: "",
        post: Post | None = None,
        every_s: float = EVERY_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._core = core
        self._url = "" if not endpoint else endpoint if endpoint.endswith(PATH) else endpoint.rstrip("/") + PATH
        self._forbidden = forbidden
        self._post = post or post_json
        self._every_s = every_s
        self._again_s = again_s
        self._changed = threading.Condition()
        self._waiting: deque[bytes | Head] = deque()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._failing = ""
        self.lost = 0

    def lines(self, lines: Sequence[bytes]) -> None:
        """Take records that are in the file; never waits."""
        self._take(lines)

    def head(self, head: Head) -> None:
        """Take a head."""
        self._take([head])

    def close(self) -> None:
        """Send what is left, for a short while."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(LAST_S)

    def _take(self, things: Sequence[bytes | Head]) -> None:
        if not self._url:
            return
        with self._changed:
            self._waiting.extend(things)
            while len(self._waiting) > MOST:
                self._waiting.popleft()
                self.lost += 1
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="codexplus-audit-otlp", daemon=True)
                self._thread.start()
            if len(self._waiting) >= BATCH:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                pause = self._again_s if self._failing else self._every_s
                self._changed.wait_for(
                    lambda: self._closing or (not self._failing and len(self._waiting) >= BATCH), pause
                )
                closing = self._closing
                batch = list(self._waiting)[:BATCH]
            sent = not batch or self._send(batch)
            with self._changed:
                if sent:
                    for _ in batch:
                        self._waiting.popleft()
                if closing and (not sent or not self._waiting):
                    return

    def _send(self, batch: Sequence[bytes | Head]) -> bool:
        try:
            if reason := self._forbidden(self._url):
                raise Unsent(reason)
            self._post(self._url, logs(batch), {})
        except Unsent as unsent:
            if str(unsent) != self._failing:
                self._failing = str(unsent)
                self._core.log.warning("audit_unsent", url=self._url, reason=self._failing)
            return False
        if self._failing:
            self._failing = ""
            self._core.log.info("audit_sent_again", url=self._url)
        return True
