"""One transfer on a pooled curl handle: its callbacks, its queue, its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from curl_cffi.curl import CURL_WRITEFUNC_ERROR, CURL_WRITEFUNC_PAUSE, CURLPAUSE_CONT

from .chunks import BrokenFraming, Chunks, is_chunk
from .transport import Framed, Headers, Passing, UpstreamCut, UpstreamError, UpstreamRequest, Write
from .upstream_answer import read_answer_head
from .upstream_easy import Handle, failure_of
from .upstream_multi import Multi

QUEUE_LIMIT = 256 * 1024
"""Bytes that wait for a slow reader before the upstream is paused."""
_BLANK = b"\n\n"


class Transfer:
    """A running request and its answer; ``on_end`` gets the handle back, once, when curl has let go of it."""

    __slots__ = (
        "_chunks", "_error", "_flows", "_framed", "_handle", "_head", "_held", "_lines", "_multi", "_on_end",
        "_passing", "_paused", "_queue", "_quick", "_size", "_skims", "_waiter", "_window", "_write", "headers", "idle",
        "origin", "status",
    )  # fmt: skip
    _switches = False  # whether a 101 is an answer to what is asked

    def __init__(self, multi: Multi, handle: Handle, origin: str, on_end: Callable[[Transfer, Handle], None]) -> None:
        self.status = 0
        self.headers: Headers = []
        self.origin = origin
        self.idle = 0
        """Ticks of the watchdog since a byte came; the watchdog counts, every byte sets it back."""
        self._multi = multi
        self._handle: Handle | None = handle
        self._on_end = on_end
        self._queue: deque[bytes] = deque()
        self._size, self._window = 0, -1
        self._write: Write | None = None
        self._framed: Framed | None = None
        self._passing: Passing | None = None
        self._quick: Write | None = None
        self._skims: Write | None = None
        self._head = self._flows = self._paused = self._held = False
        self._lines: list[bytes] = []
        self._chunks: Chunks | None = None
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def start(self, request: UpstreamRequest) -> None:
        """Hand the request to curl; nothing is sent before the loop runs."""
        handle = self._handle
        assert handle is not None
        handle.prepare(request)
        handle.curl.take(self._on_header, self._on_body)
        self._multi.begin(handle.curl, self)

    async def head(self) -> None:
        """Wait until status and headers are here."""
        while not self._head:
            if isinstance(self._error, UpstreamCut):
                raise UpstreamError("connect", str(self._error)) from None
            if self._error is not None:
                raise self._error
            if self._handle is None:
                raise UpstreamError("protocol", f"{self.origin} ended without an answer; try again")
            self._waiter = waiter = self._multi.loop.create_future()
            await waiter

    async def read(self) -> bytes:
        """What has come since the last call, in one piece; ``b""`` at the clean end."""
        queue = self._queue
        while True:
            while not queue:
                if self._error is not None:
                    raise self._error
                if self._handle is None:
                    self._check_whole()
                    return b""
                self._waiter = waiter = self._multi.loop.create_future()
                await waiter
            data = self._taken()
            if self._paused:
                self._go_on()
            if self._chunks is None:
                return data
            try:
                data = self._chunks.bodies(data)
            except BrokenFraming as error:
                raise UpstreamCut(f"{self.origin} broke off its answer: {error}") from None
            if data:
                return data

    @property
    def over(self) -> bool:
        """Whether nothing comes after what was read, and this is the clean end."""
        return self._handle is None and self._error is None and not self._queue and not self._is_cut()

    async def skim(self, passing: Passing) -> bytes:
        """As ``read``, but what ``passing`` takes has gone out by then and is not returned."""
        if self._handle is not None and self._error is None and not self._queue:
            chunks = self._chunks
            self._quick = passing.bare if chunks is None else passing.chunk if chunks.between else None
            # What comes goes to ``passing``; ``bool`` stands for the reader that is looked for.
            self._passing, self._write = passing, bool
            self._waiter = waiter = self._multi.loop.create_future()
            try:
                await waiter
            finally:
                self._passing = self._write = None
        return await self.read()

    async def pipe(self, write: Write, framed: Framed | None = None, passing: Passing | None = None) -> None:
        """Hand everything to ``write`` as it comes, chunks to ``framed`` in their framing; returns at the clean end."""
        self._write, self._framed = write, framed
        if passing is not None:
            self._skims = passing.bare if self._chunks is None else passing.chunk
        try:
            self.pass_on()
            while self._handle is not None or self._queue:
                self._waiter = waiter = self._multi.loop.create_future()
                await waiter
        finally:
            # Two connections that write into each other would keep each other until the collector comes.
            self._write = self._framed = self._quick = self._skims = None
        if self._error is not None:
            raise self._error
        self._check_whole()

    def _is_cut(self) -> bool:
        # curl takes some framings for none, and then the end of the connection for the body's.
        return self._chunks is not None and self._chunks.cut

    def _check_whole(self) -> None:
        if self._is_cut():
            raise UpstreamCut(f"{self.origin} broke off its answer: the last chunk is missing")

    def resume(self) -> None:
        """Let bytes come again."""
        self._held = False
        self.pass_on()

    def pass_on(self) -> None:
        """Hand what has come to ``write``, unless it has asked to be left alone."""
        write, queue = self._write, self._queue
        if self._held or write is None:
            return
        if queue:
            # Every event passes here, and calls weigh.
            count = len(queue)
            data = queue.popleft() if count == 1 else self._taken()
            self._size = 0
            chunks, flows = self._chunks, self._flows
            if not flows:
                self._flows = True  # short answers are this one piece, and are not to wait for others
            else:
                self._window = self._multi.coalescing.count(count, len(data), self._window)
            framed, quick = self._framed, self._quick
            if framed is not None and flows and chunks is not None and chunks.between and is_chunk(data):
                self._held = not framed(data, False)
            elif quick is not None and quick(data):
                pass
            elif self._passing is not None:
                self._offer(self._passing, data)
            elif chunks is None:
                self._held = not write(data)
                self._quick = self._skims
            else:
                self._follow(chunks, write, data)
                self._quick = self._skims if chunks.between else None
        if self._paused and not self._held:
            self._go_on()
        if self._handle is None and not self._held:
            self._wake()

    def _offer(self, passing: Passing, data: bytes) -> None:
        chunks = self._chunks
        start, size = (0, len(data)) if chunks is None else chunks.whole(data, _BLANK)
        if not (size and (start or data.endswith(_BLANK)) and passing.take(data, start, size)):
            # It is for ``read``, and so is what comes until ``skim`` is called again.
            self._passing = self._write = None
            self._queue.appendleft(data)
            self._size += len(data)
            self._wake()

    def _follow(self, chunks: Chunks, write: Write, data: bytes) -> None:
        framed = self._framed
        try:
            if framed is None:
                data = chunks.bodies(data)
                self._held = bool(data) and not write(data)
            else:
                data = chunks.feed(data)
                self._held = bool(data) and not framed(data, chunks.closed)
        except BrokenFraming as error:
            self.fail(UpstreamCut(f"{self.origin} broke off its answer: {error}"))

    def _taken(self) -> bytes:
        data, self._size = b"".join(self._queue), 0
        self._queue.clear()
        return data

    def _go_on(self) -> None:
        self._paused = False
        if self._handle is not None:
            self._handle.curl.pause(CURLPAUSE_CONT)  # curl delivers what it holds within this very call

    def close(self) -> None:
        """Drop the answer; a transfer that still runs is aborted at once."""
        self.abort(UpstreamCut(f"the answer of {self.origin} was closed here"))
        self._queue, self._size = deque(), 0
        self._write = self._framed = None
        self._wake()  # a pipe that was told to wait has nothing to wait for any more

    def abort(self, error: Exception) -> None:
        """End a running transfer with ``error``; one that has ended keeps its end."""
        if self._handle is None:
            return
        self._multi.remove(self._handle.curl)
        self._finish(error)

    def fail(self, error: Exception) -> None:
        """End it with ``error``, also where curl is done and has found nothing wrong."""
        self.abort(error)
        self._error = self._error or error
        self._wake()

    @property
    def waiting_for_upstream(self) -> bool:
        """Whether the next byte is the upstream's to send (not ours to read)."""
        return not self._paused and not self._queue

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # The two callbacks run inside curl: an exception there would be a broken transfer, so nothing in them may raise.
    def _on_header(self, line: bytes) -> int:
        self.idle = 0
        if self._head:  # trailers
            return len(line)
        if line != b"\r\n" and line != b"\n":
            self._lines.append(line)
            return len(line)
        lines, self._lines = self._lines, []
        self.status, self.headers, chunked = read_answer_head(lines)
        if self.status >= 200:
            self._head = True
            if chunked:
                self._chunks = Chunks()
            self._wake()
        elif self.status == 101 and not self._switches:
            return CURL_WRITEFUNC_ERROR  # nobody asked for it, and no answer would ever come behind it
        return len(line)

    def _on_body(self, data: bytes) -> int:
        if self._size >= QUEUE_LIMIT:
            self._paused = True
            return CURL_WRITEFUNC_PAUSE
        size = len(data)
        self.idle = 0
        queue = self._queue
        if self._write is not None:
            if not queue:
                multi = self._multi
                if multi.stepping:
                    multi.loaded.append(self)
                else:
                    multi.load(self)
        else:
            waiter = self._waiter
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
        queue.append(data)
        self._size += size
        return size

    def ended(self, error: BaseException | None) -> None:
        """Curl is done with it."""
        if self._handle is not None:
            self._finish(None if error is None else failure_of(error, self.origin, begun=self._head))

    def _finish(self, error: Exception | None) -> None:
        handle, self._handle, self._error = self._handle, None, error
        self._wake()
        if handle is not None:
            handle.curl.let_go()
            self._on_end(self, handle)
