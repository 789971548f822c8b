"""What plugins add to the command line, to `init` and to the doctor."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found: ``message`` says what is so, ``fix`` what to do about it (``""`` when all is well)."""

    status: Literal["ok", "warning", "error"]
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of ``codex-plus doctor``: ``run()`` may be async and must not change anything."""

    name: str
    run: Callable[[], CheckResult | Awaitable[CheckResult]]


@dataclass(frozen=True, slots=True)
class CliCommand:
    """A sub-command ``codex-plus NAME``.

    ``configure(parser)`` adds its arguments; ``run(arguments)`` gives the exit status. Import what is slow inside
    ``run``, or use ``of_module``: every start of ``codex-plus`` makes the objects of all sub-commands.
    """

    name: str
    help: str
    run: Callable[[argparse.Namespace], int]
    configure: Callable[[argparse.ArgumentParser], None] | None = None

    @classmethod
    def of_module(cls, name: str, help: str, module: str) -> CliCommand:
        """The one whose ``configure`` and ``run`` stand in ``module``, which is imported when the user asks for it."""

        def run(arguments: argparse.Namespace) -> int:
            status: int = import_module(module).run(arguments)
            return status

        def configure(parser: argparse.ArgumentParser) -> None:
            import_module(module).configure(parser)

        return cls(name, help, run, configure)


@dataclass(frozen=True, slots=True)
class InitStep:
    """Files that ``codex-plus init --OPTION`` writes for the user, and ``init --undo`` takes back.

    ``option`` is ``"skills"``, ``"prompts"``, ``"hooks"`` or ``"mcp"``. ``files(env)`` gives what is to be there now,
    by absolute path; it is called in a thread. The core writes that, brings it up to date when the proxy starts and
    once a minute while it runs, removes what is not wanted any more, and never touches a file that it did not write or
    that was changed since. ``hint`` is printed once it is done: how to use what was written.

    ``entries(env)`` gives what is to stand in lists of JSON files that others write too: by the file's absolute path,
    then by the list's keys, joined by dots. They are added behind what is there, by ``init`` only, and taken back by
    ``init --undo``: byte for byte where nobody else has written to the file since, else they alone.

    ``env`` is the environment; ``CODEX_PLUS_BASE_URL`` in it is the base URL under which Codex reaches the proxy, where
    Codex is set up for it.

    ``codex_tables(root)`` gives tables that Codex's own config.toml is to have, by dotted name
    (``{"mcp_servers.mine": {"url": f"{root}/_codexplus/mine"}}``); ``root`` is the proxy's address as Codex reaches it,
    without a path. Values are texts, numbers and flags. A table of that name that the user wrote is left alone. An
    installed Codex older than ``codex_since`` ("0.60.0") gets none: some versions do not start with a table that they
    cannot read.
    """

    option: str
    files: Callable[[Mapping[str, str]], Mapping[Path, str]]
    hint: str = ""
    entries: Callable[[Mapping[str, str]], Mapping[Path, Mapping[str, Sequence[Any]]]] | None = None
    codex_tables: Callable[[str], Mapping[str, Mapping[str, str | int | float | bool]]] | None = None
    codex_since: str = ""
