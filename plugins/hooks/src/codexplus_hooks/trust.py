"""Which hooks may run: the user's own, and those of a project that the user has said yes to."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from codexplus_core import (
    Action,
    CannotStart,
    Core,
    Exchange,
    Granted,
    LocalReply,
    Proposal,
    Session,
    open_core,
    programs_of,
    shell_commands,
)

from .grants import BUILT_IN, SHELL, argv_of, held, seconds_of, shown_writes, undeclared
from .hook import Hook
from .hook_set import HookSet
from .matcher import names_of
from .named import files_named, from_project, named_once, stamp
from .settings import Hooks

SESSIONS = 256
"""Sessions whose answers are remembered; one that was forgotten is asked again."""

REMEMBERED = 256
"""Hooks of projects whose files are only looked at for changes."""

# How Codex's one-shot runs name themselves; they end with the answer, so nobody can answer back.
_ALONE = "codex_exec"
_NOTED = 5

Programs = tuple[tuple[str, str, str], ...]


@dataclass(slots=True)
class _Memory:
    """What was asked and answered in one session: a yes without "always" holds as long as the session does."""

    asked: set[Proposal] = field(default_factory=set)
    granted: set[Proposal] = field(default_factory=set)
    told: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    """A proposal that holds as long as these files stay as they are."""

    files: tuple[str, ...]
    stamp: tuple[tuple[int, ...], ...]
    asked: Proposal


class Trust:
    """Asks once for all of a project's hooks, and remembers the answer for the session or for good."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._sessions: dict[str, _Memory] = {}
        self._known: dict[object, _Known] = {}

    async def ask(self, exchange: Exchange, found: HookSet) -> LocalReply | str:
        """At a human's prompt, before any hook runs: the question about all hooks that nobody has decided about.

        Return a LocalReply as it is. A text is for the user, to be shown once: why the project's hooks do not run
        (nobody can answer here, or the answer was no); ``""`` where there is nothing to say.
        """
        if not found.asking:
            return ""
        memory = self._memory(exchange.session)
        wanted = [await self._proposal(hook, found, exchange.session) for hook in found.asking]
        missing = [each for each in {_bare(each): each for each in wanted}.values() if not self._may(each, memory)]
        if not missing:
            return ""
        alone = exchange.headers.get("originator") == _ALONE
        if alone or (memory.asked.issuperset(map(_bare, missing)) and not _goes_on(exchange)):
            return self._said_once(missing, memory, exchange.session)
        answer = await self._core.approvals.require(exchange, missing)
        if isinstance(answer, Granted):
            self._note(missing, memory)
            return ""
        memory.asked.update(map(_bare, missing))
        return answer if isinstance(answer, LocalReply) else ""

    async def allowed(self, hooks: Sequence[Hook], found: HookSet, session: Session) -> tuple[Hook, ...]:
        """Those of the hooks that may run now; asks nobody."""
        if all(hook.trusted for hook in hooks):
            return tuple(hooks)
        memory = self._memory(session)
        may = [hook.trusted or self._may(await self._proposal(hook, found, session), memory) for hook in hooks]
        return tuple(hook for hook, yes in zip(hooks, may, strict=True) if yes)

    async def state(self, hook: Hook, found: HookSet, session: Session | None = None) -> str:
        """``trusted``, ``allowed``, ``allowed in this session`` or ``asks``, for lists; asks nobody."""
        if hook.trusted:
            return "trusted"
        # Not in a thread of its own: the approvals belong to the loop's.
        asked = await self._proposal(hook, found, session or Session(cwd=found.project))
        if self._core.approvals.allowed([asked]):
            return "allowed"
        memory = None if session is None else self._sessions.get(_key(session))
        return "allowed in this session" if memory is not None and _bare(asked) in memory.granted else "asks"

    def _memory(self, session: Session) -> _Memory:
        # A sub-agent has a thread of its own and does what its session may do.
        key = _key(session)
        memory = self._sessions.pop(key, None) or _Memory()
        self._sessions[key] = memory
        while len(self._sessions) > SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        return memory

    def _may(self, asked: Proposal, memory: _Memory) -> bool:
        if memory.granted and _bare(asked) in memory.granted:
            return True
        # Looked up at every event, so that it can be withdrawn at any time.
        if self._core.approvals.allowed([asked], always=True):
            return True
        if not self._core.approvals.allowed([asked]) or not self._core.approvals.check([asked]).granted:
            return False
        self._note([asked], memory)
        return True

    def _note(self, granted: Sequence[Proposal], memory: _Memory) -> None:
        """Remember what was allowed once; what is allowed for good is looked up each time, so it can be withdrawn."""
        memory.granted.update(_bare(each) for each in granted if not self._core.approvals.allowed([each]))

    def _said_once(self, missing: Sequence[Proposal], memory: _Memory, session: Session) -> str:
        if memory.told:
            return ""
        memory.told = True
        memory.asked.update(map(_bare, missing))
        verdict = self._core.approvals.check(missing, session=session)
        return f"The hooks of this project do not run: {verdict.message}"

    async def _proposal(self, hook: Hook, found: HookSet, session: Session) -> Proposal:
        cwd = found.project or session.cwd or Path.home()
        key = (hook, cwd, found.strict, tuple(sorted(found.project_env.items())))
        known = self._known.get(key)
        if known is not None and known.stamp == stamp(known.files):
            return known.asked
        self._known.pop(key, None)
        # Looked at first: what changes while it is read is seen the next time.
        named = files_named(hook, cwd)
        before = stamp(named or ())
        programs, unpinned = await self._programs(hook, cwd, session)
        asked = _asked(self._core, hook, found, lambda _argvs, _cwd: programs, unpinned)
        # A program that is not there may come to be; a word of the shell's own stays what it is.
        if named is not None and all(path or name in BUILT_IN for name, path, _ in programs):
            files = (*named, *(path for _, path, _ in programs if path))
            if before == stamp(named):
                self._known[key] = _Known(files, stamp(files), asked)
        while len(self._known) > REMEMBERED:
            self._known.pop(next(iter(self._known)))
        return asked

    async def _programs(self, hook: Hook, cwd: Path, session: Session) -> tuple[Programs, tuple[str, ...]]:
        """What is started, and what else it may run whose changes nobody would notice."""
        found: dict[tuple[str, str, str], None] = {}
        unpinned: dict[str, None] = {}
        for argv in _argvs(hook, cwd):
            # The core knows the digests of programs that stayed the same; only the project's files are read again.
            try:
                program = await self._core.resolve(Action("run", argv=argv, cwd=cwd, session=session))
            except (CannotStart, ValueError):
                # ValueError: words that no program can be given. Nobody else's hooks suffer from them.
                found[argv[0], "", ""] = None
                continue
            found[argv[0], str(program.path), program.digest] = None
            unpinned |= dict.fromkeys(program.unpinned)
            for pinned in program.pinned:
                if pinned.path != program.path:
                    found[pinned.path.name, str(pinned.path), pinned.digest] = None
        return tuple(found), tuple(unpinned)


def proposals(project: Path) -> list[Proposal]:
    """All that a project's hooks would ask for, for ``codex-plus approvals allow --project``; reads files."""
    with open_core() as core:
        found = Hooks(core).of(project)
        return [_asked(core, hook, found, lambda argvs, cwd: programs_of(argvs, cwd=cwd)) for hook in found.asking]


def _asked(
    core: Core,
    hook: Hook,
    found: HookSet,
    programs: Callable[[Sequence[Sequence[str]], Path], Programs],
    unpinned: Sequence[str] = (),
) -> Proposal:
    how = held(core, hook, found.project)
    cwd = found.project or Path.home()
    notify = ("notify",) if hook.notifies else ()
    # What a hook writes is another file after every run; it is named as a write, and is no program.
    written = named_once(hook, cwd, shown_writes(core, hook, found.project))
    return Proposal(
        "run",
        "project" if hook.scope == "project" else "user",
        hook.title,
        source=_source(hook, cwd),
        # What the file says of this hook; another entry may change without a new question.
        source_digest=hook.digest,
        project=found.project,
        text=hook.shell or shlex.join(hook.argv) or hook.title,
        argvs=(hook.argv,) if hook.argv else (),
        programs=tuple(each for each in _each_once(programs(_argvs(hook, cwd), cwd)) if each[1] not in written),
        permissions=(*how.permissions, *notify),
        writes=how.writes,
        env=tuple(sorted(found.project_env.items())),
        timeout=seconds_of(hook, strict=found.strict),
        notes=(
            _when(hook),
            *(f"starts {name}, which its permissions do not name: it will not run" for name in undeclared(hook)),
            *(f"runs unpinned code: {each}" for each in unpinned[:_NOTED]),
            "a yes holds for this session, always until it changes",
        ),
    )


def _each_once(programs: Programs) -> Programs:
    """Without the files that a command names and that are named as what is started, too."""
    started = {(path, digest): name for name, path, digest in programs if path and name != Path(path).name}
    return tuple(each for each in programs if started.get(each[1:], each[0]) == each[0] or not each[1])


def _bare(asked: Proposal) -> Proposal:
    """The same without the words that decide nothing: a hook may move to another place in its file."""
    return replace(asked, title="hook", notes=())


def _argvs(hook: Hook, cwd: Path) -> list[tuple[str, ...]]:
    """What is started, as far as it can be seen: the shell with its text, and each command in it."""
    if hook.argv:
        return [argv_of(hook, cwd)]
    # A script below it is part of what is allowed; the core, which reads the command, knows no variables.
    text = from_project(hook.shell)
    return [(SHELL, "-c", text), *(shell_commands(text) or ())]


def _when(hook: Hook) -> str:
    held_against = names_of(hook.event, {}) is not None
    which = f" for {hook.matcher}" if held_against and hook.matcher not in ("", "*") else ""
    only = f", where {hook.condition} holds" if hook.condition else ""
    return f"runs at {hook.event}{which}{only}"


def _source(hook: Hook, cwd: Path) -> str:
    if hook.source is None:
        return "command line"
    return str(hook.source.relative_to(cwd) if hook.source.is_relative_to(cwd) else hook.source)


def _key(session: Session) -> str:
    return session.id or session.thread_id


def _goes_on(exchange: Exchange) -> bool:
    """Whether the prompt is not what was typed last, because the user has just answered a question about it."""
    for item in reversed(exchange.body.get("input") or ()):
        if isinstance(item, dict) and item.get("role") == "user":
            parts = item.get("content")
            texts = (
                [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else [parts]
            )
            return exchange.prompt_as_typed not in texts
    return False
