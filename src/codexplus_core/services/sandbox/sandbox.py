"""The door for programs that may do only what was granted: finds the level, makes the rules, bounds the run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..output import OUTPUT_LIMIT
from ..programs import NamedWords, files_among, locate
from ..run import CannotStart, RunResult
from ..talking import OnErrors
from ..talking import Running as Talking
from .access import Access, expand, readable_and_denied
from .conversing import start_order
from .denied import Search
from .environment import sandbox_environment
from .grants import Grants
from .launcher.order import Order
from .launching import LauncherLost, Launching
from .level import LEVELS, Level, SandboxRefused, is_enough
from .limits import UMASK, clamped, process_limits
from .plain import run_plainly
from .probe import Probe
from .probing import has_launcher, probed
from .running import Ended, Running
from .system import Needed, System
from .unconfined import Unconfined

PROJECTS = 64
"""Projects that are known to be too large to be looked through on the event loop."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be started, at which level; ``timeout`` is None where it may go on."""

    level: Level
    argv: Sequence[str]
    grants: Grants
    cwd: Path
    env: Mapping[str, str]
    timeout: float | None


class Sandbox:
    """Runs programs with what they were granted and nothing else. Nothing is started before it is used."""

    def __init__(
        self,
        *,
        at_once: int | None = None,
        levels: Sequence[Level] = LEVELS,
        launching: Launching | None = None,
        environ: Mapping[str, str] | None = None,
        landlock_abi: int = 0,
    ) -> None:
        """``at_once`` bounds the runs side by side (twice the processors unless given); more wait in order.

        ``levels`` are those that may be used, ``landlock_abi`` the newest version of Landlock (0: the kernel's);
        ``environ`` is the environment that ``read_env`` reads, the process's own unless given.
        """
        self._environ = os.environ if environ is None else environ
        self._levels = tuple(level for level in LEVELS if level in levels)
        self._launching = Launching() if launching is None else launching
        self.unconfined = Unconfined(self._launching)
        self._abi = landlock_abi
        self._processors = os.cpu_count() or 1
        self._turns = asyncio.Semaphore(2 * self._processors if at_once is None else at_once)
        self._probing = asyncio.Lock()
        self._probe: Probe | None = None
        self._system = System(self._environ)
        self._search = Search()
        self._words = NamedWords()
        self._large: set[Path | None] = set()
        self._has_launcher = has_launcher()
        self._active = 0
        self._finished: list[Access] = []

    @property
    def launcher_pid(self) -> int | None:
        """The process that starts the programs, None while there is none."""
        return self._launching.pid

    async def probe(self) -> Probe:
        """The strongest level that holds on this machine; tried once, then remembered."""
        async with self._probing:
            if self._probe is not None:
                return self._probe
            found, is_certain = await probed(self._levels, self._launching, self._abi)
            # A launcher that was lost on the way says nothing about the machine.
            self._probe = found if is_certain else None
            return found

    async def run_sandboxed(
        self,
        argv: Sequence[str],
        *,
        grants: Grants,
        minimum: Level = "lsm",
        cwd: Path | None = None,
        stdin: bytes = b"",
        timeout: float | None = 5.0,
        env: Mapping[str, str] | None = None,
        output_limit: int = OUTPUT_LIMIT,
    ) -> RunResult:
        """Run ``argv`` at the strongest level there is, without a shell, until it and all its children are gone.

        ``cwd`` is the project unless given; the program is looked for outside the project. ``timeout`` (seconds,
        clamped by `limits.clamped`) counts from its turn. ``env`` is added to the environment, without the names
        of loaders. At level ``process`` files and network are not held. Raises SandboxRefused where the level would be
        below ``minimum`` or the grants could not be kept, CannotStart where the program is not there.
        """
        found = await self._enough(argv, grants, minimum)
        seconds = clamped(timeout)
        where = cwd or grants.project or Path("/")
        async with self._turns:
            if not self._has_launcher:
                return await run_plainly(
                    argv, grants, self._system, self._environ, where, stdin, seconds, env or {}, output_limit
                )
            return await self._run(_Asked(found.level, argv, grants, where, env or {}, seconds), stdin, output_limit)

    async def start_sandboxed(
        self,
        argv: Sequence[str],
        *,
        grants: Grants,
        minimum: Level = "lsm",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        on_errors: OnErrors | None = None,
    ) -> Talking:
        """Start ``argv`` as `run_sandboxed` does, to be talked to until it is closed; it waits for no turn.

        Raises the same, but for one thing: that the program file cannot be executed shows in its end.
        """
        found = await self._enough(argv, grants, minimum)
        if not self._has_launcher:
            raise SandboxRefused(f"{argv[0]}: there is no sandbox here for programs that go on; {found.fix}")
        where = cwd or grants.project or Path("/")
        return await self._start(_Asked(found.level, argv, grants, where, env or {}, None), on_errors)

    async def _enough(self, argv: Sequence[str], grants: Grants, minimum: Level) -> Probe:
        found = await self.probe()
        if not is_enough(found.level, minimum):
            raise SandboxRefused(f"{argv[0]}: needs the sandbox level {minimum}, here is {found}; {found.fix}")
        if found.level == "process" and (grants.masked or await self._readable_and_denied(grants)):
            raise SandboxRefused(f"{argv[0]}: denied files cannot be hidden here ({found}); {found.fix}")
        return found

    def close(self) -> None:
        """End the launcher, if there is one; blocks for the moment that takes."""
        self._launching.close()

    async def _run(self, asked: _Asked, stdin: bytes, output_limit: int) -> RunResult:
        async def see_through(order: Order) -> tuple[Ended, Running]:
            running = Running(self._launching, stdin, output_limit)
            return await running.run(order, asked.timeout), running

        (ended, running), access = await self._begin(asked, see_through)
        self._done_with(access)
        return self._result(asked, ended, running)

    async def _start(self, asked: _Asked, on_errors: OnErrors | None) -> Talking:
        async def talk(order: Order) -> Talking:
            return await start_order(self._launching, order, asked.argv[0], on_errors)

        talking, access = await self._begin(asked, talk)
        talking.when_closed(lambda: self._done_with(access))
        return talking

    async def _begin(self, asked: _Asked, begin: Callable[[Order], Awaitable[T]]) -> tuple[T, Access]:
        """Make the order and hand it to ``begin``, with a new launcher where it got lost before the program began.

        The caller is done with the access when the program is gone.
        """
        program = locate(asked.argv[0], asked.cwd, self._system.search(asked.grants.project))
        # Counted first: nobody may tidy up what this run is about to rely on.
        self._active += 1
        access = Access()
        try:
            access = await self._access(asked)
            needed = self._system.needed(program, asked.grants, asked.cwd)
            for may_retry in (True, False):
                base = self._launching.base
                try:
                    base = self._launching.start()
                    return await begin(self._order(asked, str(program), access, needed)), access
                except LauncherLost as lost:
                    self._launching.abandon(base)
                    if not may_retry:
                        trouble = f"the launcher of the sandbox cannot be used ({lost}); see codex-plus doctor"
                        raise SandboxRefused(f"{asked.argv[0]}: {trouble}") from lost
        except BaseException:
            self._done_with(access)
            raise
        raise AssertionError("unreachable")

    async def _access(self, asked: _Asked) -> Access:
        grants = asked.grants
        masked, can_mask = grants.hiding(self._system.secrets()), asked.level == "full"
        named = files_among(self._words.of(asked.argv), asked.cwd, grants.project) if grants.project is not None else ()
        # Patterns and directories can take a while to go through.
        if not grants.may_take_long and grants.project not in self._large:
            try:
                return expand(masked, named, self._search.at_once, can_mask=can_mask)
            except SandboxRefused:
                # Perhaps only for how much there is; with more time it is found out, or said again.
                if len(self._large) >= PROJECTS:
                    self._large.clear()
                self._large.add(grants.project)
        return await asyncio.to_thread(expand, masked, named, self._search, can_mask=can_mask)

    async def _readable_and_denied(self, grants: Grants) -> bool:
        """Whether the grants hold files that a rule denies."""
        if grants.unreadable is None:
            return False
        return bool(await asyncio.to_thread(readable_and_denied, grants, self._search))

    def _order(self, asked: _Asked, program: str, access: Access, needed: Needed) -> Order:
        level, cwd, grants = asked.level, asked.cwd, asked.grants
        scratch = self._launching.scratch()
        environment = sandbox_environment(
            path=needed.path, scratch=scratch, cwd=cwd, project=grants.project, given=asked.env,
            declared=grants.environment, environ=self._environ,
        )  # fmt: skip
        limits = process_limits(level, asked.timeout, self._processors)
        rules = [*self._system.more_rules(level), *needed.rules, *access.rules, ("write", scratch)]
        return {
            "path": program, "argv": [program, *asked.argv[1:]], "env": environment, "cwd": str(cwd), "level": level,
            "system": self._system.rules(), "rules": rules, "masks": access.masks, "writable": access.writable,
            "frozen": access.frozen, "network": grants.net, "limits": limits, "umask": UMASK,
            "base": str(self._launching.base), "scratch": scratch, "lease": None, "probe": [],
            "landlock_abi": self._abi,
        }  # fmt: skip

    def _done_with(self, access: Access) -> None:
        """Tidy up once nothing runs: what one run made and did not use, another may be about to write."""
        self._active -= 1
        self._finished.append(access)
        if self._active == 0:
            for each in self._finished:
                each.remove_unused()
            self._finished.clear()

    def _result(self, asked: _Asked, ended: Ended, running: Running) -> RunResult:
        report, name = ended.report, asked.argv[0]
        if report is not None and report["stage"] == "setup":
            raise SandboxRefused(f"{name}: the sandbox could not be set up ({report['error']}); see codex-plus doctor")
        if report is not None and report["stage"] == "exec":
            raise CannotStart(f"{name}: cannot be started ({report['error']}); check that the file is executable")
        # Without a report the supervisor was killed, and with it the program.
        code = report["code"] if report is not None else None if ended.timed_out else -9
        dropped = running.stdout.dropped + running.stderr.dropped
        return RunResult(
            code, running.stdout.value(), running.stderr.value(), ended.timed_out, dropped > 0, dropped, asked.level
        )


async def probe_once() -> Probe:
    """The strongest level that holds on this machine, found out anew; leaves nothing running."""
    sandbox = Sandbox()
    try:
        return await sandbox.probe()
    finally:
        await asyncio.to_thread(sandbox.close)


def probe() -> Probe:
    """`probe_once` for callers without an event loop."""
    return asyncio.run(probe_once())
