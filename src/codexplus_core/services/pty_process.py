"""A program on a terminal of its own (POSIX): how it is started, stopped and continued, and how it ends.

Between us and the program stands a small process, the leader of the terminal's session. Without one the program's
process group would have no parent in its session, and the kernel would not let it be suspended (Ctrl-Z).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from .run import cannot_start

_NEWS_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Stopped:
    """The program was suspended."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The program is over; ``code`` is its exit code, -n after signal n."""

    code: int


class PtyProcess:
    """A running program.

    ``terminal`` is our end of its terminal, which never blocks; ``news`` is readable when `state` has something to say.
    """

    def __init__(self, terminal: int, news: int, leader: int, pid: int, unread: bytes = b"") -> None:
        self.terminal = terminal
        self.news = news
        self.pid = pid
        self._leader = leader
        self._unread = unread

    def state(self) -> Stopped | Ended | None:
        """The next piece of news; None when there is none. To be called when ``news`` is readable."""
        if b"\n" not in self._unread:
            data = os.read(self.news, _NEWS_LIMIT)
            if not data:
                # Somebody killed the leader; the kernel hangs the terminal up then.
                return Ended(-signal.SIGKILL)
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return Ended(int(line[1:])) if line.startswith(b"x") else Stopped() if line.startswith(b"s") else None

    def send(self, number: int) -> None:
        """Send a signal to the program and what it has started in its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def resize(self, size: bytes) -> None:
        """Give its terminal another size (struct winsize); the kernel tells the program."""
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, size)

    def close(self) -> None:
        """Hang up, and wait for the leader. A program that still runs gets SIGHUP, as from a closed window."""
        os.close(self.terminal)
        os.close(self.news)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._leader, 0)


def spawn_on_pty(argv: Sequence[str], env: Mapping[str, str], *, modes: list[Any], size: bytes) -> PtyProcess:
    """Run ``argv`` with exactly this environment on a new terminal with these modes (`termios`) and this window size.

    Standard input and output are the terminal, standard error too unless ours leads elsewhere. Raises CannotStart.
    """
    ours, theirs = os.openpty()
    news, tell = os.pipe()
    try:
        termios.tcsetattr(theirs, termios.TCSANOW, modes)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        leader = os.fork()
        if leader == 0:
            _lead(argv, env, theirs, tell)
    except BaseException:
        os.close(ours)
        os.close(news)
        raise
    finally:
        os.close(theirs)
        os.close(tell)
    os.set_blocking(ours, False)
    said = b""
    while b"\n" not in said and (more := os.read(news, 64)):
        said += more
    line, _, rest = said.partition(b"\n")
    process = PtyProcess(ours, news, leader, int(line[1:] or b"0"), rest)
    if not line.startswith(b"p"):
        process.close()
        raise cannot_start(argv, OSError(process.pid, os.strerror(process.pid)))
    return process


def _lead(argv: Sequence[str], env: Mapping[str, str], terminal: int, tell: int) -> NoReturn:
    """In the new process: begin a session, start the program in a group of its own, and report. Never returns."""
    code = 127
    try:
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT, signal.SIGWINCH):
            # Ours are Python's and lead nowhere here. What was ignored stays so, also in the program.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        failed, fails = os.pipe()
        program = os.fork()
        if program == 0:
            os.close(failed)
            _become(argv, env, terminal, fails)
        os.close(fails)
        os.close(terminal)
        trouble = os.read(failed, 16)
        os.close(failed)
        if trouble:
            os.waitpid(program, 0)
            os.write(tell, b"e%d\n" % int(trouble))
            os._exit(code)
        os.write(tell, b"p%d\n" % program)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.closerange(3, tell)
        os.closerange(tell + 1, os.sysconf("SC_OPEN_MAX"))
        code = _report(program, tell)
    finally:
        os._exit(code)


def _report(program: int, tell: int) -> int:
    while True:
        _, status = os.waitpid(program, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            os.write(tell, b"s\n")
            continue
        os.write(tell, b"x%d\n" % os.waitstatus_to_exitcode(status))
        return 0


def _become(argv: Sequence[str], env: Mapping[str, str], terminal: int, fails: int) -> NoReturn:
    try:
        os.setpgid(0, 0)
        # Only the foreground may say who is in the foreground.
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(terminal, os.getpid())
        signal.signal(signal.SIGTTOU, before)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        errors_elsewhere = not os.isatty(2)
        for descriptor in (0, 1) if errors_elsewhere else (0, 1, 2):
            os.dup2(terminal, descriptor)
        os.closerange(3, fails)
        os.closerange(fails + 1, os.sysconf("SC_OPEN_MAX"))
        os.execvpe(argv[0], list(argv), dict(env))
    except OSError as error:
        os.write(fails, b"%d" % (error.errno or 0))
    finally:
        os._exit(127)
