"""Every command that can be called here, where it comes from, and which ones are in each other's way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from pathlib import Path

from codexplus_core import CommandRow, short_path

from ..catalogue import View
from ..command_file import CommandFile
from ..replacing import replaces
from .desk import Desk

BUILT_IN = "built in"
"""The scope of what codex-plus itself answers."""


@dataclass(frozen=True, slots=True)
class Clash:
    """A command that is not reached: ``used`` answers in place of ``hidden``."""

    name: str
    used: str
    hidden: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The commands of a project as rows, the clashes among them, and sentences about files that cannot be used."""

    rows: tuple[CommandRow, ...]
    clashes: tuple[Clash, ...]
    problems: tuple[str, ...]

    def matching(self, pattern: str) -> Listing:
        """The rows whose name fits a pattern (``fix*``), or in whose name or description the words are."""
        wanted = pattern.strip().removeprefix("/").casefold()
        if not wanted:
            return self
        whole = re.compile(translate(wanted)) if any(sign in wanted for sign in "*?[") else None

        def fits(name: str, description: str = "") -> bool:
            if whole is not None:
                return whole.match(name.casefold()) is not None
            return wanted in name.casefold() or wanted in description.casefold()

        return Listing(
            tuple(row for row in self.rows if fits(row.name, row.description)),
            tuple(clash for clash in self.clashes if fits(clash.name)),
            self.problems,
        )


async def listing_of(desk: Desk, project: Path | None) -> Listing:
    """Everything that can be called in a project."""
    commands = desk.core.commands
    view, files = await desk.files(project)
    found = await commands.listing(project)
    rows = {row.name: replace(row, source=short_path(row.source, project, desk.home)) for row in found}
    contributed = {command.name: (plugin, command.scope) for plugin, command in commands}
    for row in rows_of(files, project, desk.home):
        rows.setdefault(row.name, row)
    # A proxy that runs says it of its rows; a command line has none to ask.
    first = {file.name for file in files if desk.strict and file.user_invocable and replaces(file.name, file)}
    rows |= {row.name: row for row in rows_of([file for file in files if file.name in first], project, desk.home)}
    clashes = [Clash(name, f"the plugin {used}", f"the plugin {hidden}") for name, used, hidden in commands.conflicts]
    for file in files:
        if file.name in contributed:
            plugin, scope = contributed[file.name]
            code = "the built-in" if scope == BUILT_IN else f"the plugin {plugin}"
            named = short_path(file.path, project, desk.home)
            clashes.append(Clash(file.name, named, code) if file.name in first else Clash(file.name, code, named))
    clashes += [
        Clash(module.name, short_path(module.path, project, desk.home), short_path(hidden.path, project, desk.home))
        for module, hidden in await asyncio.to_thread(_behind_modules, view, files)
    ]
    clashes += [
        Clash(each.name, short_path(each.used, project, desk.home), short_path(each.hidden, project, desk.home))
        for each in view.conflicts
    ]
    problems = [*view.problems, *(f"{file.path}: {words}" for file in files for words in file.problems)]
    return Listing(
        tuple(rows[name] for name in sorted(rows)),
        # A built-in that makes way for the plugin it speaks of is no clash for anybody.
        tuple(clash for clash in clashes if clash.used != clash.hidden and clash.name not in MAKE_WAY),
        tuple(short_path(words, project, desk.home) for words in problems),
    )


def _behind_modules(view: View, files: Sequence[CommandFile]) -> list[tuple[CommandFile, CommandFile]]:
    """Each module that answers in place of a command file, and that file."""
    named = set(view.names())
    pairs = [(file, view.find(file.name)) for file in files if file.kind == "module" and file.name in named]
    return [(module, hidden) for module, hidden in pairs if isinstance(hidden, CommandFile)]


MAKE_WAY = ("hooks", "mcp")
"""Built-ins that only say how to get the plugin of that name, and leave the name to it once it is there."""


def rows_of(files: Sequence[CommandFile], project: Path | None, home: Path) -> Iterable[CommandRow]:
    """Command files as rows for listings; those that are not for users are left out."""
    for file in files:
        if file.user_invocable:
            scope = file.label.strip("()") or file.scope
            source = short_path(file.path, project, home)
            yield CommandRow(file.name, file.description, file.argument_hint, scope, source)
