"""Commands in JavaScript and Python: their code runs in a process of its own, once that is allowed."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codexplus_core import Action, ActionDenied, CannotStart, Core, Exchange, LocalReply, Proposal, programs_of

from .code_description import Described, describe
from .code_results import WentWrong, answer_of
from .command_file import CommandFile
from .questions import source_of
from .runners import Language, arguments, worker_text
from .stops import plain, said
from .surroundings import LOCAL_SECONDS, Surroundings, is_strict, surroundings_of

LONGEST_SECONDS = 600.0
"""The longest time that a file may declare for itself."""

ANSWER_SECONDS = 300.0
"""How long a result waits for the user's answer to a question about it: as long as a question is open."""

LONGEST_ARGUMENTS = 100_000
"""Characters of arguments that also fit into the environment; longer ones are only in ``args``."""

_KEPT = "code result"


@dataclass(frozen=True, slots=True)
class Made:
    """The prompt that a command's code has made. It may hold inclusions, which nobody has allowed yet."""

    prompt: str


@dataclass(frozen=True, slots=True)
class Task:
    """One call of the user's code: whose, in which words the user is asked, and what the worker is told."""

    file: CommandFile
    title: str
    text: str
    described: Described
    request: Mapping[str, object]

    @property
    def language(self) -> Language:
        """What the file is written in; modules are Python."""
        return "javascript" if self.file.kind == "javascript" else "python"

    @property
    def argv(self) -> tuple[str, ...]:
        """The command that is run; the code comes over its standard input."""
        program = "node" if self.language == "javascript" else sys.executable
        return (program, *arguments(self.language, self.file.path))


async def call(core: Core, exchange: Exchange, command: CommandFile, args: str) -> Made | LocalReply:
    """What the command's code makes of ``args``: a prompt, or the answer to be returned as it is.

    The answer is the code's own, the question whether it may run, or what went wrong and where.
    """
    # The file is gone through for what it declares, which takes a while where it is long.
    task = await asyncio.to_thread(task_for, command, args)
    where = surroundings_of(core, exchange.session, strict=is_strict(core))
    try:
        answer = await attempt(core, exchange, task, where)
    except WentWrong as error:
        return failure(task, where, error)
    if isinstance(answer, LocalReply):
        return answer
    return made_of(answer) or Made("")


def task_for(command: CommandFile, args: str) -> Task:
    """The call of a command's function with the words of ``args``."""
    language: Language = "javascript" if command.kind == "javascript" else "python"
    said = "JavaScript" if language == "javascript" else "Python"
    return Task(
        command,
        title=f"command /{command.name}",
        text=f"{command.path.name} as {said}, with the words typed after /{command.name}",
        described=describe(language, command.body),
        request={"args": words(args), "raw": variable(args)},
    )


def made_of(answer: Mapping[str, str]) -> Made | LocalReply | None:
    """What a worker's answer comes to; None where it leaves the command to others."""
    if "reply" in answer:
        return LocalReply(plain(answer["reply"]))
    return Made(answer["prompt"]) if "prompt" in answer else None


async def attempt(core: Core, exchange: Exchange, task: Task, where: Surroundings) -> Mapping[str, str] | LocalReply:
    """Run the code, once that is allowed, and give what it returned; else the question. Raises WentWrong.

    After a yes to a question about a prompt that it made, such as one about its inclusions, the same prompt is given
    again: code may do something, and need not make the same twice.
    """
    state, key = exchange.session.state, _key(task)
    kept = state.get(_KEPT)
    if kept is not None and kept[0] == key and time.monotonic() - kept[1] < ANSWER_SECONDS and _goes_on(exchange):
        return {"prompt": kept[2]}
    state.pop(_KEPT, None)
    mark = secrets.token_hex(8)
    action = _action(task, where, mark)
    try:
        if task.file.scope != "user":
            asked = await _question(core, task, action, where)
            answer = await core.approvals.require(exchange, [asked])
            if isinstance(answer, LocalReply):
                return answer
        result = await core.run(action)
    except CannotStart as error:
        raise WentWrong(_missing(task, error)) from error
    except ActionDenied as error:
        raise WentWrong(f"may not run: {error}") from error
    found = answer_of(result, mark, action.timeout)
    if "prompt" in found:
        state[_KEPT] = (key, time.monotonic(), found["prompt"])
    return found


async def asked_about(core: Core, task: Task, where: Surroundings) -> Proposal:
    """What the user is asked before it runs. Raises CannotStart and ActionDenied."""
    return await _question(core, task, _action(task, where, ""), where)


def proposal(
    task: Task, cwd: Path, programs: tuple[tuple[str, str, str], ...], unpinned: tuple[str, ...] = ()
) -> Proposal:
    """What the user is asked: the file by its digest, the interpreter, and what the file declares."""
    return Proposal(
        "run",
        task.file.scope,
        task.title,
        source=source_of(task.file, cwd),
        source_digest=task.file.digest,
        project=cwd,
        text=task.text,
        argvs=(task.argv,),
        programs=programs,
        permissions=task.described.permissions,
        timeout=task.described.timeout,
        notes=(
            "it is code: read the file, and what it loads from elsewhere, before you allow it",
            *(f"also runs {each}" for each in unpinned),
        ),
    )


def proposed(command: CommandFile, cwd: Path) -> Proposal:
    """What a command in code would ask in a project. Reads the interpreter, so call it in a thread."""
    task = task_for(command, "")
    return proposal(task, cwd, programs_of([task.argv], cwd=cwd))


def failure(task: Task, where: Surroundings, error: WentWrong) -> LocalReply:
    """The error with the file and the line that it comes from."""
    place = source_of(task.file, where.cwd) + (f":{error.line}" if error.line else "")
    code = f"\n\n    {error.code}" if error.code else ""
    return said(f"`{place}`: {error}{code}\n\nThe model was not asked.", where)


def words(args: str) -> list[str]:
    """The words of the arguments, quotes taken off; where a quote stays open, it is one like any other character."""
    try:
        # It takes the square of a word's length.
        return shlex.split(args, posix=True) if len(args) <= LONGEST_ARGUMENTS else args.split()
    except ValueError:
        return args.split()


async def _question(core: Core, task: Task, action: Action, where: Surroundings) -> Proposal:
    program = await core.resolve(action)
    files = ((each.path.name, str(each.path), each.digest) for each in program.pinned if each.path != program.path)
    programs = ((action.argv[0], str(program.path), program.digest), *files)
    return proposal(task, where.cwd, programs, program.unpinned)


def _action(task: Task, where: Surroundings, mark: str) -> Action:
    described = task.described
    given = LOCAL_SECONDS if where.timeout is None else where.timeout
    # The bytes that were approved go in; nothing reads the file again.
    request = {**task.request, "path": str(task.file.path), "source": task.file.body, "mark": mark}
    return Action(
        "run",
        argv=task.argv,
        source=f"{task.title} from {source_of(task.file, where.cwd)}",
        session=where.session,
        permissions=described.permissions,
        cwd=where.cwd,
        stdin=worker_text(task.language, request),
        env={**where.env, "CLAUDE_PROJECT_DIR": str(where.cwd)},
        timeout=given if described.timeout is None else min(described.timeout, max(LONGEST_SECONDS, given)),
        # What the user put into the own home is the user's; everybody else's code is held.
        sandbox="process" if task.file.scope == "user" else "lsm",
    )


def variable(args: str) -> str:
    """The arguments as the code finds them in ``CODEX_PLUS_ARGUMENTS``."""
    # No variable can hold a null character, and a long one keeps every program of the command from starting.
    return args.replace("\0", "") if len(args) <= LONGEST_ARGUMENTS else ""


def _key(task: Task) -> tuple[str, str, str]:
    return str(task.file.path), task.file.digest, repr(sorted(task.request.items()))


def _missing(task: Task, error: CannotStart) -> str:
    if task.language == "javascript" and str(error).startswith("node: no such program"):
        return (
            "it is JavaScript and needs Node.js, but there is no `node` on the PATH; install Node.js 18 or later, then"
            " start the proxy again"
        )
    return f"cannot be run: {error}"


def _goes_on(exchange: Exchange) -> bool:
    """Whether the prompt is not what was typed last, because the user has answered a question about it."""
    for item in reversed(exchange.body.get("input") or ()):
        if isinstance(item, dict) and item.get("role") == "user":
            parts = item.get("content")
            texts = (
                [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else [parts]
            )
            return exchange.prompt_as_typed not in texts
    return False
