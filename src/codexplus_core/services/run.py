"""The one door for processes: programs for plugins, version questions, Codex itself, the proxy in the background."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, cast

from .output import OUTPUT_LIMIT, Kept
from .problem import Problem
from .starting import STRAGGLER_SECONDS, Ends, kill_group, killed, started

if TYPE_CHECKING:
    from .sandbox.level import Level

KEPT_NAMES = ("PATH", "HOME", "LANG", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT")
"""The names a program gets besides those it is passed; the last four are what Windows needs to start anything."""


class CannotStart(Problem):
    """The program is not there or may not be run."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a program ended. ``returncode`` is -n after signal n; None only when even killing it brought no end.

    ``dropped`` counts the bytes of both outputs that were thrown away, ``level`` says how strongly it was held.
    """

    returncode: int | None
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
    truncated: bool = False
    dropped: int = 0
    level: Level = "process"


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The scrubbed environment: what is passed, and the few names without which nothing runs."""
    kept = {name: os.environ[name] for name in KEPT_NAMES if name in os.environ}
    return {**kept, **(extra or {})}


def cannot_start(argv: Sequence[str], error: OSError) -> CannotStart:
    """What to raise where starting ``argv`` failed in this way."""
    if isinstance(error, FileNotFoundError):
        return CannotStart(f"{argv[0]}: no such program or working directory; install it or give its full path")
    return CannotStart(f"{argv[0]}: cannot be started ({error.strerror}); check that the file is executable")


class _Collector(Ends):
    """Keeps the first bytes of both outputs and throws the rest away, so that a flood neither blocks nor grows."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.output = {1: Kept(limit), 2: Kept(limit)}
        self.closed = asyncio.Event()
        self._open = {1, 2}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.output[fd].add(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open.discard(fd)
        if not self._open:
            self.closed.set()


async def run_program(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float | None = 5.0,
    output_limit: int = OUTPUT_LIMIT,
) -> RunResult:
    """Run ``argv`` without a shell and collect what it prints, at most ``output_limit`` bytes of each output.

    The program sees only ``env`` and the few names of `environment`, leads a process group of its own and inherits no
    open file. On a timeout, and when the caller is cancelled, the whole group is killed; its end is waited for then, a
    second at most. A child that outlives the program and holds its output open is given a moment, then killed too.
    Raises CannotStart.
    """
    collector = _Collector(output_limit)
    try:
        transport = await started(collector, argv, cwd, environment(env), with_input=bool(stdin))
    except OSError as error:
        raise cannot_start(argv, error) from error
    timed_out = False
    try:
        pipe = cast("asyncio.WriteTransport | None", transport.get_pipe_transport(0))
        # A program that reads nothing may be gone by now; uvloop raises RuntimeError for its pipe.
        if pipe is not None and not pipe.is_closing():
            pipe.write(stdin)
            pipe.close()
        try:
            async with asyncio.timeout(timeout):
                await collector.exited.wait()
        except TimeoutError:
            timed_out = True
            kill_group(transport.get_pid())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STRAGGLER_SECONDS):
                await collector.exited.wait()
                await collector.closed.wait()
        stdout, stderr = collector.output[1], collector.output[2]
        dropped = stdout.dropped + stderr.dropped
        return RunResult(transport.get_returncode(), stdout.value(), stderr.value(), timed_out, dropped > 0, dropped)
    except asyncio.CancelledError:
        await killed(transport.get_pid(), collector)
        raise
    finally:
        if not (collector.exited.is_set() and collector.closed.is_set()):
            kill_group(transport.get_pid())
        transport.close()


def capture(argv: Sequence[str], timeout: float, *, env: Mapping[str, str] | None = None) -> RunResult:
    """Run a short command of ours and return what it printed; ``env`` replaces the environment. Raises CannotStart."""
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
    except OSError as error:
        raise cannot_start(argv, error) from error
    with process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
            return RunResult(process.returncode, stdout, stderr)
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
            stdout, stderr = process.communicate()
            return RunResult(process.returncode, stdout, stderr, timed_out=True)
        except BaseException:
            kill_group(process.pid)
            raise


def terminal_is_ours() -> bool:
    """Whether Ctrl-C reaches this process group from a terminal, and so the child without our help."""
    if os.name != "posix":
        return True
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(descriptor)


def hand_over(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run ``argv`` with our terminal, files and exact environment; return its exit code, 128+n after signal n.

    The child stays in our process group, so Ctrl-C and Ctrl-Z reach it from the terminal and we only wait; signals sent
    to us alone are passed on.
    """
    child: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        typed = number in (signal.SIGINT, getattr(signal, "SIGQUIT", signal.SIGINT))
        if child and not (typed and terminal_is_ours()):
            with contextlib.suppress(ProcessLookupError):
                child[0].send_signal(number)

    names = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # Handlers, not SIG_IGN: an ignored signal stays ignored in the child, a handler does not.
    before = [
        (number, signal.signal(number, pass_on)) for number in numbers if signal.getsignal(number) != signal.SIG_IGN
    ]
    try:
        try:
            child.append(subprocess.Popen(argv, env=dict(env)))
        except OSError as error:
            raise cannot_start(argv, error) from error
        code = _wait(child[0])
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    return 128 - code if code < 0 else code


def _wait(process: subprocess.Popen[bytes]) -> int:
    if sys.platform == "win32":
        return process.wait()
    while True:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            # A child that stopped itself alone would leave the shell waiting for us for ever.
            os.kill(os.getpid(), signal.SIGSTOP)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            continue
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode


@dataclass(frozen=True, slots=True)
class Detached:
    """A process that runs on without us."""

    pid: int
    process: subprocess.Popen[bytes]

    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        return self.process.poll()


def spawn_detached(
    argv: Sequence[str], log_path: Path, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Detached:
    """Start ``argv`` in a session of its own, its output appended to ``log_path`` (0600). Raises CannotStart."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        log = os.open(log_path, flags, 0o600)
    except OSError as error:
        raise Problem(f"{log_path}: cannot be written ({error.strerror}); remove it or make it writable") from error
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=cwd,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
    except OSError as error:
        raise cannot_start(argv, error) from error
    finally:
        os.close(log)
    return Detached(process.pid, process)


def find_program(name: str, env: Mapping[str, str]) -> Path | None:
    """The executable that ``name`` means on the ``PATH`` of ``env``."""
    found = shutil.which(name, path=env.get("PATH", ""))
    return Path(found).absolute() if found else None
