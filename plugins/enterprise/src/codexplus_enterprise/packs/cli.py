"""``codex-plus pack``: build, sign, verify, install, list and remove signed packs."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from codexplus_core import AuditEvent, Core, Problem, open_core

from . import building
from .contents import Content, contents_of, unused_kinds
from .keyring import Key, Keyring, keyring_of
from .manifest import MANIFEST, NAME, PackError, comment
from .provider import Packs, Row
from .signing import is_encrypted, key_id
from .verify import Verified, against, verify

_LARGEST_KEY = 4096


def configure(parser: ArgumentParser) -> None:
    """The arguments of ``pack``."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    text = f"write {MANIFEST} for what lies in a folder"
    one = actions.add_parser("build", help=text, description=text)
    one.add_argument("folder", metavar="DIR", type=Path)
    one.add_argument("--name", help="what the pack is called (default: as before, or as the folder)")
    one.add_argument("--version", help="such as 1.4.0 (default: as before)")
    one.add_argument("--serial", type=_number, help="a number that only grows (default: one more than before)")
    one.add_argument("--days", type=_number, default=building.DAYS, help="days until it expires (default: %(default)s)")
    one.add_argument("--description", help="a line for people")
    text = "sign a built pack with a secret key of minisign"
    one = actions.add_parser("sign", help=text, description=text)
    one.add_argument("folder", metavar="DIR", type=Path)
    one.add_argument("--key", metavar="FILE", type=Path, required=True, help="the secret key, made by minisign -G")
    one.add_argument("--password-stdin", action="store_true", help="read the key's password from standard input")
    text = "verify a pack that is not installed, and show what is in it"
    one = actions.add_parser("verify", help=text, description=text)
    one.add_argument("folder", metavar="DIR", type=Path)
    _key(one, "a public key, or its .pub file (default: the keys of the settings)")
    _json(one)
    text = "verify a pack and use it from now on"
    one = actions.add_parser("install", help=text, description=text)
    one.add_argument("folder", metavar="DIR", type=Path)
    _key(one, "a public key, or its .pub file: trust it for packs of this name from now on")
    _json(one)
    text = "list the packs, and why those that are not used are not"
    one = actions.add_parser("list", help=text, description=text)
    _json(one)
    text = "remove an installed pack"
    one = actions.add_parser("remove", help=text, description=text)
    one.add_argument("name", metavar="NAME")
    one.add_argument("--forget", action="store_true", help="forget its serial and its key, too")


def run(arguments: Namespace) -> int:
    """Do what the command line says. Raises Problem."""
    return _ACTIONS[arguments.action](arguments)


def _key(parser: ArgumentParser, text: str) -> None:
    parser.add_argument("--key", metavar="KEY|FILE", help=text)


def _json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _number(text: str) -> int:
    number = int(text)
    if not 0 < number < 1 << 31:
        raise ValueError
    return number


def _build(args: Namespace) -> int:
    wanted = building.Wanted(args.name, args.version, args.serial, args.days, args.description)
    manifest, data = building.build(_folder(args.folder), wanted, now=time.time())
    said = comment(manifest.name, manifest.serial, data)
    print(f"{args.folder / MANIFEST}: {manifest.title}, serial {manifest.serial}, {len(manifest.files)} files,"
          f" expires on {_day(manifest.expires)}")  # fmt: skip
    print(f"sign it:       codex-plus pack sign {args.folder} --key KEY")
    print(f"or by itself:  minisign -S -s KEY -t '{said}' -m {args.folder / MANIFEST}")
    return 0


def _sign(args: Namespace) -> int:
    folder = _folder(args.folder)
    try:
        with args.key.expanduser().open("rb") as file:
            secret = file.read(_LARGEST_KEY)
    except OSError as error:
        raise Problem(f"{args.key}: cannot be read ({error.strerror})", exit_code=2) from error
    password = None
    if is_encrypted(secret):
        password = sys.stdin.readline().rstrip("\n") if args.password_stdin else _asked()
    manifest, public = building.sign_pack(folder, secret, password)
    print(f"{manifest.title}, serial {manifest.serial}: signed by {key_id(public)}")
    print(f"its users trust it by: codex-plus pack install {args.folder} --key {public}")
    return 0


def _verify(args: Namespace) -> int:
    with open_core() as core:
        packs = Packs(core)
        found = _verified(packs, core, args)
        _seen(packs, found)
        _show(found, as_json=args.json)
    return 0


def _install(args: Namespace) -> int:
    with open_core() as core:
        packs = Packs(core)
        keyring = _keyring(packs, core)
        try:
            found = _verified(packs, core, args)
            _seen(packs, found)
        except Problem as problem:
            fields = {"path": str(args.folder)}
            asyncio.run(core.report(AuditEvent("pack.install", "denied", str(problem), fields=fields, decision=True)))
            raise
        name, given = found.manifest.name, args.key is not None
        trusted = {key.public for key in keyring.of(name)}
        if given and found.key.public not in trusted and (trusted or keyring.only_policy):
            why = "only keys of the administrator's policy count here" if keyring.only_policy else "another key does"
            raise Problem(f"{name}: is signed by {found.key.id}, and {why}; see packs.keys")
        fields = {"pack": name, "version": found.manifest.version, "digest": found.sha256, "key": found.key.id}
        asyncio.run(core.report(AuditEvent("pack.install", "success", fields=fields, decision=True)))
        where = packs.store.install(found)
        # Afterwards: were it remembered and then not written, the one that is there would count as too old.
        try:
            packs.store.remember(found, pin=given and found.key.public not in trusted)
        except PackError as error:
            raise Problem(f"{args.folder}: {error}") from None
        _show(found, as_json=args.json)
        if not args.json:
            print(f"installed in {where}; a proxy that runs uses it within a second")
    return 0


def _list(args: Namespace) -> int:
    with open_core() as core:
        packs = Packs(core)
        rows, required = packs.rows(), core.packs.required(None)
        unused = unused_kinds(rows, core)
    status = 1 if any(row.found is None for row in rows) else 0
    if args.json:
        listed = {"requireSigned": required, "packs": [_row(row) for row in rows], "notes": unused}
        print(json.dumps(listed, indent=2))
        return status
    for row in rows:
        if row.found is None:
            print(f"refused   {_printable(row.problem)}")
            continue
        manifest = row.found.manifest
        print(f"verified  {manifest.title}, serial {manifest.serial}, key {row.found.key.id}, until"
              f" {_day(row.found.until)}, {row.folder}")  # fmt: skip
    if not rows:
        print("no pack is installed")
    for note in unused:
        print(f"note: {note}")
    if required:
        print("only signed packs are used here (security.requireSigned)")
    return status


def _remove(args: Namespace) -> int:
    if NAME.fullmatch(args.name) is None:
        raise Problem(f"{args.name[:80]!r}: is no pack's name; codex-plus pack list shows them", exit_code=2)
    with open_core() as core:
        packs = Packs(core)
        try:
            gone = packs.store.remove(args.name, forget=args.forget)
        except PackError as error:
            raise Problem(str(error)) from None
        if not gone:
            raise Problem(f"{args.name}: no such pack is installed; codex-plus pack list shows them")
        asyncio.run(core.report(AuditEvent("pack.remove", "success", fields={"pack": args.name}, decision=True)))
    kept = "" if args.forget else "; an older one than it is refused as before (--forget ends that)"
    print(f"{args.name}: removed{kept}")
    return 0


_ACTIONS: Mapping[str, Callable[[Namespace], int]] = {
    "build": _build, "sign": _sign, "verify": _verify, "install": _install, "list": _list, "remove": _remove,
}  # fmt: skip


def _verified(packs: Packs, core: Core, args: Namespace) -> Verified:
    folder = _folder(args.folder)
    keyring = _keyring(packs, core)
    if args.key is not None:
        public = building.public_key_in(args.key)
        keyring = Keyring((*keyring.keys, Key("*", public, key_id(public), "--key")), only_policy=keyring.only_policy)
    try:
        return verify(folder, keyring, now=time.time(), source=True)
    except PackError as error:
        raise Problem(f"{args.folder}: {error}") from None


def _keyring(packs: Packs, core: Core) -> Keyring:
    try:
        return keyring_of(core).with_pinned(packs.store.memory().pinned)
    except PackError as error:
        raise Problem(str(error)) from None


def _seen(packs: Packs, found: Verified) -> None:
    try:
        against(packs.store.memory().seen.get(found.manifest.name), found)
    except PackError as error:
        raise Problem(f"{found.root}: {error}") from None


def _asked() -> str:
    if not sys.stdin.isatty():
        raise Problem("the key has a password; type it in a terminal, or give it by --password-stdin")
    return getpass.getpass("password of the key: ")


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise Problem(f"{path}: is no folder; a pack is one", exit_code=2)
    return path.resolve()


def _show(found: Verified, *, as_json: bool) -> None:
    contents = contents_of(found.contents)
    if as_json:
        print(json.dumps({**_about(found), "contents": [asdict(each) for each in contents]}, indent=2))
        return
    manifest = found.manifest
    print(f"{manifest.title}, serial {manifest.serial}, signed by {found.key.id} ({_printable(found.key.origin)}),"
          f" until {_day(found.until)}")  # fmt: skip
    if manifest.description:
        print(_printable(manifest.description))
    for each in contents:
        print(_line(each))


def _line(content: Content) -> str:
    return _printable(f"  {content.kind:<7} {content.name}{f': {content.does}' if content.does else ''}")


def _row(row: Row) -> dict[str, Any]:
    if row.found is None:
        return {"name": row.name, "folder": str(row.folder), "state": "refused", "problem": row.problem}
    return {**_about(row.found), "folder": str(row.folder), "state": "verified"}


def _about(found: Verified) -> dict[str, Any]:
    manifest = found.manifest
    return {
        "name": manifest.name, "version": manifest.version, "serial": manifest.serial, "sha256": found.sha256,
        "key": found.key.id, "keyOrigin": found.key.origin, "managed": found.key.managed,
        "expires": _day(manifest.expires), "until": _day(found.until), "files": len(manifest.files),
    }  # fmt: skip


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
