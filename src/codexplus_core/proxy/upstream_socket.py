"""An upgraded connection on a curl handle: raw bytes both ways once the upstream has answered 101."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from curl_cffi import CurlECode, CurlError, CurlHttpVersion, CurlInfo, CurlOpt
from curl_cffi.curl import CURL_READFUNC_PAUSE, CURLPAUSE_CONT, CURLPAUSE_RECV

from .transport import Duplex, Headers, UpstreamCut, UpstreamRequest
from .upstream_easy import Handle
from .upstream_handle import QUEUE_LIMIT, Transfer
from .upstream_multi import Multi

_LOW = QUEUE_LIMIT // 4
# What an upstream that has stopped reading gets to take the rest.
_LINGER_S = 10.0
_POLL_S = 0.01


class UpgradeHandle(Handle):
    """A handle for one upgraded connection; it never serves another request.

    The URL stays http: curl takes every 101 for a switch to raw bytes, and what is uploaded for the way up. Its own
    ``ws://`` would do the same, but it drops the body of a refusal.
    """

    __slots__ = ()

    def prepare(self, request: UpstreamRequest) -> None:
        """Set the handshake's options; without a length or chunks what is uploaded goes up as it is."""
        setopt = self.curl.setopt
        setopt(CurlOpt.HTTP_VERSION, CurlHttpVersion.V1_1)
        setopt(CurlOpt.HTTPPROXYTUNNEL, 1)
        setopt(CurlOpt.FRESH_CONNECT, 1)
        setopt(CurlOpt.FORBID_REUSE, 1)
        # The library appends: the request's own headers follow.
        setopt(CurlOpt.HTTPHEADER, [b"Connection: Upgrade", b"Upgrade: websocket", b"Transfer-Encoding:"])
        super().prepare(request)
        setopt(CurlOpt.UPLOAD, 1)


class Handshake(Transfer):
    """A running handshake, and the connection where it succeeded; where not, an answer like any other."""

    __slots__ = ("_closing", "_drained", "_given", "_lingering", "_out", "_uploading", "_waiting")

    _switches = True

    def __init__(self, multi: Multi, handle: Handle, origin: str, on_end: Callable[[Transfer, Handle], None]) -> None:
        super().__init__(multi, handle, origin, on_end)
        self._out: deque[bytes | memoryview] = deque()
        self._waiting = 0
        self._given = 0
        self._uploading = False
        self._closing = False
        self._drained: asyncio.Future[None] | None = None
        self._lingering: asyncio.TimerHandle | None = None

    def start(self, request: UpstreamRequest) -> None:
        """Hand the handshake to curl; nothing is sent before the loop runs."""
        assert self._handle is not None
        self._handle.curl.setopt(CurlOpt.READFUNCTION, self._on_upload)
        super().start(request)

    def send(self, data: bytes) -> bool:
        """Send bytes in the loop's next turn; False where too many wait by now."""
        if data and self._handle is not None and not self._closing:
            self._out.append(data)
            self._waiting += len(data)
            if not self._uploading:
                self._upload()
        return self._waiting < QUEUE_LIMIT

    async def sent(self) -> None:
        """Wait until more may be sent, or the connection has ended."""
        while self._waiting > _LOW and self._handle is not None:
            if self._drained is None:
                self._drained = self._multi.loop.create_future()
            await asyncio.shield(self._drained)

    def leave(self) -> None:
        """End the connection once all that waits has been sent."""
        if self._handle is None:
            self.close()
        if self._handle is None or self._closing:
            return
        self._closing = True
        self._lingering = self._multi.loop.call_later(_LINGER_S, self.end)
        if not self._uploading:
            self._multi.loop.call_soon(self._leave_when_sent)

    def end(self) -> None:
        """End the connection at once."""
        if self._handle is not None:
            self._multi.remove(self._handle.curl)
            self._finish(None)

    @property
    def waiting_for_upstream(self) -> bool:
        """Whether silence is the upstream's fault; on an upgraded connection it is nobody's."""
        return self.status != 101 and super().waiting_for_upstream

    def _upload(self) -> None:
        if self._handle is None:
            return
        self._uploading = True
        # curl refuses where the transfer has ended and it has not said so yet.
        with contextlib.suppress(CurlError):
            self._handle.curl.pause(CURLPAUSE_RECV if self._paused else CURLPAUSE_CONT)

    def _go_on(self) -> None:
        with contextlib.suppress(CurlError):
            super()._go_on()

    def _leave_when_sent(self) -> None:
        if self._handle is None:
            return
        # What curl has taken may still wait for the socket, and curl does not tell when that is over.
        if int(self._handle.curl.getinfo(CurlInfo.SIZE_UPLOAD_T)) < self._given:  # type: ignore[arg-type]
            self._multi.loop.call_later(_POLL_S, self._leave_when_sent)
            return
        self.end()

    def _on_upload(self, room: int) -> bytes | memoryview | int:
        if self.status >= 200:  # refused: there is nothing to upload
            return b""
        out = self._out
        if not out:
            self._uploading = False
            if self._closing:
                self._multi.loop.call_soon(self._leave_when_sent)
            return CURL_READFUNC_PAUSE
        data = out.popleft()
        if len(data) > room:
            view = memoryview(data)
            data = view[:room]
            out.appendleft(view[room:])
        elif out:
            data = self._joined(data, room)
        self._waiting -= len(data)
        self._given += len(data)
        if self._waiting <= _LOW:
            self._release()
        return data

    def _joined(self, first: bytes | memoryview, room: int) -> bytes:
        parts = [first]
        room -= len(first)
        while self._out and len(self._out[0]) <= room:
            room -= len(self._out[0])
            parts.append(self._out.popleft())
        return b"".join(parts)

    def _release(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def _on_header(self, line: bytes) -> int:
        size = super()._on_header(line)
        if line in (b"\r\n", b"\n") and self.status == 101:
            self._head = True
            self._wake()
        elif self._head and not self._uploading:
            # The answer is not over for curl while it hopes for an upload.
            self._multi.loop.call_soon(self._upload)
        return size

    def ended(self, error: BaseException | None) -> None:
        """Curl is done with it."""
        # Its name for an end without a byte of body.
        if self.status == 101 and getattr(error, "code", 0) == CurlECode.GOT_NOTHING:
            error = None
        super().ended(error)

    def _finish(self, error: Exception | None) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        self._out.clear()
        self._waiting = 0
        self._release()
        if self._closing:
            self._queue.clear()  # whoever has left reads no more
            self._size = 0
        super()._finish(error)


class CurlSocket:
    """The bytes of a handshake that succeeded: a Duplex."""

    __slots__ = ("_piped", "_transfer")

    def __init__(self, transfer: Handshake) -> None:
        self._transfer = transfer
        self._piped: asyncio.Task[None] | None = None

    async def read(self) -> bytes:
        """What has come since the last call; ``b""`` at the end. Raises ConnectionError where it broke."""
        try:
            return await self._transfer.read()
        except UpstreamCut as cut:
            raise ConnectionResetError(str(cut)) from None

    def pipe(self, write: Callable[[bytes], bool]) -> asyncio.Future[None]:
        """Hand all bytes to ``write`` from now on; the future is done at the end."""
        self._piped = piped = asyncio.get_running_loop().create_task(self._pipe(write), name="codexplus-upstream-pipe")
        # Who piped may have left already.
        piped.add_done_callback(lambda done: done.cancelled() or done.exception())
        return piped

    async def _pipe(self, write: Callable[[bytes], bool]) -> None:
        try:
            await self._transfer.pipe(write)
        except UpstreamCut as cut:
            raise ConnectionResetError(str(cut)) from None

    def resume(self) -> None:
        """Let bytes come again."""
        self._transfer.resume()

    def write(self, data: bytes) -> bool:
        """Send bytes; False where too many wait by now."""
        return self._transfer.send(data)

    async def drain(self) -> None:
        """Wait until more may be sent."""
        await self._transfer.sent()

    def close(self) -> None:
        """Send what waits, then end the connection."""
        self._transfer.leave()

    def abort(self) -> None:
        """End the connection at once."""
        self._transfer.end()
        self._transfer.close()


class CurlUpgraded:
    """An upstream that agreed: the headers of its 101, and the connection."""

    __slots__ = ("headers", "socket")

    def __init__(self, transfer: Handshake) -> None:
        self.headers: Headers = transfer.headers
        self.socket: Duplex = CurlSocket(transfer)
