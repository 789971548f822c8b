"""Whether the program of a server is there to be started."""

from __future__ import annotations

from pathlib import Path

from codexplus_core import Proposal, programs_of

from .shown import one_line


def missing_program(command: str, project: Path) -> str:
    """Why ``command`` cannot be started in a project and how to put that right, ``""`` if it can. Reads its file."""
    return _words(programs_of([(command,)], cwd=project))


def missing_in(proposal: Proposal) -> str:
    """The same for what a user would be asked about."""
    return _words(proposal.programs) if proposal.kind == "run" else ""


def _words(programs: tuple[tuple[str, str, str], ...]) -> str:
    if not programs or programs[0][1]:
        return ""
    name = programs[0][0]
    where = "there" if "/" in name else "on the PATH"
    return f"no program {one_line(name)} is {where}; install it, or correct the entry's command"
