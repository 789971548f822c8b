"""/plus: what has no name of its own in Codex's composer, and what it hands over to other commands."""

from __future__ import annotations

from codexplus_core import Exchange, LocalReply

from ..invocation import Invocation
from . import help as help_
from . import init, preview_reply, save, settings, status, version
from .desk import Desk

USAGE = """\
`/plus` takes one of these words:

- `/plus status`: the proxy, plugins, MCP servers, settings, Codex
- `/plus help [PATTERN]`: every command
- `/plus preview NAME [ARGS]`: what a command would send and run, without doing it
- `/plus config`: every setting and the file it comes from
- `/plus save [FILE]`: keep this session's transcript
- `/plus init`: what is set up, and what to run next
- `/plus version`: codex-plus, Codex, and whether they go together
- `/plus hooks`, `/plus mcp`, `/plus usage`: the commands of these plugins"""
HINT = "[status|preview NAME|init|…]"
HANDED_OVER = ("hooks", "mcp", "usage")
"""Sub-commands that are commands of other plugins."""

_OWN = {
    "": status.answer,
    "status": status.answer,
    "help": help_.answer,
    "preview": preview_reply.answer,
    "config": settings.answer,
    "save": save.answer,
    "init": init.answer,
    "version": version.answer,
}


async def answer(desk: Desk, exchange: Exchange, args: str) -> LocalReply:
    """The sub-command's answer, or how to use it."""
    name, _, rest = args.strip().partition(" ")
    found = _OWN.get(name)
    if found is not None:
        return await found(desk, exchange, rest.strip())
    if name in HANDED_OVER:
        return desk.answer(missing(name))
    return desk.answer(USAGE)


def handed_over(invocation: Invocation) -> Invocation | None:
    """The command that ``/plus hooks ARGS`` and the like stand for, None for every other one."""
    name, _, rest = invocation.args.partition(" ")
    return Invocation(name, rest.strip()) if invocation.name == "plus" and name in HANDED_OVER else None


def missing(name: str) -> str:
    """How to get the plugin that brings a command."""
    distribution = {"usage": "codex-plus-enterprise"}.get(name, f"codex-plus-{name}")
    what = {"hooks": "Lifecycle hooks", "mcp": "MCP servers", "usage": "Usage and budgets"}[name]
    return (
        f"{what} are a plugin of their own, which is not loaded.\n\n"
        f"- Install `{distribution}` beside codex-plus, with the pip of its environment.\n"
        "- End the proxy with `codex-plus stop`; the next start loads the plugin.\n"
        "- `codex-plus serve --plugins list` shows what is installed."
    )
