"""The events of an answer's body: read once, to the end and no further."""

from __future__ import annotations

from typing import Any

import pytest

from codexplus_core.protocol.events import BOM
from codexplus_core.proxy.sources import BodyEvents
from codexplus_core.proxy.transport import UpstreamCut

CREATED = b'event: response.created\ndata: {"type":"response.created"}\n\n'
DONE = b'event: response.completed\ndata: {"type":"response.completed"}\n\n'


class Answer:
    """Gives these pieces; after the last one it is known to be over, or only ``read`` tells, or it breaks off."""

    status = 200

    def __init__(self, *pieces: bytes, end: str) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.over = False
        self._pieces = list(pieces)
        self._end = end

    async def read(self) -> bytes:
        assert not self.over, "nothing is left to read"
        if not self._pieces:
            if self._end == "cut":
                raise UpstreamCut("broken off")
            return b""
        piece = self._pieces.pop(0)
        self.over = self._end == "known" and not self._pieces
        return piece


def events_of(answer: Any) -> BodyEvents:
    return BodyEvents(answer, None)


@pytest.mark.parametrize("end", ["known", "told"])
async def test_an_answer_is_read_to_its_end_and_no_further(end: str) -> None:
    source = events_of(Answer(CREATED, DONE, end=end))
    seen = []

    while (events := await source.next()) is not None:
        seen += [event.type for event in events]

    assert seen == ["response.created", "response.completed"]
    assert await source.next() is None


@pytest.mark.parametrize("end", ["known", "told"])
async def test_what_no_blank_line_ends_is_the_last_event(end: str) -> None:
    source = events_of(Answer(CREATED + DONE[:-1], end=end))
    seen: list[tuple[str, bytes]] = []

    while (events := await source.next()) is not None:
        seen += [(event.type, event.raw) for event in events]

    assert seen == [("response.created", CREATED), ("response.completed", DONE[:-1])]


async def test_an_answer_that_is_not_over_is_read_on_and_its_cut_is_seen() -> None:
    source = events_of(Answer(CREATED, DONE, end="cut"))

    assert await source.next() and await source.next()
    with pytest.raises(UpstreamCut):
        await source.next()


class Passing:
    """Lets the first piece go by."""

    def __init__(self) -> None:
        self.count = 0

    def watch(self, types: frozenset[bytes] | None) -> None:
        assert types


class Skimmed(Answer):
    """An answer whose first piece can go by unread."""

    async def skim(self, passing: Passing) -> bytes:
        if not passing.count:
            passing.count += len(await self.read())
        return await self.read()


async def test_what_went_by_is_told_before_what_came_behind_it_and_was_the_streams_beginning() -> None:
    odd = BOM + DONE.replace(b"event: response.completed", b"event: a.b")
    answer: Any = Skimmed(CREATED, odd, end="known")
    source = BodyEvents(answer, frozenset({b"response.completed"}), Passing())  # type: ignore[arg-type]

    events = await source.next()

    # A byte order mark is none in the middle of a stream, but a part of a field's name.
    assert [(each.type, each.raw) for each in events or ()] == [("", b""), ("response.completed", odd)]
