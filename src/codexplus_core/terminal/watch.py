"""The emulator, kept out of the output's way: what the program writes is followed when there is time, or not at all."""

from __future__ import annotations

from .composer import Composer, read
from .screen import Screen

BACKLOG = 1024 * 1024
"""Bytes that may wait to be followed: a large window with a colour for every cell, drawn anew. With more (a flood) the
picture is given up until it is drawn again."""
STEP = 4096
"""Bytes that are followed in one go; a key waits no longer than that takes."""


class Watch:
    """A screen and the output that it has not seen yet."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._backlog = bytearray()

    @property
    def is_behind(self) -> bool:
        """Whether there is something to follow."""
        return bool(self._backlog)

    def add(self, data: bytes) -> None:
        """Take note of output that has gone to the terminal already."""
        if len(self._backlog) + len(data) > BACKLOG:
            self._backlog.clear()
            self.screen.lose()
        self._backlog += data[-BACKLOG:]

    def step(self) -> None:
        """Follow a little."""
        self.screen.feed(bytes(self._backlog[:STEP]))
        del self._backlog[:STEP]

    def resize(self, rows: int, columns: int) -> None:
        """Take the terminal's new size."""
        self._backlog.clear()
        self.screen.resize(rows, columns)

    def composer(self) -> Composer | None:
        """The composer as it stands now."""
        while self._backlog:
            self.step()
        return read(self.screen)
