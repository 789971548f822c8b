"""The manifest of a pack, ``pack.json``: what it is called, how new it is, and every file in it by digest."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["command", "skill", "module", "hook", "mcp", "other"]
SCHEMA = "codexplus-pack/1"
MANIFEST = "pack.json"
SIGNATURE = "pack.json.minisig"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""What a pack may be called."""
MOST_FILES = 2000
MOST_BYTES = 16 << 20
"""Bytes of all files of a pack."""
LARGEST_MANIFEST = 1 << 20

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_PATH = 240
# Signs that are not shown, or turn the direction of what is.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_LATEST = 1 << 40
_FIELDS = {"schema", "name", "version", "serial", "created", "expires", "description", "files"}
_CODE = (".md", ".js", ".mjs", ".cjs", ".py")


class PackError(Exception):
    """A pack that is not used; the message says which, why and what to do.

    ``manifest`` is what a key that counts for this pack has signed, None where nobody knows who wrote it.
    """

    manifest: Manifest | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: the SHA-256 of its bytes, in hexadecimal digits, and how many they are."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a pack says of itself. ``created`` and ``expires`` are seconds since 1970; ``serial`` only ever grows."""

    name: str
    version: str
    serial: int
    created: int
    expires: int
    files: Mapping[str, Entry]
    description: str = ""

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"


def written(manifest: Manifest) -> bytes:
    """The bytes of ``pack.json``: the same for the same manifest."""
    said: dict[str, Any] = {
        "schema": SCHEMA,
        "name": manifest.name,
        "version": manifest.version,
        "serial": manifest.serial,
        "created": manifest.created,
        "expires": manifest.expires,
        "description": manifest.description,
        "files": {path: {"sha256": each.sha256, "size": each.size} for path, each in sorted(manifest.files.items())},
    }
    return (json.dumps(said, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def read(data: bytes) -> Manifest:
    """The manifest in these bytes, which are verified by now. Raises PackError for one that leaves anything open."""
    try:
        said = json.loads(data.decode("utf-8"), object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        raise PackError(f"{MANIFEST} is no JSON ({error})") from None
    if not isinstance(said, dict) or said.get("schema") != SCHEMA:
        raise PackError(f"{MANIFEST} is no {SCHEMA}; build the pack again, or update codex-plus")
    unknown = sorted(set(said) - _FIELDS)
    if unknown:
        raise PackError(f"{MANIFEST} says {unknown[0][:40]!r}, which nobody knows")
    return Manifest(
        _text(said, "name", NAME), _text(said, "version", _VERSION), _number(said, "serial"), _number(said, "created"),
        _number(said, "expires"), _entries(said.get("files")), _described(said.get("description", "")),
    )  # fmt: skip


def comment(name: str, serial: int, data: bytes) -> str:
    """The trusted comment that a signature of this manifest must have."""
    return f"{SCHEMA} name={name} serial={serial} sha256={hashlib.sha256(data).hexdigest()}"


def kind_of(path: str) -> Kind:
    """What a file of a pack is for."""
    parts = path.split("/")
    if path == "hooks/hooks.json":
        return "hook"
    if path == ".mcp.json":
        return "mcp"
    if len(parts) == 3 and parts[0] == "skills" and parts[2] == "SKILL.md":
        return "skill"
    if len(parts) == 2 and parts[0] == "modules" and path.endswith("_module.py"):
        return "module"
    if parts[0] == "commands" and len(parts) > 1 and path.endswith(_CODE) and parts[-1] != "__init__.py":
        return "command"
    return "other"


def unfit(path: str) -> str:
    """Why a file of this name cannot be in a pack, ``""`` if it can: it must mean one file on every system."""
    if not path or len(path) > _LONGEST_PATH:
        return f"a name of 1 to {_LONGEST_PATH} signs is due"
    if path.startswith("/") or "\\" in path or ":" in path:
        return "no path from the root, no backslash, no colon"
    if unicodedata.normalize("NFC", path) != path or _UNSEEN.search(path):
        return "it has signs in it that are not seen, or are written in another way elsewhere"
    for part in path.split("/"):
        if part in ("", ".", "..") or part.endswith((" ", ".")) or part.startswith(" "):
            return "a part of it is empty, leads up, or begins or ends with a blank or dot"
        if _RESERVED.fullmatch(part):
            return f"{part} is a device on Windows"
    return ""


def collision(paths: Iterable[str]) -> str:
    """Two paths that are one on some systems, or a file that is a folder of another, ``""`` where there are none."""
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        key = _folded(path)
        if key in seen:
            return f"{seen[key]!r} and {path!r} are one file on some systems"
        seen[key] = path
        for at, sign in enumerate(path):
            if sign == "/":
                folders.setdefault(_folded(path[:at]), path[:at])
    both = next((key for key in folders if key in seen), None)
    if both is not None:
        return f"{seen[both]!r} is a file and a folder"
    return ""


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", path).casefold())


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _text(said: Mapping[str, Any], key: str, shape: re.Pattern[str]) -> str:
    value = said.get(key)
    if not isinstance(value, str) or shape.fullmatch(value) is None:
        raise PackError(f"{MANIFEST}: {key} is none; letters, digits and dashes are due")
    return value


def _number(said: Mapping[str, Any], key: str) -> int:
    value = said.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _LATEST:
        raise PackError(f"{MANIFEST}: {key} is no whole number from 1 on")
    return value


def _described(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 500 or _UNSEEN.search(value):
        raise PackError(f"{MANIFEST}: description is no line of at most 500 signs")
    return value


def _entries(said: Any) -> Mapping[str, Entry]:
    if not isinstance(said, dict) or len(said) > MOST_FILES:
        raise PackError(f"{MANIFEST}: files is no list of at most {MOST_FILES} files")
    found: dict[str, Entry] = {}
    room = MOST_BYTES
    for path, entry in said.items():
        why = unfit(path) or ("it is the pack's own" if path in (MANIFEST, SIGNATURE) else "")
        if why:
            raise PackError(f"{MANIFEST}: {path[:80]!r} cannot be in a pack: {why}")
        if not isinstance(entry, dict) or set(entry) != {"sha256", "size"}:
            raise PackError(f"{MANIFEST}: {path[:80]!r}: sha256 and size are due, and nothing else")
        size = entry["size"]
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise PackError(f"{MANIFEST}: {path[:80]!r}: size is no number")
        room -= size
        if room < 0:
            raise PackError(f"{MANIFEST}: the files are larger than {MOST_BYTES >> 20} MB together")
        found[path] = Entry(_text(entry, "sha256", _SHA256), size)
    why = collision(found)
    if why:
        raise PackError(f"{MANIFEST}: {why}")
    return found
