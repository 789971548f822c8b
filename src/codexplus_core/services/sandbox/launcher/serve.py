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

SPARE_MS = 5
"""How long after an order the next supervisor is made, unless something ends before."""


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
    """Hands each order to a supervisor; the next one of its kind is forked off, and made ready, before it is needed."""

    def __init__(self, proxy: socket.socket) -> None:
        self._proxy = proxy
        self._means = Means()
        self._means.kernel.adopt_orphans()
        self.supervisors: set[int] = set()
        self._spares: dict[bytes, socket.socket] = {}
        self._wanted = b""
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
            events = watched.poll(SPARE_MS if self._wanted else None)
            taken = False
            for at, _ in events:
                if at == self._woken:
                    os.read(self._woken, 4096)
                    self._reap()
                elif not self._take():
                    self._dismiss()
                    return
                else:
                    taken = True
            if self._wanted and not taken:
                self._make_spare(self._wanted)

    def child_ended(self, _number: int, _frame: FrameType | None) -> None:
        """Nothing: the signal wakes the loop."""

    def _take(self) -> bool:
        passed = passing.receive(self._proxy)
        if passed is None:
            return False
        try:
            if not self._handed_over(passed):
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
        self._wanted = passed.kind
        return True

    def _make_spare(self, kind: bytes) -> None:
        """Fork off the next supervisor: later, so that it does not take the processor from the one at work."""
        self._wanted = b""
        if kind not in self._spares:
            # Said when the next order comes and it fails again.
            with contextlib.suppress(OSError):
                self._fork(kind)

    def _handed_over(self, passed: Passed) -> bool:
        """Whether there is a spare supervisor of the kind that is needed, and it has the order now."""
        spare = self._spares.pop(passed.kind, None)
        if spare is None:
            return False
        with spare as orders:
            try:
                passed.send(orders)
            except OSError:
                return False
        return True

    def _prepare(self, passed: Passed) -> None:
        """Make ready what later orders of this kind want, too; a supervisor for which it is not does it itself."""
        if passed.kind not in self._prepared:
            order = passed.order()
            if order["level"] == "process":
                return  # nothing holds it; the next one may want more
            self._prepared.add(passed.kind)
            with contextlib.suppress(OSError):
                self._means.prepare(order)

    def _dismiss(self) -> None:
        """Do without the spares; each ends when its socket is closed."""
        for spare in self._spares.values():
            spare.close()
        self._spares.clear()

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
                # The other spares' sockets, too, or those would not see that they are dismissed.
                for each in (self._proxy, ours, *self._spares.values()):
                    each.close()
                for at in (self._woken, self._wake):
                    os.close(at)
                supervisor.run(theirs, uid, gid)
            finally:
                os._exit(1)
        theirs.close()
        self.supervisors.add(pid)
        self._spares[kind] = ours

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
