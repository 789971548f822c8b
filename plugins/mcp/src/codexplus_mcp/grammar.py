"""The words behind `codex-plus mcp` and `/mcp`: one grammar for both."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

from codexplus_core import Problem

from .add_options import Misused

LONGEST_S = 600.0
"""The longest that anybody may have a listing wait for one server."""
_CHOICE = re.compile(r"argument ACTION: invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)
_SAME = {"login": "auth", "rm": "remove", "ls": "list", "show": "get"}


class Quiet(argparse.ArgumentParser):
    """A parser for the chat: what is wrong is raised as Misused, and nothing is printed."""

    def error(self, message: str) -> NoReturn:
        """Raises Misused."""
        found = _CHOICE.search(message)
        if found is not None:
            near = get_close_matches(found[1], found[2].replace("'", "").split(", "), n=1)
            hint = f"did you mean /mcp {near[0]}?" if near else "/mcp help names them all"
            message = f"there is no {found[1]!r}; {hint}"
        raise Misused(f"/mcp: {message}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Raises Misused."""
        raise Misused(f"/mcp: {message or 'see /mcp help'}")


def configure(parser: argparse.ArgumentParser) -> None:
    """Give a parser the actions of `mcp`. What is `add`'s is read by `adding`: argparse cannot part it."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        other = [word for word, meant in _SAME.items() if meant == name]
        return actions.add_parser(name, aliases=other, help=text, description=text, allow_abbrev=False)

    one = action("list", "every server: where it is set, how it is, what it has")
    one.add_argument("--json", action="store_true", help="print JSON")
    _with_timeout(one)
    # No word of it is an option to argparse, so that all of them arrive, in their order.
    one = actions.add_parser("add", help="add a server: add [options] NAME COMMAND_OR_URL [ARGS...]", add_help=False,
                             prefix_chars="\0")  # fmt: skip
    one.add_argument("words", nargs=argparse.REMAINDER)
    one = action("add-json", "add a server that is given as JSON")
    one.add_argument("name", metavar="NAME")
    one.add_argument("json_text", metavar="JSON", help="the entry, or - for standard input")
    one.add_argument("-s", "--scope", default="local", help="local (default), project or user")
    one.add_argument("--client-secret", action="store_true", help="ask for the OAuth client's secret")
    one = action("get", "all about one server")
    one.add_argument("name", metavar="NAME")
    one.add_argument("--json", action="store_true", help="print JSON")
    _with_timeout(one)
    one = action("remove", "take a server out")
    one.add_argument("name", metavar="NAME")
    one.add_argument("-s", "--scope", default="", help="local, project or user; needed where several have the name")
    one = action("auth", "sign in to a server with OAuth")
    one.add_argument("name", metavar="NAME")
    one.add_argument("url", metavar="URL", nargs="?", default="", help="the address that the browser ended at")
    one.add_argument("--no-browser", action="store_true", help="print the address to open, and ask for the last one")
    one = action("logout", "forget what signing in to a server gave")
    one.add_argument("name", metavar="NAME")
    action("reset-project-choices", "withdraw what was answered about this project's servers")


def _with_timeout(parser: argparse.ArgumentParser) -> None:
    text = "seconds that a server has to answer (default: MCP_TIMEOUT, mcp.startTimeout, else 10)"
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help=text)


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0 and up to {LONGEST_S:g}")
    return found


def understood(words: Sequence[str]) -> argparse.Namespace:
    """What was typed behind `/mcp`. Raises Misused."""
    parser = Quiet(prog="/mcp", add_help=False, allow_abbrev=False)
    configure(parser)
    found = parser.parse_args(list(words) or ["list"])
    found.action = named(found.action)
    return found


def named(action: str) -> str:
    """An action by its own name: `login` is `auth`."""
    return _SAME.get(action, action)


def split(text: str) -> list[str]:
    """The words of what was typed in the chat: quotes hold words together, a backslash is one.

    The JSON of `add-json` needs none. Raises Problem for a quote that is not closed.
    """
    import shlex

    brace = text.find("{") if text.lstrip().startswith("add-json ") else -1
    rest = []
    if brace >= 0:
        end = text.rfind("}") + 1
        text, rest = f"{text[:brace].rstrip(chr(39))} {text[max(end, brace) :].lstrip(chr(39))}", [text[brace:end]]
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        return [*lexer, *rest]
    except ValueError:
        raise Problem("/mcp: a quote is not closed") from None
