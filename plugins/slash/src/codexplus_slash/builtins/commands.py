"""The built-ins as commands that the core calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from codexplus_core import Command, Exchange, LocalReply

from . import help as help_
from . import plus, save, settings, status, version
from .desk import Desk
from .listing import BUILT_IN, MAKE_WAY

FIRST = -1000
"""The priority of built-ins: before every plugin's command and every file."""
LAST = 100
"""The priority of those that make way for the plugin they speak of; files they do not let through either."""

_Answer = Callable[[Desk, Exchange, str], Awaitable[LocalReply]]
_BUILT_INS: tuple[tuple[str, str, str, _Answer], ...] = (
    ("help", "every command, what it does and where it comes from", "[PATTERN]", help_.answer),
    ("status", "the proxy, plugins, MCP servers, settings, Codex", "", status.answer),
    ("plus", "status, help, preview and more of codex-plus", plus.HINT, plus.answer),
    ("save", "keep this session's transcript, as Markdown or JSON", "[FILE]", save.answer),
    ("config", "every setting and the file it comes from", "list", settings.answer),
    ("version", "codex-plus, Codex, and whether they go together", "", version.answer),
)


def commands(desk: Desk) -> list[Command]:
    """All of them, for ``add_commands``; they can answer once ``desk`` is open."""
    made = [
        Command(name, text, hint, FIRST, BUILT_IN, answer=partial(answer, desk))
        for name, text, hint, answer in _BUILT_INS
    ]
    absent = [
        Command(name, f"how to get the {name} plugin", "", LAST, BUILT_IN, answer=partial(_missing, desk, name))
        for name in MAKE_WAY
    ]
    return [*made, *absent]


async def _missing(desk: Desk, name: str, exchange: Exchange, args: str) -> LocalReply:
    return desk.answer(plus.missing(name))
