"""Making a pack: looking at what lies in its folder, writing the manifest, signing it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codexplus_core import Problem, write_atomic

from .folder import Folder
from .manifest import (
    LARGEST_MANIFEST,
    MANIFEST,
    MOST_BYTES,
    MOST_FILES,
    NAME,
    SIGNATURE,
    Entry,
    Kind,
    Manifest,
    PackError,
    collision,
    comment,
    kind_of,
    read,
    unfit,
    written,
)
from .signing import public_key, sign
from .verify import BESIDE

DAYS = 365
"""Days after which a pack expires where nothing else is said."""
DAY_S = 86400
_PLUGIN = ".claude-plugin/plugin.json"
_JSON: tuple[Kind, ...] = ("hook", "mcp")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says of a pack; None for what it leaves to the pack that was built before."""

    name: str | None = None
    version: str | None = None
    serial: int | None = None
    days: int = DAYS
    description: str | None = None


def build(root: Path, wanted: Wanted, *, now: float) -> tuple[Manifest, bytes]:
    """Write ``pack.json`` for what lies in a folder, and remove a signature that does not fit it any more.

    Name, version and description are those of the pack as it was built before, else of a Claude Code plugin's manifest;
    the serial is one more. Raises Problem.
    """
    try:
        manifest = _described(root, wanted, _files(root), int(now))
        data = written(manifest)
        read(data)  # what is written here must be taken there
    except PackError as error:
        raise Problem(f"{root}: no pack can be made of this folder: {error}") from None
    write_atomic(root / MANIFEST, data, mode=0o644)
    (root / SIGNATURE).unlink(missing_ok=True)
    return manifest, data


def sign_pack(root: Path, secret: bytes, password: str | None) -> tuple[Manifest, str]:
    """Sign the manifest of a built pack; gives it and the public key. Raises Problem.

    What lies there has to be what the manifest says: who signs vouches for the files, not for a list.
    """
    try:
        data = Folder(root).read(MANIFEST, LARGEST_MANIFEST)
        manifest = read(data)
        if dict(manifest.files) != _files(root):
            raise PackError(f"the files are others than {MANIFEST} says; build it again: codex-plus pack build {root}")
    except PackError as error:
        raise Problem(f"{root}: {error}") from None
    made, public = sign(secret, password, data, comment(manifest.name, manifest.serial, data))
    write_atomic(root / SIGNATURE, made, mode=0o644)
    return manifest, public


def public_key_in(text: str) -> str:
    """The public key that a command line names: in base64, or a ``.pub`` file. Raises Problem."""
    try:
        return public_key(text)
    except PackError:
        pass
    try:
        return public_key(Path(text).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError, PackError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise Problem(f"{text[:200]}: neither a public key of minisign nor a file with one ({why})") from None


def _files(root: Path) -> dict[str, Entry]:
    folder = Folder(root)
    found: dict[str, Entry] = {}
    room = MOST_BYTES
    for path in folder.names(without=BESIDE):
        if path in (MANIFEST, SIGNATURE):
            continue
        why = unfit(path)
        if why:
            raise PackError(f"{path!r}: {why}")
        data = folder.read(path, room)
        room -= len(data)
        if kind_of(path) in _JSON:
            _check_json(path, data)
        found[path] = Entry(hashlib.sha256(data).hexdigest(), len(data))
        if len(found) > MOST_FILES:
            raise PackError(f"it has more than {MOST_FILES} files")
    why = collision(found)
    if why:
        raise PackError(why)
    if not any(kind_of(path) != "other" for path in found):
        raise PackError("it has no command, skill, hook or MCP server: commands/, skills/NAME/SKILL.md, modules/, "
                        "hooks/hooks.json and .mcp.json are looked at")  # fmt: skip
    return found


def _check_json(path: str, data: bytes) -> None:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PackError(f"{path} is no JSON ({error})") from None
    if not isinstance(said, dict):
        raise PackError(f"{path} is no JSON object")


def _described(root: Path, wanted: Wanted, files: Mapping[str, Entry], now: int) -> Manifest:
    before = _before(root)
    said = {} if before is not None or _PLUGIN not in files else _claude_plugin(root)
    name = wanted.name or (before.name if before else said.get("name", root.resolve().name))
    version = wanted.version or (before.version if before else said.get("version", "1"))
    told = said.get("description", "") if before is None else before.description
    serial = wanted.serial
    if serial is None:
        same = before is not None and before.name == name
        serial = before.serial + 1 if before is not None and same else 1
    if NAME.fullmatch(name) is None:
        raise PackError(f"{name[:80]!r} is no name: small letters, digits, - and _ are due; say --name")
    description = told[:500] if wanted.description is None else wanted.description
    return Manifest(name, version, serial, now, now + wanted.days * DAY_S, files, description)


def _before(root: Path) -> Manifest | None:
    try:
        return read(Folder(root).read(MANIFEST, LARGEST_MANIFEST))
    except PackError:
        if os.path.lexists(root / MANIFEST):
            raise
        return None


def _claude_plugin(root: Path) -> dict[str, str]:
    try:
        said: Any = json.loads(Folder(root).read(_PLUGIN, LARGEST_MANIFEST))
    except (ValueError, RecursionError, PackError):
        return {}
    fields = said if isinstance(said, dict) else {}
    return {key: value for key, value in fields.items() if isinstance(value, str)}
