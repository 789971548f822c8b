"""Programs of the user's own, which may do what the user may: nothing is kept from them, but none outlives its time."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..output import OUTPUT_LIMIT
from ..run import CannotStart, RunResult, cannot_start, environment, run_program
from .launcher.kernel import numbers
from .launcher.order import Order
from .launching import LauncherLost, Launching
from .running import Ended, Running

AT_ONCE = 64
"""Runs side by side; more wait in order, and their time begins then."""


class Unconfined:
    """Runs programs below the launcher, where every process that comes of them can be found and ended."""

    def __init__(self, launching: Launching) -> None:
        self._launching = launching
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._supervises: bool | None = None

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float | None = 5.0,
        output_limit: int = OUTPUT_LIMIT,
    ) -> RunResult:
        """As `run_program`, with its environment, but everything that came of the program ends with it.

        That holds where the launcher can be used (Linux 5.3, this processor); elsewhere it is `run_program`. The time
        (seconds) counts from its turn. ``argv[0]`` is a path. Raises CannotStart, ValueError for words that no program
        can be given.
        """
        whole = environment(env)
        _check([*argv, *whole, *whole.values()], whole)
        async with self._turns:
            ended = None
            running: Running | None = None
            if self._supervises is None:
                self._supervises = can_supervise()
            for _ in range(2 if self._supervises else 0):
                running = Running(self._launching, stdin, output_limit)
                base = self._launching.base
                try:
                    base = self._launching.start()
                    ended = await running.run(self._order(argv, cwd or Path.cwd(), whole), timeout)
                    break
                except LauncherLost:
                    # It never began, so it may be tried again, with a new launcher.
                    self._launching.abandon(base)
                except OSError as error:
                    raise cannot_start(argv, error) from error
            if running is None or ended is None:
                return await run_program(
                    argv, cwd=cwd, env=env, stdin=stdin, timeout=timeout, output_limit=output_limit
                )
            return _result(argv, ended, running)

    def _order(self, argv: Sequence[str], cwd: Path, env: dict[str, str]) -> Order:
        return {
            "path": argv[0], "argv": [*argv], "env": env, "cwd": str(cwd), "level": "process", "system": [],
            "rules": [], "masks": [], "writable": [], "frozen": [], "network": True, "limits": {}, "umask": None,
            "base": str(self._launching.base), "scratch": "", "lease": None, "probe": [], "landlock_abi": 0,
        }  # fmt: skip


def can_supervise() -> bool:
    """Whether the launcher's supervisors work here: they wait for processes by descriptor and find them in /proc."""
    if sys.platform != "linux" or numbers() is None:
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return Path("/proc/self/task").is_dir()


def _check(words: Iterable[str], names: Iterable[str]) -> None:
    """What the system says to such words only once the program is about to start. Raises ValueError."""
    # One text, not each by itself: an environment has a hundred words.
    if b"\0" in os.fsencode("\n".join(words)):
        raise ValueError("embedded null byte")
    if any(not name or "=" in name for name in names):
        raise ValueError("illegal environment variable name")


def _result(argv: Sequence[str], ended: Ended, running: Running) -> RunResult:
    report = ended.report
    if report is not None and report["stage"] in ("setup", "exec"):
        if report["errno"]:
            raise cannot_start(argv, OSError(report["errno"], os.strerror(report["errno"])))
        raise CannotStart(f"{argv[0]}: cannot be started ({report['error']}); see codex-plus doctor")
    # Without a report the supervisor was killed, and with it the program.
    code = report["code"] if report is not None else None if ended.timed_out else -9
    dropped = running.stdout.dropped + running.stderr.dropped
    return RunResult(code, running.stdout.value(), running.stderr.value(), ended.timed_out, dropped > 0, dropped)
