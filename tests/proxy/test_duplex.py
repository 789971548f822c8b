"""An upgraded connection as bytes both ways, without a network."""

from __future__ import annotations

import asyncio

import pytest

from codexplus_core.proxy.duplex import READ_AHEAD, TransportDuplex


class Line(asyncio.Transport):
    """A transport that notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.reading = True
        self.ended = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.sent.append(bytes(data))

    def is_closing(self) -> bool:
        return bool(self.ended)

    def pause_reading(self) -> None:
        assert self.reading
        assert not self.ended
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        assert not self.ended
        self.reading = True

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"


class Sink:
    """Where a pipe leads."""

    def __init__(self, got: list[bytes], *, full: bool = False) -> None:
        self.got = got
        self.full = full

    def __call__(self, data: bytes) -> bool:
        self.got.append(data)
        return not self.full


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def duplex(line: Line) -> TransportDuplex:
    return TransportDuplex(line)


# -- read


async def test_what_came_since_the_last_read_comes_in_one_piece(duplex: TransportDuplex) -> None:
    duplex.feed(b"a")
    duplex.feed(b"b")

    assert await duplex.read() == b"ab"


async def test_a_read_waits_for_bytes(duplex: TransportDuplex) -> None:
    reading = asyncio.create_task(duplex.read())
    await asyncio.sleep(0)
    assert not reading.done()
    duplex.feed(b"a")

    assert await reading == b"a"


async def test_a_read_that_was_given_up_takes_nothing_with_it(duplex: TransportDuplex) -> None:
    reading = asyncio.create_task(duplex.read())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    duplex.feed(b"a")

    assert await duplex.read() == b"a"


async def test_the_end_comes_after_the_bytes_and_then_again(duplex: TransportDuplex) -> None:
    duplex.feed(b"a")
    duplex.lost(None)

    assert [await duplex.read(), await duplex.read(), await duplex.read()] == [b"a", b"", b""]


async def test_a_break_comes_after_the_bytes(duplex: TransportDuplex) -> None:
    duplex.feed(b"a")
    duplex.lost(OSError("gone"))

    assert await duplex.read() == b"a"
    for _ in range(2):
        with pytest.raises(ConnectionResetError, match="gone"):
            await duplex.read()


@pytest.mark.parametrize("error", [None, OSError("gone")])
async def test_a_waiting_read_ends_with_the_connection(duplex: TransportDuplex, error: Exception | None) -> None:
    reading = asyncio.create_task(duplex.read())
    await asyncio.sleep(0)
    duplex.lost(error)
    await asyncio.wait([reading])

    assert isinstance(reading.exception(), ConnectionResetError) if error else reading.result() == b""


async def test_not_reading_holds_the_other_side_back(line: Line, duplex: TransportDuplex) -> None:
    duplex.feed(bytes(READ_AHEAD - 1))
    before = line.reading
    duplex.feed(b"x")
    after = line.reading
    duplex.feed(b"was on its way")

    assert (before, after) == (True, False)

    assert len(await duplex.read()) == READ_AHEAD + 14
    assert line.reading


async def test_what_was_held_back_is_read_after_the_end_too(line: Line, duplex: TransportDuplex) -> None:
    duplex.feed(bytes(READ_AHEAD))
    line.close()
    duplex.lost(None)

    assert len(await duplex.read()) == READ_AHEAD
    assert await duplex.read() == b""
    assert not line.reading


# -- pipe


async def test_a_pipe_gets_what_waited_and_then_all_as_it_comes(duplex: TransportDuplex) -> None:
    got: list[bytes] = []
    duplex.feed(b"a")
    duplex.feed(b"b")

    ended = duplex.pipe(Sink(got))
    duplex.feed(b"c")
    duplex.feed(b"d")
    assert not ended.done()
    duplex.lost(None)
    await ended

    assert got == [b"ab", b"c", b"d"]


@pytest.mark.parametrize("waited", [True, False])
async def test_a_pipe_that_is_full_holds_the_other_side_back_until_it_resumes(
    line: Line, duplex: TransportDuplex, waited: bool
) -> None:
    got: list[bytes] = []
    if waited:
        duplex.feed(b"a")
    duplex.pipe(Sink(got, full=True))
    if not waited:
        duplex.feed(b"a")

    assert (got, line.reading) == ([b"a"], False)
    duplex.resume()
    assert line.reading
    duplex.feed(b"b")
    assert (got, line.reading) == ([b"a", b"b"], False)


async def test_a_pipe_takes_over_from_a_reader_that_held_the_other_side_back(
    line: Line, duplex: TransportDuplex
) -> None:
    duplex.feed(bytes(READ_AHEAD))
    assert not line.reading
    got: list[bytes] = []
    duplex.pipe(Sink(got))

    assert (len(got[0]), line.reading) == (READ_AHEAD, True)


async def test_a_pipe_ends_with_an_error_where_the_connection_breaks(duplex: TransportDuplex) -> None:
    ended = duplex.pipe(lambda data: True)
    duplex.lost(OSError("gone"))

    with pytest.raises(ConnectionResetError, match="gone"):
        await ended


@pytest.mark.parametrize("full", [True, False])
async def test_a_pipe_of_a_connection_that_has_ended_gets_the_rest_and_ends(
    duplex: TransportDuplex, full: bool
) -> None:
    got: list[bytes] = []
    duplex.feed(b"a")
    duplex.lost(None)

    ended = duplex.pipe(Sink(got, full=full))
    if full:
        duplex.resume()
    await ended
    duplex.resume()

    assert got == [b"a"]


async def test_a_pipe_that_nobody_waits_for_any_more_breaks_in_silence(duplex: TransportDuplex) -> None:
    ended = duplex.pipe(lambda data: True)
    ended.cancel()
    duplex.lost(OSError("gone"))
    duplex.pipe(lambda data: True)


# -- write


async def test_writes_say_when_too_many_bytes_wait_and_a_drain_waits_for_them(
    line: Line, duplex: TransportDuplex
) -> None:
    assert duplex.write(b"a")
    duplex.pause()
    duplex.pause()
    assert not duplex.write(b"b")
    draining = asyncio.create_task(duplex.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    duplex.go_on()
    await draining

    assert duplex.write(b"c")
    await duplex.drain()
    assert line.sent == [b"a", b"b", b"c"]


async def test_a_drain_that_is_given_up_leaves_the_others_waiting(duplex: TransportDuplex) -> None:
    duplex.pause()
    first, second = asyncio.create_task(duplex.drain()), asyncio.create_task(duplex.drain())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    assert not second.done()
    duplex.go_on()

    await second


async def test_a_drain_ends_with_the_connection(duplex: TransportDuplex) -> None:
    duplex.pause()
    draining = asyncio.create_task(duplex.drain())
    await asyncio.sleep(0)
    duplex.lost(OSError("gone"))

    await draining
    await duplex.drain()


async def test_writes_after_the_end_go_nowhere_in_silence(line: Line, duplex: TransportDuplex) -> None:
    duplex.close()
    duplex.close()
    duplex.write(b"a")
    duplex.lost(None)
    duplex.lost(OSError("again"))
    duplex.write(b"b")

    assert (line.sent, line.ended) == ([], "closed")
    assert await duplex.read() == b""


async def test_an_abort_does_not_wait(line: Line, duplex: TransportDuplex) -> None:
    duplex.abort()

    assert line.ended == "aborted"
