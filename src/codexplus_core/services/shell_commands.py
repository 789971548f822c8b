"""What a shell text comes to, for those who ask the user about it: its simple commands, and the programs they start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from .permissions.shell import Understood, read_shell
from .programs import Digests, resolve
from .run import CannotStart


def shell_commands(text: str) -> tuple[tuple[str, ...], ...] | None:
    """The simple commands of a text for a POSIX shell, each with its program first.

    None where it cannot be taken apart to the last byte, and where it writes a file: then nobody can say what it does.
    """
    read = read_shell(text)
    return read.commands if isinstance(read, Understood) and not read.writes else None


def programs_of(argvs: Iterable[Sequence[str]], *, cwd: Path) -> tuple[tuple[str, str, str], ...]:
    """What these commands would start in a project's directory, in the form that a Proposal's ``programs`` take.

    Each program with its path and SHA-256, ``""`` for both where it is not there, and the project's files that a
    command names. Reads all of these files, so call it in a thread.
    """
    found: dict[tuple[str, str, str], None] = {}
    digests = Digests()
    for argv in argvs:
        try:
            program = resolve(argv, cwd, digests=digests)
        except CannotStart:
            found[argv[0], "", ""] = None
            continue
        found[argv[0], str(program.path), program.digest] = None
        for file in program.pinned:
            if file.path != program.path:
                found[file.path.name, str(file.path), file.digest] = None
    return tuple(found)
