"""The launcher's loop: an order comes in, a process is forked off; it ends when the proxy does."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
from types import FrameType
from typing import NoReturn

from . import descendants, passing, scratch
from .means import Means
from .order import stated
from .passing import Passed
from .supervise import Supervisor


def main(at: int, base: str) -> NoReturn:
    """Serve the proxy at the other end of the socket ``at`` until it is gone; then remove the directory ``base``."""
    launcher = Launcher(socket.socket(fileno=at))
    signal.signal(signal.SIGCHLD, launcher.child_ended)
    launcher.serve()
    # Their control sockets are closed, too: the supervisors are about to end everything.
    for pid in launcher.supervisors:
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            continue
    scratch.remove(base)
    os._exit(0)


class Launcher:
    """Hands each order to a supervisor; the next one is forked off, and made ready, before it is needed."""

    def __init__(self, proxy: socket.socket) -> None:
        self._proxy = proxy
        self._means = Means()
        self._means.kernel.adopt_orphans()
        self.supervisors: set[int] = set()
        self._spare: tuple[bytes, socket.socket] | None = None
        self._prepared: set[bytes] = set()
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        # What is in memory now stays shared with every fork.
        gc.disable()
        gc.freeze()

    def serve(self) -> None:
        """Take orders until the proxy closes its end, on purpose or by dying."""
        signal.set_wakeup_fd(self._wake)
        watched = select.poll()
        watched.register(self._proxy, select.POLLIN)
        watched.register(self._woken, select.POLLIN)
        while True:
            for at, _ in watched.poll():
                if at == self._woken:
                    os.read(self._woken, 4096)
                    self._reap()
                elif not self._take():
                    self._dismiss()
                    return

    def child_ended(self, _number: int, _frame: FrameType | None) -> None:
        """Nothing: the signal wakes the loop."""

    def _take(self) -> bool:
        passed = passing.receive(self._proxy)
        if passed is None:
            return False
        try:
            if not self._handed_over(passed):
                self._dismiss()
                self._fork(passed.kind)
                if not self._handed_over(passed):
                    raise OSError("a supervisor ended at once")
        except OSError as error:
            with socket.socket(fileno=os.dup(passed.files[-1])) as control:
                control.send(json.dumps(stated("setup", error=str(error))).encode())
        else:
            self._prepare(passed)
        finally:
            # Before the next fork, or a stranger would hold the program's pipes open.
            passed.close()
        try:
            self._fork(passed.kind)
        except OSError:
            self._dismiss()  # said when the next order comes and it fails again
        return True

    def _handed_over(self, passed: Passed) -> bool:
        """Whether the spare supervisor is of the kind that is needed, and has the order now."""
        if self._spare is None or self._spare[0] != passed.kind:
            return False
        with self._spare[1] as orders:
            self._spare = None
            try:
                passed.send(orders)
            except OSError:
                return False
        return True

    def _prepare(self, passed: Passed) -> None:
        """Make ready what later orders of this kind want, too; a supervisor for which it is not does it itself."""
        if passed.kind not in self._prepared:
            self._prepared.add(passed.kind)
            with contextlib.suppress(OSError):
                self._means.prepare(passed.order())

    def _dismiss(self) -> None:
        """Do without the spare; it ends when its socket is closed."""
        if self._spare is not None:
            self._spare[1].close()
            self._spare = None

    def _fork(self, kind: bytes) -> None:
        supervisor = Supervisor(self._means, kind)
        uid, gid = os.getuid(), os.getgid()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            pid = supervisor.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (self._proxy.detach(), self._woken, self._wake, ours.detach()):
                    os.close(each)
                supervisor.run(theirs, uid, gid)
            finally:
                os._exit(1)
        theirs.close()
        self.supervisors.add(pid)
        self._spare = (kind, ours)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.supervisors:
                self.supervisors.discard(pid)
                if os.WIFSIGNALED(status):
                    # It cannot clean up any more; what it was to watch over is ours now.
                    descendants.end_children(self.supervisors)
