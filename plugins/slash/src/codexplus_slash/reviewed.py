"""All that a project's commands would ask for, for those who have read them and say yes to everything at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from codexplus_core import Proposal, Session

from .arguments import MOST_COMMANDS, Included, fill
from .catalogue import Catalogue
from .code_commands import proposed
from .command_file import CommandFile
from .local_shell import local_parts
from .modules import proposed_module
from .questions import SAMPLE, Wanted, proposals
from .surroundings import Surroundings, repository_of, user_folders


def everything_asked(project: Path, home: Path, env: Mapping[str, str]) -> list[Proposal]:
    """The question of every shell command in every command file of a project, in either profile.

    Starts nothing. What only shows while one works is not among them: options that somebody types, what code makes.
    """
    catalogue = Catalogue(home, folders=user_folders(env))
    found: dict[tuple[Path, str], CommandFile] = {}
    for strict in (False, True):
        view = catalogue.of(project, strict=strict)
        for command in (*view.all(), *view.modules()):
            if command.scope == "project":
                found[command.path, command.name] = command
    root = repository_of(project)
    return [each for command in found.values() for each in _asked(command, project, root)]


def _asked(command: CommandFile, project: Path, root: Path | None) -> Iterator[Proposal]:
    if command.kind in ("javascript", "python"):
        yield proposed(command, project)
        return
    if command.kind == "module":
        yield proposed_module(command, project)
        return
    for strict in (False, True):
        where = Surroundings(
            Session(cwd=project), project, root, strict=strict, timeout=None, env={}, shell_disabled=False, models={}
        )
        parts = fill(command, SAMPLE, strict=strict, project_dir=project)
        included = [part for part in parts if isinstance(part, Included)]
        if not strict:
            included = list(local_parts(command, SAMPLE, where)) or included
        if len(included) > MOST_COMMANDS:
            continue  # such a file never runs
        wanted = [Wanted(each, each.command or each.template) for each in included]
        yield from proposals(command, wanted, project, root)
