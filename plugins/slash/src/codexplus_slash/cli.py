"""`codex-plus commands`: the slash commands of a directory, and what one of them would do."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codexplus_core import Core, Problem, Session, open_core, printable

from .builtins import listing, preview_reply
from .builtins.desk import Desk
from .catalogue import Catalogue
from .preview import NoPreview, preview
from .spoken import spoken
from .surroundings import user_folders


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of `commands`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    text = "list the slash commands that count in this directory"
    one = actions.add_parser("list", help=text, description=text)
    one.add_argument("pattern", metavar="PATTERN", nargs="?", default="", help="such as fix*, or words to look for")
    _common(one)
    text = "show what /NAME ARGS would send and run, without doing it"
    one = actions.add_parser("preview", help=text, description=text)
    one.add_argument("name", metavar="NAME", help="the command, with or without its slash")
    one.add_argument("args", metavar="ARGS", nargs=argparse.REMAINDER, help="its arguments, as typed behind its name")
    _common(one)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", metavar="DIR", type=Path, help="the project's directory (default: this one)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Show it. Raises Problem for a directory that is none and a command that does not exist."""
    project: Path = (args.project or Path.cwd()).absolute()
    if not project.is_dir():
        raise Problem(f"{project}: is no directory; name the project's", exit_code=2)
    with open_core() as core:
        home = Path(os.environ.get("HOME") or Path.home())
        desk = Desk(os.environ, home)
        catalogue = Catalogue(home, folders=user_folders(os.environ))
        desk.open(core, catalogue)
        if args.action == "list":
            return asyncio.run(_list(desk, project, args))
        return asyncio.run(_preview(desk, project, args))


async def _list(desk: Desk, project: Path, args: argparse.Namespace) -> int:
    found = (await listing.listing_of(desk, project)).matching(args.pattern)
    if args.json:
        print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        return 0
    for row in found.rows:
        called = f"/{row.name} {row.argument_hint}".strip()
        what = f"  {row.description}" if row.description else ""
        print(printable(f"{called}{what}  ({row.scope}{f', {row.source}' if row.source != row.scope else ''})"))
    for clash in found.clashes:
        print(printable(f"/{clash.name}: {clash.used} answers, {clash.hidden} does not"))
    for problem in found.problems:
        print(printable(f"to correct: {problem}"))
    if not found.rows:
        print("no command" + (f" fits {printable(args.pattern)}" if args.pattern else " was found"))
    return 0


async def _preview(desk: Desk, project: Path, args: argparse.Namespace) -> int:
    words, as_json = _words(args)
    name = args.name.removeprefix("/")
    core: Core = desk.core
    view = await desk.view(project)
    try:
        found = await preview(core, view, name, words, Session(cwd=project), strict=desk.strict)
    except NoPreview as problem:
        contributed: Any = core.commands.get(name)
        if contributed is None:
            raise Problem(str(problem)) from None
        raise Problem(
            f"/{name}: is answered by code ({contributed.scope}); there is nothing to show beforehand"
        ) from None
    if as_json:
        print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        return 0
    if desk.wish.local:
        print(spoken("\n".join(preview_reply.as_markdown(found, project, desk.home))), end="")
        return 0
    print(spoken("\n".join(preview_reply.about(found, project, desk.home))), end="")
    if found.prompt:
        lines = (f"    {line}".rstrip() for line in preview_reply.prompt_lines(found))
        shown = "\n".join(lines).strip("\n")
        print(f"\nThe model would read:\n\n{shown}")
    print(f"\n{preview_reply.DONE}")
    return 0


def _words(args: argparse.Namespace) -> tuple[str, bool]:
    """The command's arguments as one text, and whether JSON is wanted.

    ``--json`` at their end is ours; who wants it in them puts ``--`` first.
    """
    words = list(args.args)
    if "--" in words[:1]:
        return " ".join(words[1:]), bool(args.json)
    as_json = bool(args.json)
    if words[-1:] == ["--json"]:
        words, as_json = words[:-1], True
    return " ".join(words), as_json
