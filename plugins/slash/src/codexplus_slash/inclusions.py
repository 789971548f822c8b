"""Running the shell commands of a command file: all at once, each held as its origin demands."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codexplus_core import Action, ActionDenied, CannotStart, Core, RunResult, shell_commands

from .command_file import CommandFile
from .surroundings import INCLUSION_SECONDS, Surroundings
from .verdicts import Judged, only_looking, permissions_for
from .whitespace import SPACES

_SILENT = "(Bash completed with no output)"
# Claude Code's inclusions are bash; where there is none, the shell that every system has.
_SHELLS = ("cmd",) if sys.platform == "win32" else ("bash", "sh")


@dataclass(frozen=True, slots=True)
class Output:
    """What a shell command came to: the text that takes its place, or that it ``failed`` and with which words."""

    text: str
    failed: bool = False


async def run_all(
    core: Core, command: CommandFile, judged: Sequence[Judged], where: Surroundings
) -> tuple[Output, ...]:
    """Run what was judged fit to run; the outputs in order.

    Side by side as Claude Code does where they only look, and in its profile always; else one after the other up to
    the first that fails. Nothing is raised for a command that fails or cannot start.
    """
    seconds = where.timeout or INCLUSION_SECONDS
    if not where.strict and not all(only_looking(each.text, where.cwd) for each in judged):
        # `git add` before `git commit`: side by side, what changes something would race with what needs it.
        done: list[Output] = []
        for each in judged:
            astray = await asyncio.to_thread(_is_led_astray, command, each, where)
            if done and astray:
                done.append(Output("not run: what ran before it put something in the way of its files", failed=True))
            else:
                done.append(await run_one(core, command, each, where, seconds))
            if done[-1].failed:
                break
        return (*done, *(Output("not run: an earlier one failed", failed=True) for _ in judged[len(done) :]))
    # Those that make files without the sandbox come first: one that is held could put a link in their way.
    outputs: dict[int, Output] = {}
    for held in (False, True):
        group = [at for at, each in enumerate(judged) if bool(each.permissions) is held]
        found = await asyncio.gather(*(run_one(core, command, judged[at], where, seconds) for at in group))
        outputs.update(zip(group, found, strict=True))
    return tuple(outputs[at] for at in range(len(judged)))


def _is_led_astray(command: CommandFile, judged: Judged, where: Surroundings) -> bool:
    """Whether what needed no sandbox when it was judged would need one by now, because of a link, say."""
    held = command.scope == "user" or bool(judged.permissions)
    return not held and bool(permissions_for(judged.text, where.cwd, where.root))


async def run_one(core: Core, command: CommandFile, judged: Judged, where: Surroundings, seconds: float) -> Output:
    """Run one shell text. A project's is held by the sandbox; the user's own is a program like any other of theirs."""
    for shell in _SHELLS:
        try:
            result = await core.run(_action(command, judged, where, shell_argv(judged.text, shell), seconds))
        except CannotStart as problem:
            if shell != _SHELLS[-1] and str(problem).startswith(f"{shell}:"):
                continue
            return Output(str(problem), failed=True)
        except ActionDenied as denied:
            return Output(str(denied), failed=True)
        note = _moved(judged.text, where.cwd) if where.strict else ""
        return _output(result, seconds, note)
    raise AssertionError("unreachable")


def shell_argv(text: str, shell: str = _SHELLS[0]) -> tuple[str, ...]:
    """How a shell text is started: by ``bash``; on Windows by ``cmd``, without what its registry wants to run first."""
    return ("cmd", "/d", "/s", "/c", text) if shell == "cmd" else (shell, "-c", text)


def _action(command: CommandFile, judged: Judged, where: Surroundings, argv: tuple[str, ...], seconds: float) -> Action:
    return Action(
        "run",
        argv=argv,
        source=f"command /{command.name} ({command.path})",
        session=where.session,
        cwd=where.cwd,
        env=where.env,
        timeout=seconds,
        permissions=judged.permissions,
        sandbox="lsm" if judged.permissions else "process",
    )


def _moved(text: str, cwd: Path) -> str:
    """What Claude Code adds where a command has left the folder; each starts in the same one all the same."""
    at = str(cwd)
    for argv in shell_commands(text) or ():
        if argv[0] == "cd" and len(argv) == 2:
            at = os.path.normpath(os.path.join(at, argv[1]))  # noqa: PTH118 - names, not places
    return f"Shell cwd was reset to {cwd}" if at != str(cwd) and "|" not in text else ""


def _output(result: RunResult, seconds: float, note: str) -> Output:
    stdout, stderr = (data.decode("utf-8", "replace").rstrip(SPACES) for data in (result.stdout, result.stderr))
    words = "\n".join(part for part in (stdout, stderr, note) if part)
    if result.truncated:
        words += "\n[the rest was too long to be kept]"
    if result.timed_out:
        return Output(f"[stderr]\nCommand timed out after {int(seconds)}s", failed=True)
    if result.returncode != 0:
        return Output(f"[stderr]\n{words}" if words else "", failed=True)
    return Output(words or _SILENT)
