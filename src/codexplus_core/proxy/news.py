"""What plugins say about work that the user waits for: a line in the place where Codex shows what the model thinks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from ..protocol.events import Event
from ..protocol.splice import Splicer

EVERY_S = 0.5
"""Seconds between two lines: what is said in between is left out."""
LONGEST = 120
"""Characters of a line."""


class News:
    """The newest line of one exchange, and the events that show it.

    They are those of a reasoning item that is never finished, so Codex shows its summary as a status, keeps nothing of
    it and sends nothing back.
    """

    def __init__(self, splicer: Splicer | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._splicer = splicer
        self._item = ""
        self._clock = clock
        self._text = ""
        self._last: float | None = None
        self._due = False
        self._waiter: asyncio.Future[None] | None = None
        self._parts = 0

    @property
    def splicer(self) -> Splicer:
        """Who numbers them; most exchanges have no need of one."""
        if self._splicer is None:
            self._splicer = Splicer()
        return self._splicer

    def tell(self, text: str) -> None:
        """Say a line; what comes too soon after the last one is left out."""
        text = "".join(char if char.isprintable() and char not in "*`" else " " for char in text[:LONGEST]).strip()
        now = self._clock()
        if not text or text == self._text or (self._last is not None and now - self._last < EVERY_S):
            return
        self._text, self._last, self._due = text, now, True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def said(self) -> asyncio.Future[None]:
        """Done when there is something to show."""
        if self._waiter is None or self._waiter.done():
            self._waiter = asyncio.get_running_loop().create_future()
            if self._due:
                self._waiter.set_result(None)
        return self._waiter

    def over(self) -> None:
        """What was said last is not true any more: the work is done."""
        self._due = False

    def events(self) -> list[Event]:
        """The events of the newest line."""
        self._due = False
        # Codex shows the bold beginning of a summary as the status.
        text, at = f"**{self._text}**\n", self._parts
        self._parts += 1
        began = []
        if not at:
            self._item = f"rs_codexplus_{uuid4().hex}"
            item = {"id": self._item, "type": "reasoning", "summary": []}
            began = [self._numbered("response.output_item.added", output_index=0, item=item)]
        place = {"item_id": self._item, "output_index": 0, "summary_index": at}
        return [
            *began,
            self._numbered("response.reasoning_summary_part.added", **place, part={"type": "summary_text", "text": ""}),
            self._numbered("response.reasoning_summary_text.delta", **place, delta=text),
            self._numbered("response.reasoning_summary_text.done", **place, text=text),
            self._numbered(
                "response.reasoning_summary_part.done", **place, part={"type": "summary_text", "text": text}
            ),
        ]

    def _numbered(self, type: str, **data: Any) -> Event:
        return self.splicer.own(Event(type, data))
