"""What the user is asked before a command's shell runs: the template in the file, not what was typed after its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codexplus_core import Proposal, programs_of, shell_commands

from .arguments import Included
from .command_file import CommandFile
from .inclusions import shell_argv
from .read_only import is_harmless
from .verdicts import permissions_for

SAMPLE = " ".join(["ARGUMENT"] * 9)
"""Arguments by which a command is known before somebody has typed any."""
_SHOWN = 400
_CODE = ("javascript", "python", "module")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A shell command to be asked about.

    ``plain`` is the command with `SAMPLE` for arguments: by it the programs and permissions are known beforehand.
    ``exact`` asks about the command as it would run now, because what was typed matters (an option, a rule of the
    user's, a text that code has made).
    """

    included: Included
    plain: str
    exact: bool = False


def proposals(command: CommandFile, wanted: Sequence[Wanted], cwd: Path, root: Path | None) -> list[Proposal]:
    """One question for each shell command of a file. Reads the programs that they would start: call it in a thread."""
    several = len(wanted) > 1
    return [
        _proposal(command, each, f", shell command {at}" if several else "", cwd, root)
        for at, each in enumerate(wanted, start=1)
    ]


def _proposal(command: CommandFile, wanted: Wanted, which: str, cwd: Path, root: Path | None) -> Proposal:
    included, plain = wanted.included, wanted.plain
    # Code is asked about under the command's own name, so what it returned needs another one.
    made = ", in what it returned" if command.kind in _CODE else ""
    commands = shell_commands(plain)
    # What only looks at files, or makes some, runs none of them: they may change without a new question.
    argvs = [shell_argv(included.template)] if commands is None else [shell_argv("")[:1]]
    argvs += [argv[:1] if is_harmless(argv, cwd) else argv for argv in commands or ()]
    return Proposal(
        "run",
        command.scope,
        f"command /{command.name}{made}{which}",
        source=source_of(command, cwd),
        source_digest=command.digest,
        project=None if command.scope == "user" else cwd,
        text=included.command if wanted.exact else included.template,
        programs=programs_of(argvs, cwd=cwd),
        permissions=() if command.scope == "user" else permissions_for(plain, cwd, root),
        notes=(
            f"line {included.line} of {'the prompt that it returned' if made else 'the file'}",
            f"the file's sha256 is {command.digest[:12]}...",
            *_as_typed(included),
        ),
    )


def _as_typed(included: Included) -> tuple[str, ...]:
    """The command with what was typed in it, where that is not what is asked about."""
    command = included.command
    if command in ("", included.template):
        return ()
    more = f"… and {len(command) - _SHOWN} characters more" if len(command) > _SHOWN else ""
    return (f"this time: {command[:_SHOWN]}{more}",)


def source_of(command: CommandFile, cwd: Path) -> str:
    """The command's file as people know it: from the project's folder, or whole."""
    return str(command.path.relative_to(cwd) if command.path.is_relative_to(cwd) else command.path)
