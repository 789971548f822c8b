"""The process above one program: it starts it, waits, ends everything that is left, and reports."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from typing import Literal, NoReturn

from . import child, descendants, mounts, passing, scratch
from .kernel import CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER
from .means import Means
from .order import Order, Report, stated
from .passing import Passed

_NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC


class Supervisor:
    """Waits for an order and sees it through. With namespaces it is process 1 of one, else every orphan comes to it.

    What is to hold the program is put in place by a child of it, which takes the order and becomes the program. A
    program that nothing holds it starts itself: a child that waits would have to be torn down first, and that takes
    longer than the start.
    """

    _order: Order
    _control: socket.socket
    _began: float
    _child: int
    _errors: int
    _told: socket.socket

    def __init__(self, means: Means, kind: bytes, base: str) -> None:
        self._means = means
        self._kind = kind
        self._base = base
        self._launcher = os.getpid()

    @property
    def _is_alone(self) -> bool:
        return self._kind in (passing.ALONE, passing.ALONE_WITH_NETWORK)

    def fork(self) -> int:
        """Start the supervisor; its pid to the caller, 0 in the supervisor. Raises OSError."""
        if not self._is_alone:
            return os.fork()
        return self._means.kernel.fork_into(_NAMESPACES | (CLONE_NEWNET if self._kind == passing.ALONE else 0))

    def run(self, orders: socket.socket, uid: int, gid: int) -> NoReturn:
        """Everything after the fork: gets ready, waits for one order, ends. Never returns."""
        try:
            trouble = self._make_ready(uid, gid, orders)
            by_child = not trouble and self._kind != passing.OWN
            if by_child:
                orders.close()
            passed = passing.receive(self._told if by_child else orders)
            if passed is not None:
                self._see_through(passed, trouble)
        finally:
            # Whatever went wrong, the launcher's loop must not go on in here.
            os._exit(0)

    def _make_ready(self, uid: int, gid: int, orders: socket.socket) -> str:
        """What needs no order; the error, if there is one, is reported to whoever sends one."""
        try:
            os.setsid()
            if self._is_alone:
                mounts.keep_user(uid, gid)
                mounts.make_ready(self._means.kernel)
            else:
                self._means.kernel.adopt_orphans()
            if self._kind == passing.OWN:
                return ""
            self._errors, errors = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self._errors, False)
            self._told, telling = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._child = os.fork()
        except OSError as error:
            return str(error)
        if self._child == 0:
            self._told.close()
            self._become(orders, telling, errors)
        telling.close()
        os.close(errors)
        return ""

    def _see_through(self, passed: Passed, trouble: str) -> None:
        self._began = time.monotonic()
        self._control = socket.socket(fileno=os.dup(passed.files[-1]))
        self._order = passed.order()
        if trouble:
            self._say(stated("setup", error=trouble))
        else:
            self._say(self._started(passed) if self._kind == passing.OWN else self._supervised(passed))
        if not self._is_alone:
            if self._order["scratch"]:
                scratch.remove(self._order["scratch"])
            if os.getppid() != self._launcher:
                scratch.remove_empty(self._order["base"])

    def _started(self, passed: Passed) -> Report:
        """Start the program, which nothing holds, and see it through."""
        self._say(stated("began"))
        try:
            pid = child.started(self._means, self._order, passed.files[1:4])
        except child.SetupFailed as error:
            return _failed("setup", error)
        except OSError as error:
            return _failed("exec", error)
        passed.close()
        _, ended = self._wait(pid, -1)
        return stated("ended", self._end(pid, ended))

    def _supervised(self, passed: Passed) -> Report:
        passed.close()
        said, ended = self._wait(self._child, self._errors)
        code = self._end(self._child, ended)
        if not said:
            return stated("ended", code)
        failed: Report = json.loads(said)
        return failed

    def _become(self, orders: socket.socket, telling: socket.socket, errors: int) -> NoReturn:
        failed = stated("setup", error="it ended before the program began")
        try:
            child.get_ready(self._means, self._kind)
            passed = passing.receive(orders)
            if passed is None:
                os._exit(0)
            # From here on there is somebody who ends it.
            passed.send(telling)
            child.become(self._means, passed.order(), passed.files)
        except child.SetupFailed as error:
            failed = _failed("setup", error)
        except OSError as error:
            failed = _failed("exec", error)
        finally:
            os.write(errors, json.dumps(failed).encode())
            os._exit(126)

    def _wait(self, pid: int, errors: int) -> tuple[bytes, bool]:
        """Until the program ended, could not begin, is no longer wanted, or nobody is left to want it."""
        watched = select.poll()
        ended = os.pidfd_open(pid)
        control = self._control.fileno()
        for at in (ended, errors, control):
            if at >= 0:
                watched.register(at, select.POLLIN)
        said = b""
        while True:
            for at, _ in watched.poll(self._left()) or [(control, 0)]:
                if at == errors:
                    part = _read(errors)
                    said += part
                    if not part:
                        watched.unregister(errors)
                else:
                    return said or _read(errors), at == ended

    def _left(self) -> float | None:
        lease = self._order["lease"]
        return None if lease is None else max(0.0, lease - (time.monotonic() - self._began)) * 1000

    def _end(self, pid: int, ended: bool) -> int | None:
        """Kill what is left; the program's exit code."""
        if not ended:
            os.kill(pid, 9)
        _, status = os.waitpid(pid, 0)
        if self._is_alone:
            descendants.end_all_in_namespace()
        else:
            descendants.end_children()
        return os.waitstatus_to_exitcode(status)

    def _say(self, what: Report) -> None:
        # The proxy may be gone, or no longer interested.
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(what).encode())


def _failed(stage: Literal["setup", "exec"], error: OSError) -> Report:
    return {**stated(stage, error=error.strerror or str(error)), "errno": error.errno or 0}


def _read(at: int) -> bytes:
    try:
        return os.read(at, 4096) if at >= 0 else b""
    except BlockingIOError:
        return b""
