"""`codex-plus audit`: is the log whole, what does it say, and in another system's words."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from codexplus_core import Problem, open_core

from .settings import AuditSettings, audit_settings

_TEXTS = {
    "verify": "look whether every record is as it was written and in its place",
    "export": "print the records in the words of another system, a line each",
    "report": "tell who ran what, what was refused, what is new, and what it used",
    "heads": "print how far each stream has come, to be kept where its writer cannot reach",
}
_FORMATS = ("ecs", "ocsf", "cef", "syslog")
_RENDERED = ("text", "markdown", "html")


def configure(parser: ArgumentParser) -> None:
    """The arguments of `audit`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    made = {name: actions.add_parser(name, help=text, description=text) for name, text in _TEXTS.items()}
    for one in made.values():
        one.add_argument("--directory", metavar="DIR", type=Path, help="where the log lies (default: the settings')")
    for name in ("verify", "heads"):
        made[name].add_argument(
            "--key", metavar="FILE", type=Path, action="append", help="the key of the chain; may be repeated"
        )
        made[name].add_argument("--json", action="store_true", help="print JSON")
    made["verify"].add_argument(
        "--heads", metavar="FILE", type=Path, help="heads kept elsewhere: a log of the proxy, or what heads printed"
    )  # fmt: skip
    for name in ("export", "report"):
        made[name].add_argument("--since", metavar="TIME", default="", help="from then on: 2026-01-31, or 7d ago")
        made[name].add_argument("--until", metavar="TIME", default="", help="up to then")
        made[name].add_argument("--output", metavar="FILE", type=Path, help="write there instead of printing")
    made["export"].add_argument("--format", choices=_FORMATS, default="ecs", help="default: ecs")
    made["report"].add_argument("--format", choices=_RENDERED, default="text", help="default: text")


def run(args: Namespace) -> int:
    """Do it. Raises Problem."""
    with open_core() as core:
        settings = audit_settings(core.config.user)
    actions = {"verify": _verify, "export": _export, "report": _report, "heads": _heads}
    return actions[args.action](args, settings)


def _verify(args: Namespace, settings: AuditSettings) -> int:
    from .finding import HARMLESS
    from .heads import heads_in
    from .verify import verify

    heads = () if args.heads is None else tuple(heads_in(_lines(args.heads)))
    if args.heads is not None and not heads:
        raise Problem(f"{args.heads}: holds no head; name a log of the proxy, or what codex-plus audit heads printed")
    streams, findings = verify(_folder(args, settings), _keys(args, settings), heads)
    bad = [one for one in findings if one.kind not in HARMLESS]
    if args.json:
        told = {"ok": not bad, "streams": [_row(one) for one in streams], "findings": [one.row() for one in findings]}
        print(json.dumps(told, indent=2))
        return 1 if bad else 0
    for one in streams:
        print(f"{one.stream}: {one.records} records, {one.first} to {one.last}")
    for finding in findings:
        print(finding)
    if not streams:
        print("there are no records")
    elif not bad:
        print(f"whole{'' if heads else '; that nothing is missing at the end can only be told with --heads'}")
    return 1 if bad else 0


def _heads(args: Namespace, settings: AuditSettings) -> int:
    from .heads import EVENT, head
    from .verify import verify

    keys = _keys(args, settings)
    streams, _ = verify(_folder(args, settings), keys)
    for one in streams:
        if one.records:
            print(json.dumps({"event": EVENT, **head(keys[0], one.stream, one.last, one.hash).row()}))
    return 0


def _export(args: Namespace, settings: AuditSettings) -> int:
    from .formats import FORMATS
    from .reading import records

    since, until = _times(args)
    spoken = FORMATS[args.format]
    _write(args.output, (f"{spoken(one)}\n" for one in records(_folder(args, settings), since=since, until=until)))
    return 0


def _report(args: Namespace, settings: AuditSettings) -> int:
    from .account import account_of
    from .reading import records
    from .report import RENDERERS

    since, until = _times(args)
    # From the beginning: only then is it known what is new.
    account = account_of(records(_folder(args, settings), until=until), since)
    _write(args.output, [RENDERERS[args.format](account)])
    return 0


def _times(args: Namespace) -> tuple[str, str]:
    from .reading import moment

    return (moment(args.since) if args.since else ""), (moment(args.until) if args.until else "")


def _folder(args: Namespace, settings: AuditSettings) -> Path:
    folder: Path = args.directory or settings.directory
    if not folder.is_dir():
        if args.directory is not None:
            raise Problem(f"{folder}: is no folder")
        begins = "the proxy begins it; codex-plus doctor says whether it can"
        begins = begins if settings.on else "audit.enabled in your settings begins one"
        raise Problem(f"{folder}: there is no audit log; {begins}")
    return folder


def _keys(args: Namespace, settings: AuditSettings) -> list[bytes]:
    from .keys import read_key

    if args.key:
        return [read_key(path) for path in args.key]
    own = (args.directory or settings.directory) / "audit.key"
    return [read_key(settings.key_file or own)]


def _row(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("stream", "records", "first", "last", "hash")}


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError as error:
        raise Problem(f"{path}: cannot be read ({error.strerror})") from error


def _write(path: Path | None, parts: Iterable[str]) -> None:
    if path is None:
        sys.stdout.writelines(parts)
        return
    try:
        # For its owner's eyes: it says what was done on this machine.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            with contextlib.suppress(AttributeError):
                os.fchmod(file.fileno(), 0o600)
            file.writelines(parts)
    except OSError as error:
        raise Problem(f"{path}: cannot be written ({error.strerror})") from error
