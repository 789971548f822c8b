"""The launcher from outside: started with the first order, handed orders, ended with the proxy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .launcher.order import Order
from .launcher.passing import Passed, kind_of, written

END_SECONDS = 5.0
SPARE_SECONDS = 0.1
"""The next process of a kind is made when one of them has ended, so that it does not take the processor from it; so
many seconds after an order that still goes on.
"""

# Isolated, without site packages; the directory comes last, so that nothing in it hides a module of Python's own.
_CODE = "import sys; sys.path.append(sys.argv[3]); from launcher.serve import main; main(int(sys.argv[1]), sys.argv[2])"


def command(interpreter: str = sys.executable) -> tuple[str, ...]:
    """The beginning of the launcher's command line; the socket, its directory and where its code lies are added."""
    return (interpreter, "-I", "-S", "-X", "utf8", "-c", _CODE)


class LauncherLost(Exception):
    """The launcher is not there, or ended before it took the order."""


class Launching:
    """Starts the launcher when it is first needed and again after it died."""

    def __init__(self, *, argv: Sequence[str] | None = None, within: Path | None = None) -> None:
        """``argv`` is another command to start it with, ``within`` another directory than that for temporary files."""
        self._argv = tuple(argv) if argv is not None else command()
        self._within = within
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._spares: dict[bytes, socket.socket] = {}
        self._timers: dict[bytes, asyncio.TimerHandle] = {}
        self._spent: list[socket.socket] = []
        self._wanted: set[bytes] = set()
        self._count = 0
        self._left: list[Path] = []
        self.base: Path | None = None

    @property
    def pid(self) -> int | None:
        """The launcher's, None while there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> Path:
        """Make sure that one runs; the directory in which it keeps what runs need. Raises LauncherLost."""
        if self._process is not None and self._process.poll() is None and self.base is not None:
            return self.base
        self.abandon(self.base)
        try:
            self.base = Path(tempfile.mkdtemp(prefix="codexplus-", dir=self._within)).resolve()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise LauncherLost(str(error)) from error
        ours.setblocking(False)
        # Some builds of Python find their own library only so.
        env = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*self._argv, str(theirs.fileno()), str(self.base), str(Path(__file__).parent)],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env=env,
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise LauncherLost(str(error)) from error
        self._socket = ours
        return self.base

    def scratch(self) -> str:
        """A new name for the directory of one run; the launcher makes it."""
        self._count += 1
        return f"{self.start()}/{self._count}"

    def send(self, order: Order, files: Sequence[int]) -> None:
        """Hand over an order with the program's input, output, errors and the control socket. Raises LauncherLost."""
        if self._socket is None or order["base"] != str(self.base):
            # Another order found it dead meanwhile; what this one says about directories is no longer true.
            raise LauncherLost("it was replaced")
        kind = kind_of(order)
        paper = os.memfd_create("codexplus-order", os.MFD_CLOEXEC)
        try:
            os.write(paper, written(order))
            passed = Passed(kind, [paper, *files])
            if not self._taken_by_spare(passed):
                passed.send(self._socket)
        except OSError as error:
            # Also when it takes nothing any more: its queue is longer than we let runs wait side by side.
            raise LauncherLost(str(error)) from error
        finally:
            os.close(paper)
        self._forget_timer(kind)
        self._timers[kind] = asyncio.get_running_loop().call_later(SPARE_SECONDS, self.ended, order)

    def ended(self, order: Order) -> None:
        """An order was seen through: there is time to get ready for the next one of its kind.

        Not after a probe: the launcher learns from the first order what others like it will want.
        """
        kind = kind_of(order)
        self._forget_timer(kind)
        if not order["probe"]:
            self._want(kind)

    def _forget_timer(self, kind: bytes) -> None:
        if (timer := self._timers.pop(kind, None)) is not None:
            timer.cancel()

    def _taken_by_spare(self, passed: Passed) -> bool:
        """Whether a process that the launcher had made before has the order now."""
        self._fetch()
        spare = self._spares.pop(passed.kind, None)
        if spare is None:
            return False
        # Closed later: that wakes the other end, too, which has better things to do now.
        self._spent.append(spare)
        try:
            passed.send(spare)
        except OSError:
            return False  # somebody killed it
        return True

    def _want(self, kind: bytes) -> None:
        """Have the launcher make the next process of this kind."""
        self._fetch()
        self._close_spent()
        if self._socket is None or kind in self._wanted or kind in self._spares:
            return
        # A launcher that is gone is found out with the next order.
        with contextlib.suppress(OSError):
            Passed(kind, []).send(self._socket)
            self._wanted.add(kind)

    def _close_spent(self) -> None:
        while self._spent:
            self._spent.pop().close()

    def _fetch(self) -> None:
        """Take what the launcher has made."""
        while self._socket is not None and self._wanted:
            try:
                kind, files, _, _ = socket.recv_fds(self._socket, 1, 1, socket.MSG_CMSG_CLOEXEC)
            except OSError:
                return
            if not files:
                return
            self._wanted.discard(kind)
            spare = socket.socket(fileno=files[0])
            self._spares.setdefault(kind, spare)
            if self._spares[kind] is not spare:
                spare.close()

    def abandon(self, base: Path | None) -> None:
        """Do without the one whose directory is ``base``: it is dead or does not answer."""
        if base != self.base:
            return  # somebody else did so before, and this one is new
        self.base = None
        if self._process is not None:
            self._process.kill()
        self._end()
        if base is not None:
            try:
                base.rmdir()
            except OSError:
                # What was started before may still be running in there.
                self._left.append(base)

    def close(self) -> None:
        """End it; the next order starts another. Blocks for the moment that takes."""
        self._end()
        if self.base is not None:
            self._left.append(self.base)
            self.base = None
        while self._left:
            shutil.rmtree(self._left.pop(), ignore_errors=True)

    def _end(self) -> None:
        for spare in self._spares.values():
            spare.close()
        self._spares.clear()
        self._close_spent()
        self._wanted.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
