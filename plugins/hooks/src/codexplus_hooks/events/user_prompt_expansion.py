"""UserPromptExpansion: the prompt is a command that other words take the place of."""

from __future__ import annotations

from collections.abc import Iterable

from codexplus_core import CommandRow

from ..firing import Firing, Where
from ..outcome import Outcome
from ..wording import context_texts

EVENT = "UserPromptExpansion"


def called(prompt: str) -> tuple[str, str] | None:
    """(name, arguments) of the command that a prompt may call."""
    words = prompt.lstrip()
    if not words.startswith("/"):
        return None
    name, _, args = words.lstrip("/").partition(" ")
    return (name, args.strip()) if name and not name[:1].isspace() else None


async def fire(
    firing: Firing, where: Where, prompt: str, rows: Iterable[CommandRow]
) -> tuple[list[str], Outcome] | None:
    """Run the hooks where the prompt calls one of the commands; None where it calls none."""
    named = called(prompt)
    row = None if named is None else next((row for row in rows if row.name == named[0]), None)
    if named is None or row is None:
        return None
    mcp = row.name.startswith("mcp__")
    fields = {
        "expansion_type": "mcp_prompt" if mcp else "slash_command",
        "command_name": row.name,
        "command_args": named[1],
        "command_source": "mcp" if mcp else _source(row),
        "prompt": prompt,
    }
    outcome = await firing.fire(EVENT, where, fields)
    return context_texts(EVENT, outcome.context), outcome


def _source(row: CommandRow) -> str:
    if row.scope.startswith("project"):
        return "projectSettings"
    return "userSettings" if row.scope.startswith("user") else "plugin"
