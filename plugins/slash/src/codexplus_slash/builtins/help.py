"""/help [pattern]: every command with what it does, its arguments, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from codexplus_core import CommandRow, Exchange, LocalReply, code_span, counted, plain_text

from .desk import Desk
from .listing import BUILT_IN, Clash, Listing, listing_of

SHOWN = 200
"""Commands that one answer lists."""
NOTES = 30
"""Clashes, and files to correct, that one answer lists."""
_WIDTH = 120
DOOR = (
    "In Codex's own composer type a space before the slash. After `codex-plus run` only names that Codex has itself,"
    " such as `/status`, need it."
)
_GROUPS = (
    ("project", "This project"),
    ("user", "Yours"),
    ("pack", "From signed packs"),
    ("plugin", "From plugins"),
    (BUILT_IN, "Built in"),
)


async def answer(desk: Desk, exchange: Exchange, args: str) -> LocalReply:
    """The list, or what fits ``args``."""
    found = (await listing_of(desk, exchange.session.cwd)).matching(args)
    return desk.answer(as_markdown(found, args.strip()))


def as_markdown(found: Listing, pattern: str = "") -> str:
    """A listing to read: a line for each command, the file behind it on the next."""
    if not found.rows:
        return f"No command fits {code_span(pattern)}. {code_span('/help')} lists all of them."
    blocks = [DOOR]
    rows = found.rows[:SHOWN]
    for scope, title in _GROUPS:
        mine = [row for row in rows if _group(row) == scope]
        if mine:
            blocks.append("\n".join([f"**{title}**", "", *_lines(mine)]))
    if len(found.rows) > SHOWN:
        blocks.append(f"And {len(found.rows) - SHOWN} more: {code_span('/help PATTERN')} narrows it down.")
    blocks += _notes("In each other's way", (_clash(clash) for clash in found.clashes))
    blocks += _notes("To correct", (_problem(problem) for problem in found.problems))
    fitting = f" for {code_span(pattern)}" if pattern else ""
    blocks.append(f"{counted(len(found.rows), 'command')}{fitting}.")
    return "\n\n".join(blocks)


def _group(row: CommandRow) -> str:
    scope = row.scope.partition(":")[0]
    return scope if scope in ("project", "user", "pack", BUILT_IN) else "plugin"


def _lines(rows: Iterable[CommandRow]) -> Iterator[str]:
    for row in rows:
        called = code_span(_cut(f"/{row.name} {row.argument_hint}".strip()))
        what = f": {plain_text(row.description)}" if row.description else ""
        yield f"- {called}{what}{_origin(row)}"


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _origin(row: CommandRow) -> str:
    # The heading says it, and 80 columns are not many.
    if _group(row) == BUILT_IN:
        return ""
    return f" ({plain_text(row.scope)}, {code_span(row.source)})" if row.source else f" ({plain_text(row.scope)})"


def _clash(clash: Clash) -> str:
    return f"{code_span('/' + clash.name)}: {_who(clash.used)} answers, {_who(clash.hidden)} does not."


def _problem(words: str) -> str:
    path, parted, rest = words.partition(": ")
    return f"{code_span(path)}: {plain_text(rest, 300)}" if parted and "/" in path else plain_text(words, 300)


def _who(name: str) -> str:
    return code_span(name) if "/" in name else plain_text(name)


def _notes(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    more = [f"- and {len(found) - NOTES} more"] if len(found) > NOTES else []
    return ["\n".join([f"**{title}**", "", *(f"- {line}" for line in found[:NOTES]), *more])] if found else []
