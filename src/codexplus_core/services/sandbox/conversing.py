"""A sandboxed program that is talked to: its order is sent, its pipes become the streams of a Running."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket

from ..run import CannotStart
from ..talking import OnErrors, Streams
from ..talking import Running as Talking
from .launcher.order import Order, Report
from .launching import LauncherLost, Launching
from .level import SandboxRefused

BEGIN_SECONDS = 30.0
"""How long the launcher may take until the program begins."""


async def start_order(launching: Launching, order: Order, name: str, on_errors: OnErrors | None) -> Talking:
    """Start the program of an order; its ``pid`` is not known.

    Raises LauncherLost where it never began, SandboxRefused where the sandbox could not be set up.
    """
    streams = Streams(on_errors)
    control = _Control(name, streams)
    talking = Talking(streams, order["level"], control.end)
    talking.when_closed(control.close)
    try:
        await _open_pipes(launching, order, talking, streams, control)
        async with asyncio.timeout(BEGIN_SECONDS):
            await control.begun
    except TimeoutError:
        control.end(True)
        talking.close_now()
        raise LauncherLost("the program did not begin") from None
    except BaseException:
        control.end(True)
        talking.close_now()
        raise
    return talking


async def _open_pipes(
    launching: Launching, order: Order, talking: Talking, streams: Streams, control: _Control
) -> None:
    loop = asyncio.get_running_loop()
    theirs: list[int] = []
    ours: list[int] = []
    try:
        standard_input, feeding = os.pipe()
        theirs.append(standard_input)
        ours.append(feeding)
        for _ in range(2):
            reading, other = os.pipe()
            theirs.append(other)
            ours.append(reading)
        theirs.append(control.socketpair())
        launching.send(order, theirs)
        control.listen(loop)
        into, _ = await loop.connect_write_pipe(lambda: _Into(streams), os.fdopen(ours.pop(0), "wb", buffering=0))
        talking.when_closed(into.close)
        out, _ = await loop.connect_read_pipe(lambda: _Out(streams), os.fdopen(ours.pop(0), "rb", buffering=0))
        talking.when_closed(out.close)
        errors, _ = await loop.connect_read_pipe(lambda: _Errors(streams), os.fdopen(ours.pop(0), "rb", buffering=0))
        talking.when_closed(errors.close)
        streams.opened(into, out)
    finally:
        for each in (*theirs, *ours):
            os.close(each)


class _Control:
    """The socket to the supervisor: it says that the program began and how it ended, and dies with our interest."""

    def __init__(self, name: str, streams: Streams) -> None:
        self._name = name
        self._streams = streams
        self._socket: socket.socket | None = None
        self._loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = self._loop.create_future()

    def socketpair(self) -> int:
        """The supervisor's end, to be closed by the caller."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        return theirs.detach()

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear what it says."""
        assert self._socket is not None
        loop.add_reader(self._socket.fileno(), self._heard)

    def end(self, hard: bool) -> None:
        """Say that the program is no longer wanted; it is killed, with all its children. There is no gentler way."""
        if hard and self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def _heard(self) -> None:
        assert self._socket is not None
        try:
            message = self._socket.recv(65536)
        except BlockingIOError:
            return
        except ConnectionResetError:
            message = b""
        said: Report | None = json.loads(message) if message else None
        if said is not None and said["stage"] == "began":
            self._began(None)
            return
        self._loop.remove_reader(self._socket.fileno())
        self._began(self._trouble(said))
        self._streams.has_ended(None if said is None else said["code"])

    def _trouble(self, said: Report | None) -> Exception:
        if said is None or said["stage"] == "ended":
            return LauncherLost("it ended before the program began")
        if said["stage"] == "setup":
            return SandboxRefused(
                f"{self._name}: the sandbox could not be set up ({said['error']}); see codex-plus doctor"
            )
        return CannotStart(f"{self._name}: cannot be started ({said['error']}); check that the file is executable")

    def _began(self, trouble: Exception | None) -> None:
        if self.begun.done():
            return
        if trouble is None:
            self.begun.set_result(None)
        else:
            self.begun.set_exception(trouble)

    def close(self) -> None:
        """Hang up; the program is killed if it still runs."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self.begun.cancel()


class _Into(asyncio.BaseProtocol):
    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def pause_writing(self) -> None:
        self._streams.takes(more=False)

    def resume_writing(self) -> None:
        self._streams.takes(more=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._streams.takes(more=True)


class _Out(asyncio.Protocol):
    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def data_received(self, data: bytes) -> None:
        self._streams.printed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._streams.fell_silent()


class _Errors(asyncio.Protocol):
    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def data_received(self, data: bytes) -> None:
        self._streams.complained(data)
