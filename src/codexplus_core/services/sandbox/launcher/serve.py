"""The launcher's loop: an order comes in, a process is forked off; it ends when the proxy does."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from . import descendants, passing, scratch
from .means import Means
from .order import stated
from .supervise import Supervisor


def main(at: int, base: str) -> NoReturn:
    """Serve the proxy at the other end of the socket ``at`` until it is gone; then remove the directory ``base``."""
    launcher = Launcher(socket.socket(fileno=at), base)
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
    """Forks off a supervisor for an order, or, before there is one, for the proxy to hand its next order to."""

    def __init__(self, proxy: socket.socket, base: str) -> None:
        self._proxy = proxy
        self._base = base
        self._means = Means()
        self._means.kernel.adopt_orphans()
        self.supervisors: set[int] = set()
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
                    return

    def child_ended(self, _number: int, _frame: FrameType | None) -> None:
        """Nothing: the signal wakes the loop."""

    def _take(self) -> bool:
        passed = passing.receive(self._proxy, or_none=True)
        if passed is None:
            return False
        if not passed.files:
            self._offer(passed.kind)
            return True
        try:
            with self._fork(passed.kind, passed.files) as orders:
                passed.send(orders)
        except OSError as error:
            with socket.socket(fileno=os.dup(passed.files[-1])) as control:
                control.send(json.dumps(stated("setup", error=str(error))).encode())
        else:
            # What later orders of this kind want, too; a supervisor for which it is not ready does it itself.
            with contextlib.suppress(OSError):
                self._means.prepare(passed)
        finally:
            passed.close()
        return True

    def _offer(self, kind: bytes) -> None:
        """Fork off a supervisor of this kind and give the proxy the way to it."""
        # Said when the next order comes and it fails again.
        with contextlib.suppress(OSError), self._fork(kind, ()) as orders:
            socket.send_fds(self._proxy, [kind], [orders.fileno()])

    def _fork(self, kind: bytes, files: Sequence[int]) -> socket.socket:
        """The way to a new supervisor, in which ``files`` are closed. Raises OSError."""
        supervisor = Supervisor(self._means, kind, self._base)
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
                for each in (self._proxy, ours):
                    each.close()
                # A stranger must not hold a program's pipes open.
                for at in (self._woken, self._wake, *files):
                    os.close(at)
                supervisor.run(theirs, uid, gid)
            finally:
                os._exit(1)
        theirs.close()
        self.supervisors.add(pid)
        return ours

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
