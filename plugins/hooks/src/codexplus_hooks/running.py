"""Running the hooks of an event: all at once, each held as its origin demands, and nothing that they do harms."""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codexplus_core import Action, ActionDenied, AuditEvent, CannotStart, Core, RunResult, Session

from .answer import outcome_of
from .flat import endangered, prepared, variables_of
from .grants import argv_of, held, seconds_of
from .hook import PACK_ROOT, Hook, Ran
from .hook_set import HookSet
from .outcome import NOTHING, Outcome, combine

REMEMBERED = 512
"""Hooks whose last run is remembered."""
UNATTENDED = 32
"""Hooks that nobody waits for (``async``), at once."""

Perform = Callable[[Hook, str, Mapping[str, Any]], Awaitable[Ran | None]]
"""Does a hook's work in the proxy instead of a process: ``perform(hook, text, payload)``; None leaves it to a process.

``text`` is what the shell would get; its ``$file`` and ``$tool`` are in quotes, with the values of `variables_of`."""

# What a program needs to reach the user's desktop, language and time zone; only the user's own get it.
_USERS_OWN = (
    "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "DISPLAY", "WAYLAND_DISPLAY",
    "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LastRun:
    """What ``/hooks`` shows of a hook: how often it ran, when last (seconds since 1970), how long, how it ended."""

    count: int
    at: float
    seconds: float
    result: str


class Runner:
    """Runs hooks, and knows how each of them fared last.

    ``perform`` does the work of some hooks in the proxy itself, ``clock`` is the time of day, ``timer`` measures.
    """

    def __init__(
        self,
        core: Core,
        *,
        perform: Perform | None = None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._core = core
        self._perform = perform
        self._clock = clock
        self._timer = timer
        self._environ = os.environ if environ is None else environ
        self._last: dict[str, LastRun] = {}
        self._unattended: set[asyncio.Task[None]] = set()

    async def run(
        self, hooks: Sequence[Hook], payload: Mapping[str, Any], *, session: Session, found: HookSet, dry: bool = False
    ) -> Outcome:
        """Run ``hooks`` of one event with ``payload`` on their standard input, and say what they come to.

        ``hooks`` are matching and allowed ones (see `HookSet.matching` and `Trust.allowed`). ``dry`` is for somebody
        who tries them out and reads how each ended: it is no last run. Raises nothing but cancellation.
        """
        if not hooks:
            return NOTHING
        try:
            run = _Run(payload, _line(payload), session, found, dry)
        except RecursionError:
            problem = "did not start: what it would read is nested too deeply"
            return combine([outcome_of(Ran(hook, None, problem=problem, started=False)) for hook in hooks], hooks)
        ended: list[Outcome] = []
        waited_for = []
        for hook in hooks:
            if hook.asynchronous:
                ended += self._start_unattended(hook, run)
            else:
                waited_for.append(hook)
        if len(waited_for) == 1:
            await self._one(waited_for[0], run, ended)
        elif waited_for:
            await asyncio.gather(*(self._one(hook, run, ended) for hook in waited_for))
        return combine(ended, hooks)

    def last(self, hook: Hook) -> LastRun | None:
        """How the hook fared last, None if it did not run since the proxy started."""
        return self._last.get(hook.digest)

    async def close(self) -> None:
        """End the hooks that nobody waits for."""
        tasks = tuple(self._unattended)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start_unattended(self, hook: Hook, run: _Run) -> list[Outcome]:
        if len(self._unattended) >= UNATTENDED:
            problem = f"did not start: {UNATTENDED} hooks that nobody waits for still run"
            return [outcome_of(Ran(hook, None, problem=problem, started=False))]
        # In a context of its own: the call that it began in ends before it does.
        task = asyncio.get_running_loop().create_task(
            self._one(hook, run, []), name=f"hook {hook.place}", context=contextvars.Context()
        )
        self._unattended.add(task)
        task.add_done_callback(self._unattended.discard)
        return []

    async def _one(self, hook: Hook, run: _Run, ended: list[Outcome]) -> None:
        began = self._timer()
        ran = await self._ran(hook, run)
        ran = replace(ran, seconds=self._timer() - began)
        if not run.dry:
            self._remember(ran)
        if not ran.started and not run.dry:
            self._core.log.warning("hook_did_not_start", hook=hook.title, file=hook.origin)
        outcome = outcome_of(ran)
        ended.append(outcome)
        await self._core.report(_account(ran, outcome, run.session))

    async def _ran(self, hook: Hook, run: _Run) -> Ran:
        variables = variables_of(run.payload) if hook.shape == "flat" else {}
        if variables and (place := endangered(hook.shell, variables)):
            what = f"did not start: {place} would be read as a program there; read the standard input instead"
            return Ran(hook, None, problem=what, started=False)
        if self._perform is not None and hook.shell:
            performed = await self._perform(hook, prepared(hook.shell) if variables else hook.shell, run.payload)
            if performed is not None:
                return performed
        if hook.pack is not None and not self._core.packs.holds(hook.pack):
            what = f"did not start: its pack {hook.pack.pack} is not on disk as it was signed"
            return Ran(hook, None, problem=what, started=False)
        try:
            result = await self._core.run(self._action(hook, run, variables))
        except (CannotStart, ActionDenied) as error:
            return Ran(hook, None, problem=f"did not start: {error}", started=False)
        except ValueError as error:
            # A null character or half a character in a command or variable: no program can be given those.
            return Ran(hook, None, problem=f"did not start: {error}", started=False)
        return _told(hook, result, seconds_of(hook, strict=run.found.strict))

    def _action(self, hook: Hook, run: _Run, variables: Mapping[str, str]) -> Action:
        project = run.session.cwd
        how = held(self._core, hook, project)
        env = {name: self._environ[name] for name in _USERS_OWN if not how.permissions and name in self._environ}
        env |= {**run.found.env, **({} if hook.trusted else run.found.project_env), **variables}
        env |= {
            "CLAUDECODE": "1",
            "CLAUDE_CODE_ENTRYPOINT": "cli",
            "CLAUDE_CODE_SESSION_ID": run.session.id or run.session.thread_id,
            "CLAUDE_CODE_CHILD_SESSION": "1",
            "CLAUDE_PROJECT_DIR": str(project or Path.home()),
        }
        if hook.pack is not None:
            env[PACK_ROOT] = str(hook.pack.root)
        return Action(
            "run",
            argv=argv_of(hook, project),
            source=f"{hook.title} ({hook.origin})",
            session=run.session,
            permissions=how.permissions,
            cwd=project or Path.home(),
            stdin=run.line,
            env=env,
            timeout=seconds_of(hook, strict=run.found.strict),
            sandbox=how.sandbox,
        )

    def _remember(self, ran: Ran) -> None:
        key = ran.hook.digest
        known = self._last.pop(key, None)
        self._last[key] = LastRun(1 + (known.count if known else 0), self._clock(), ran.seconds, _result(ran))
        while len(self._last) > REMEMBERED:
            self._last.pop(next(iter(self._last)))


@dataclass(frozen=True, slots=True)
class _Run:
    """What the hooks of one event have in common."""

    payload: Mapping[str, Any]
    line: bytes
    session: Session
    found: HookSet
    dry: bool


def _line(payload: Mapping[str, Any]) -> bytes:
    """One line of JSON, as compact as JavaScript writes it; half a character becomes a question mark."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), default=str)
    return f"{text}\n".encode("utf-8", "replace")


def _account(ran: Ran, outcome: Outcome, session: Session) -> AuditEvent:
    hook, result = ran.hook, _result(ran)
    reason, verdict = ran.problem, outcome.decision or ""
    fields: dict[str, Any] = {"hook": hook.title, "event": hook.event, "digest": hook.digest, "scope": hook.scope}
    fields |= {"decision": verdict, "result": result, "seconds": ran.seconds}
    denied = verdict == "deny" or bool(outcome.blocks)
    if denied:
        reason = outcome.reason or next((block.reason for block in outcome.blocks), "")
    done = ran.started and not ran.problem
    return AuditEvent(
        "hook.run", "denied" if denied else "success" if done else "failure", reason=reason, source=hook.origin,
        plugin="hooks", session=session, fields=fields, decision=denied,
    )  # fmt: skip


def _told(hook: Hook, result: RunResult, seconds: float) -> Ran:
    problem = f"took longer than {seconds:g} s and was ended; it said nothing that counts" if result.timed_out else ""
    if not problem and result.returncode is None:
        problem = "could not be ended"
    return Ran(
        hook,
        result.returncode,
        result.stdout.decode("utf-8", "replace"),
        result.stderr.decode("utf-8", "replace"),
        problem,
        timed_out=result.timed_out,
        truncated=result.truncated,
    )


def _result(ran: Ran) -> str:
    if not ran.started:
        return ran.problem
    if ran.timed_out:
        return "too slow, ended"
    if ran.problem:
        return ran.problem
    if ran.code is not None and ran.code < 0:
        return f"signal {-ran.code}"
    return {0: "ok", 2: "blocked"}.get(ran.code or 0, f"exit code {ran.code}")
