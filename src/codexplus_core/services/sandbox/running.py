"""One program under way: its input is fed, its outputs are kept, its end is waited for or brought about."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from dataclasses import dataclass

from ..output import Kept
from .launcher.order import Order, Report
from .launching import LauncherLost, Launching

KILL_SECONDS = 10.0
"""How long a killed program may take to be gone; one that hangs in the kernel is left behind then."""

LEASE_SECONDS = 30.0
"""How much later than the proxy the launcher itself ends a run, should the proxy be stuck."""

_PART = 65536


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended; ``report`` is None where the supervisor was lost."""

    report: Report | None
    timed_out: bool


class Running:
    """Sends one order and sees it through on the running event loop."""

    def __init__(self, launching: Launching, stdin: bytes, output_limit: int) -> None:
        self._launching = launching
        self._input = memoryview(stdin)
        self.stdout = Kept(output_limit)
        self.stderr = Kept(output_limit)
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Report | None] = self._loop.create_future()
        self._drained = asyncio.Event()
        self._began = False
        self._open: set[int] = set()
        self._feeding = -1
        self._is_feeding = False
        self._control: socket.socket | None = None

    @property
    def drained(self) -> bool:
        """Whether both outputs were closed by everybody who had them."""
        return self._drained.is_set()

    async def run(self, order: Order, timeout: float | None) -> Ended:
        """See the program through. Raises LauncherLost only where it never began."""
        if timeout is not None:
            order["lease"] = timeout + LEASE_SECONDS
        timed_out = False
        try:
            self._start(order)
            try:
                async with asyncio.timeout(timeout):
                    await asyncio.shield(self._ended)
            except TimeoutError:
                timed_out = True
                self._give_up()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KILL_SECONDS):
                    await asyncio.shield(self._ended)
                    await self._drained.wait()
            said = self._ended.result() if self._ended.done() else None
            if said is None and not self._began and not timed_out:
                raise LauncherLost("it ended before the program began")
            return Ended(said, timed_out)
        finally:
            # Closing the control socket ends whatever still runs.
            self._close()
            self._launching.ended(order)

    def _start(self, order: Order) -> None:
        theirs: list[int] = []
        try:
            if self._input:
                standard_input, self._feeding = os.pipe()
                # Most inputs fit into the pipe at once, and nobody has to come back for them.
                os.set_blocking(self._feeding, False)
                self._feed()
            else:
                # Not an empty pipe: of what comes through one, some programs (rg) think that it is to be searched.
                standard_input = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            theirs.append(standard_input)
            for kept in (self.stdout, self.stderr):
                ours, other = os.pipe()
                theirs.append(other)
                self._open.add(ours)
                os.set_blocking(ours, False)
                self._loop.add_reader(ours, self._read, ours, kept)
            self._control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control.setblocking(False)
            self._loop.add_reader(self._control.fileno(), self._listen)
            with control:
                self._launching.send(order, [*theirs, control.fileno()])
        finally:
            for each in theirs:
                os.close(each)
        if self._feeding >= 0:
            self._is_feeding = True
            self._loop.add_writer(self._feeding, self._feed)

    def _read(self, at: int, kept: Kept) -> None:
        try:
            data = os.read(at, _PART)
        except BlockingIOError:
            return
        if data:
            kept.add(data)
            return
        self._loop.remove_reader(at)
        os.close(at)
        self._open.discard(at)
        if not self._open:
            self._drained.set()

    def _feed(self) -> None:
        try:
            self._input = self._input[os.write(self._feeding, self._input[:_PART]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._input = self._input[:0]
        if not self._input:
            self._stop_feeding()

    def _stop_feeding(self) -> None:
        if self._is_feeding:
            self._loop.remove_writer(self._feeding)
        os.close(self._feeding)
        self._feeding = -1

    def _listen(self) -> None:
        assert self._control is not None
        try:
            message = self._control.recv(_PART)
        except BlockingIOError:
            return
        except ConnectionResetError:
            message = b""
        said: Report | None = json.loads(message) if message else None
        if said is not None and said["stage"] == "began":
            self._began = True
            return
        self._loop.remove_reader(self._control.fileno())
        if not self._ended.done():
            self._ended.set_result(said)

    def _give_up(self) -> None:
        """Say that the program is no longer wanted; the report still comes."""
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_WR)

    def _close(self) -> None:
        if self._control is not None:
            self._loop.remove_reader(self._control.fileno())
            self._control.close()
        for at in self._open:
            self._loop.remove_reader(at)
            os.close(at)
        self._open.clear()
        if self._feeding >= 0:
            self._stop_feeding()
        if not self._ended.done():
            self._ended.cancel()
