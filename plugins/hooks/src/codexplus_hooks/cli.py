"""`codex-plus hooks`: the hooks of a directory, and changes to them, in a terminal."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from codexplus_core import Core, Problem, Session, open_core, printable

from .asking import Asking
from .bridge_client import ask
from .bridge_files import Places, places
from .desk import Change, Desk
from .desktop import Desktop
from .editing import PLACES, NewHook
from .hook import EVENTS
from .last_runs import ask_proxy
from .listing import HookRow, last_of
from .rehearsal import NAMES
from .rehearsal_words import in_lines
from .running import Runner
from .settings import Hooks
from .settings_file import Written
from .trust import Trust

_TEXTS = {
    "list": "list every hook that counts in this directory: file and key, trust, last run",
    "add": "add a hook to a settings file; what is left out is asked for in a terminal",
    "remove": "take a hook out of its settings file",
    "enable": "let a hook run again that was switched off",
    "disable": "switch a hook off, wherever it stands",
    "test": "show what an event would come to; hooks that may run do run, what they say has no effect",
    "bridge": "hand an event of Codex's own hooks, on standard input, to the proxy",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of `hooks`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    made = {name: actions.add_parser(name, help=text, description=text) for name, text in _TEXTS.items()}
    one = made["list"]
    one.add_argument("--event", metavar="EVENT", default="", help="only the hooks of this event")
    one = made["add"]
    one.add_argument("event", metavar="EVENT", nargs="?", default="", help=f"one of {', '.join(EVENTS)}")
    one.add_argument("command", metavar="COMMAND", nargs="?", default="", help="for the shell, as one word")
    one.add_argument("--matcher", metavar="MATCHER", help="such as Bash, Edit|Write or mcp__.* (default: all)")
    one.add_argument("--timeout", metavar="SECONDS", type=float, help="default 5")
    one.add_argument("--permission", metavar="NAME", action="append", help="such as run:prettier; may be repeated")
    one.add_argument("--scope", choices=PLACES, help="whose settings (default: user)")
    for name in ("remove", "enable", "disable"):
        one = made[name]
        every = "" if name == "remove" else ", or all"
        one.add_argument("id", metavar="ID", help=f"the id or the key that list shows{every}")
        one.add_argument("--file", metavar="FILE", type=Path, help="its settings file, where several have the hook")
    one = made["test"]
    one.add_argument("event", metavar="EVENT", help=f"one of {', '.join(EVENTS)}, pre_input, post_output")
    one.add_argument("--tool", metavar="NAME", default="", help="in Claude's words: Bash, Edit, Write, mcp__s__t")
    one.add_argument("--input", metavar="JSON", default="", help="the tool's input; for other events further fields")
    for name, one in made.items():
        if name != "bridge":
            one.add_argument("--project", metavar="DIR", type=Path, help="the project's directory (default: this one)")
            one.add_argument("--json", action="store_true", help="print JSON")
    made["list"].add_argument("--port", metavar="PORT", type=int, help="the proxy's port (default: init's, else 3000)")
    made["bridge"].add_argument("event", metavar="EVENT", help="the event, in Codex's words")
    made["bridge"].add_argument(
        "--port", metavar="PORT", type=int, help="the proxy's port (default: init's, else 3000)"
    )


def run(args: argparse.Namespace) -> int:
    """Do it. Raises Problem for a directory that is none, an id that names nothing, a file that cannot be changed."""
    if args.action == "bridge":
        return _bridge(args)
    project: Path = (args.project or Path.cwd()).absolute()
    if not project.is_dir():
        raise Problem(f"{project}: is no directory; name the project's", exit_code=2)
    with open_core() as core:
        desk = desk_of(core)
        if args.action == "list":
            return asyncio.run(_list(desk, project, args))
        if args.action == "test":
            return asyncio.run(_test(desk, project, args))
        return asyncio.run(_edit(desk, project, args))


def desk_of(core: Core) -> Desk:
    """The desk of a command, which has no proxy around it."""
    home = Path(os.environ.get("HOME") or Path.home())
    return Desk(
        core, Hooks(core), Trust(core), Runner(core, perform=Desktop(core).perform), dict(os.environ), home
    )  # fmt: skip


async def _list(desk: Desk, project: Path, args: argparse.Namespace) -> int:
    if args.event and args.event not in NAMES:
        raise Problem(f"{args.event}: is no event; one of {', '.join(NAMES)}", exit_code=2)
    port = args.port or _told(desk.env).port
    runs = await asyncio.to_thread(ask_proxy, port, project, desk.folders(project).state / "token")
    found = await desk.listing(Session(cwd=project), last_of(runs or {}))
    rows = [row for row in found.rows if args.event in ("", row.event)]
    if args.json:
        told = {"hooks": [asdict(row) for row in rows], "disabled": found.disabled, "warnings": found.warnings,
                "proxy": runs is not None}  # fmt: skip
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return 0
    for row in rows:
        print("\n".join(map(printable, _described(row, proxy=runs is not None))))
    if found.disabled:
        print(printable(f"they do not run: {found.disabled}"))
    for warning in found.warnings:
        print(printable(f"to correct: {warning}"))
    if not rows:
        print("no hook was found")
    elif runs is None:
        print(f"no proxy answers on port {port}, so nothing is known of their last runs")
    return 0


def _described(row: HookRow, *, proxy: bool) -> Sequence[str]:
    matcher = f" {row.matcher}" if row.matcher else ""
    where = f"{row.file}{f':{row.line}' if row.line else ''}"
    lines = [f"{row.id}  {row.event}{matcher}: {row.command}", f"    {row.key} in {where} ({row.scope}, {row.trust})"]
    more = [] if row.timeout is None else [f"at most {row.timeout:g} s"]
    more += [] if row.permissions is None else [f"permissions: {', '.join(row.permissions) or 'none'}"]
    if row.last_run is not None:
        more.append(f"{row.last_words}, {row.result}")
    elif proxy:
        more.append("has not run yet")
    return [*lines, f"    {'; '.join(more)}"] if more else lines


async def _test(desk: Desk, project: Path, args: argparse.Namespace) -> int:
    shown = await desk.rehearse(args.event, Session(cwd=project), tool=args.tool, given=args.input)
    if args.json:
        print(json.dumps(shown.as_json(), indent=2, ensure_ascii=False, default=str))
    else:
        print("\n".join(in_lines(shown)))
    return 0


async def _edit(desk: Desk, project: Path, args: argparse.Namespace) -> int:
    if args.action == "add":
        asking = Asking() if sys.stdin.isatty() and not args.json else None
        change = _addition(desk, project, args, asking)
        if asking is not None and asking.asked and not asking.agreed(f"{change.paths}: {change.words}"):
            print("nothing was changed")
            return 1
    elif args.action == "remove":
        change = desk.removing(args.id, project, args.file)
    else:
        change = desk.switching("enable" if args.action == "enable" else "disable", args.id, project, args.file)
    changed = [plan for plan in change.plans if plan.after != plan.before]
    written = await desk.carry_out(change, project) if changed else []
    _report(change, written, args, project)
    return 0


def _addition(desk: Desk, project: Path, args: argparse.Namespace, asking: Asking | None) -> Change:
    event, command, matcher, scope = args.event, args.command, args.matcher, args.scope
    if asking is not None and not (event and command):
        event = event or asking.event()
        matcher = asking.matcher(event) if matcher is None else matcher
        command = command or asking.command()
        scope = scope or asking.scope()
    if not (event and command):
        raise Problem("name an event and a command: codex-plus hooks add EVENT COMMAND", exit_code=2)
    permissions = None if args.permission is None else tuple(args.permission)
    return desk.adding(NewHook(event, command, matcher or "", args.timeout, permissions), scope or "user", project)


def _report(change: Change, written: Sequence[Written], args: argparse.Namespace, project: Path) -> None:
    if args.json:
        rows = [{"file": str(one.path), "backup": str(one.backup) if one.backup else None} for one in written]
        told = {"done": change.words, "written": rows} | ({"note": change.note} if change.note else {})
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    if not written:
        print("nothing to change: it is so already")
        return
    print(printable(f"done: {change.words}"))
    for one in written:
        print(
            printable(
                f"{'removed' if one.removed else 'written'}: {one.path}"
                + (f" (as it was: {one.backup})" if one.backup else "")
            )
        )
    if change.note:
        print(printable(f"note: {change.note}"))
    if change.of_project:
        print(f"hooks of a project are asked about first; codex-plus approvals allow --project {project} allows them")


def _told(env: Mapping[str, str]) -> Places:
    """The places, and the proxy that Codex is told to use. A plugin's command is not told the base URL; a step is."""
    # Every start of the command line imports this module, and only two actions ask.
    import tomllib

    try:
        told = tomllib.loads((places(env).codex / "config.toml").read_text(encoding="utf-8")).get("openai_base_url")
    except (OSError, ValueError):
        told = None
    return places({**env, "CODEX_PLUS_BASE_URL": told} if isinstance(told, str) else env)


def _bridge(args: argparse.Namespace) -> int:
    """Hand on one event. Whatever goes wrong, Codex goes on as if there were no hook."""
    here = _told(os.environ)
    try:
        event = sys.stdin.buffer.read()
        answer = ask(args.port or here.port, f"{here.prefix}/_codexplus/hooks/{args.event}", event)
        sys.stdout.buffer.write(answer + b"\n" if answer else b"")
    except (OSError, ValueError, IndexError):
        pass
    return 0
