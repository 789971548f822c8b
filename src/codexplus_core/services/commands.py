"""The slash commands that plugins contribute, and what happens when a prompt names one nobody else answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ..budget import pause
from ..command import Command, CommandRow
from ..exchange import Exchange, LocalReply, Refusal, current_plugin

Ask = Callable[[str, Callable[[], Any]], Awaitable[object]]
"""Calls a function of the plugin of that name; a Refusal, LocalReply or text where it went well."""

Provider = Callable[[Path | None], Any]
"""Gives a CommandRow for each command of a project (None: outside every project) besides the contributed ones; may be
``async``."""

AskRows = Callable[[str, Callable[[], Any]], Awaitable[list[CommandRow]]]
"""Calls a provider of the plugin of that name; no rows where it fails."""


async def _no_rows(plugin: str, call: Callable[[], Any]) -> list[CommandRow]:
    return []


async def _no_answer(plugin: str, call: Callable[[], Any]) -> object:
    return None


class Commands:
    """Contributed commands by name; of two with one name the lower priority number wins, then the plugin's order."""

    def __init__(
        self,
        contributed: Iterable[tuple[str, Any]] = (),
        report: Callable[..., None] | None = None,
        ask_rows: AskRows = _no_rows,
        ask: Ask = _no_answer,
    ) -> None:
        self._commands: dict[str, tuple[str, Command]] = {}
        self.conflicts: list[tuple[str, str, str]] = []
        """(name, plugin that answers, plugin that does not)."""
        self._ask_rows = ask_rows
        self._ask = ask
        self._providers: list[tuple[str, Provider]] = []
        for plugin, command in contributed:
            self._add(plugin, command, report)

    def _add(self, plugin: str, command: Any, report: Callable[..., None] | None) -> None:
        if not isinstance(command, Command) or not command.name or (command.expand is None and command.answer is None):
            if report is not None:
                report("command_unusable", plugin=plugin, command=repr(getattr(command, "name", command)))
            return
        taken = self._commands.get(command.name)
        if taken is not None and taken[1].priority <= command.priority:
            self.conflicts.append((command.name, taken[0], plugin))
            return
        if taken is not None:
            self.conflicts.append((command.name, plugin, taken[0]))
        self._commands[command.name] = (plugin, command)

    def __iter__(self) -> Iterator[tuple[str, Command]]:
        return iter(sorted(self._commands.values(), key=lambda entry: entry[1].name))

    def __len__(self) -> int:
        return len(self._commands)

    def get(self, name: str) -> Command | None:
        """The command of that name."""
        entry = self._commands.get(name)
        return None if entry is None else entry[1]

    def provide(self, provider: Provider) -> None:
        """Add a source of commands that are found as one works, such as files; ``listing`` asks it each time.

        Whoever provides a command answers it in ``on_request``.
        """
        self._providers.append((current_plugin.get(), provider))

    async def listing(self, project: Path | None = None) -> list[CommandRow]:
        """Every command that can be called in a project, one row a name, by name.

        Contributed ones win over all but those that say of themselves that they replace them.
        """
        rows = {
            command.name: CommandRow(command.name, command.description, command.argument_hint, command.scope, plugin)
            for plugin, command in self._commands.values()
        }
        for row in await self._provided(project):
            if row.replaces and row.name in self._commands and not rows[row.name].replaces:
                rows[row.name] = row
            rows.setdefault(row.name, row)
        return [rows[name] for name in sorted(rows)]

    async def replaced(self, name: str, project: Path | None = None) -> bool:
        """Whether something else answers in a project in the place of the contributed command of that name."""
        if name not in self._commands:
            return False
        return any(row.replaces and name in (row.name, *row.aliases) for row in await self._provided(project))

    async def _provided(self, project: Path | None) -> list[CommandRow]:
        found = [await self._ask_rows(plugin, partial(provider, project)) for plugin, provider in self._providers]
        return [row for rows in found for row in rows]

    async def answer(self, exchange: Exchange, ask: Ask) -> LocalReply | Refusal | None:
        """Answer or rewrite a prompt that begins with a contributed command; anything else is left as it is.

        ``ask`` calls the plugin in its own time; one that fails is a Refusal that names it.
        """
        name, args = self._called(exchange.prompt)
        return await self._made(name, exchange, args, ask) if name else None

    def answers(self, prompt: str | None) -> bool:
        """Whether a prompt begins with a contributed command that answers it, so that no model is asked."""
        name, _ = self._called(prompt)
        return bool(name) and self._commands[name][1].answer is not None

    def _called(self, prompt: str | None) -> tuple[str, str]:
        """The contributed command that a prompt begins with, ``""`` for none, and what stands behind its name."""
        words = (prompt or "").lstrip()
        if not self._commands or not words.startswith("/"):
            return "", ""
        called = words.lstrip("/")
        name = called.split(None, 1)[0] if called[:1].strip() else ""
        return (name, called[len(name) :].strip()) if name in self._commands else ("", "")

    async def call(self, name: str, exchange: Exchange, args: str) -> LocalReply | Refusal | None:
        """Have the plugin answer whose command this is, as if it had been typed; for ``on_request``.

        None where it has put another prompt in the place of this one, and where there is no such command.
        """
        if name not in self._commands:
            return None
        async with pause():
            return await self._made(name, exchange, args, self._ask)

    async def _made(self, name: str, exchange: Exchange, args: str, ask: Ask) -> LocalReply | Refusal | None:
        plugin, command = self._commands[name]
        if command.answer is not None:
            made = await ask(plugin, partial(command.answer, exchange, args))
            if isinstance(made, LocalReply | Refusal):
                return made
        elif command.expand is not None:
            made = await ask(plugin, partial(command.expand, exchange, args))
            if isinstance(made, str):
                exchange.prompt = made
                return None
        return Refusal(f"/{name}: the plugin {plugin!r} failed; see the log of codex-plus", 500, "command_failed")
