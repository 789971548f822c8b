"""Entries that `init` adds to lists of JSON files which others write too: shown, added, taken back."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from .codex_setup import delete, read_config, replace
from .paths import private_dir, read_private, write_atomic
from .problem import Problem

Lists = Mapping[str, Sequence[Any]]
Undone = Literal["restored", "entries", "nothing"]

_INDENT = re.compile(r'\n([ \t]+)"')


@dataclass(frozen=True, slots=True)
class Written:
    """What is remembered of one file; the digest decides whether the backup may be put back as it is."""

    option: str
    target: str
    existed: bool
    made_directory: bool
    digest: str
    backup: str
    lists: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Planned:
    """What would be done to one file: its bytes as they are (None where there is none) and as they will be."""

    option: str
    path: Path
    target: Path
    before: bytes | None
    after: bytes
    lists: dict[str, list[Any]]

    @property
    def changes(self) -> bool:
        """Whether anything is to be written."""
        return self.before != self.after


def plan(option: str, wanted: Mapping[Path, Lists], home: Path) -> list[Planned]:
    """Compare what a step wants with what is there. Raises Problem for a file that is not such JSON."""
    records = _records(home)
    found = []
    for path, lists in sorted(wanted.items()):
        ours = {name: list(entries) for name, entries in lists.items()}
        target, before = read_config(path)
        record = records.get(str(path))
        after = before
        if before is None or record is None or record.lists != ours or not _has(before, ours, path):
            # What was added before goes first, or a changed entry would stand there twice.
            cleaned = None if before is None else without(before, record.lists if record else {}, path)
            after = added(cleaned, ours, path)
        found.append(Planned(option, path, target, before, after or b"", ours))
    return found


def apply(planned: Planned, home: Path) -> Path | None:
    """Write one file and remember how to undo it; returns the backup, None when nothing was to be written."""
    if not planned.changes:
        return None
    records = _records(home)
    earlier = records.get(str(planned.path))
    original = planned.before
    if original is not None and earlier is not None:
        original = _original(original, earlier, home, planned.path)
    backup = private_dir(home / "backups", within=home) / f"{planned.path.name}.{_digest(original or b'')[:16]}"
    write_atomic(backup, original or b"")
    records[str(planned.path)] = Written(
        option=planned.option,
        target=str(planned.target),
        existed=original is not None,
        made_directory=earlier.made_directory if earlier else not planned.target.parent.exists(),
        digest=_digest(planned.after),
        backup=backup.name,
        lists=planned.lists,
    )
    # Remembered first: after a crash in between, undo finds a file without the entries and leaves it alone.
    _store(records, home)
    replace(planned.target, planned.after, planned.before)
    return backup


def undo(home: Path) -> list[tuple[Path, Undone]]:
    """Take the entries back out of every file."""
    records = _records(home)
    done: list[tuple[Path, Undone]] = []
    for name, record in list(records.items()):
        path = Path(name)
        done.append((path, _undo(path, record, home)))
        del records[name]
        _store(records, home)
    return done


def added(data: bytes | None, lists: Lists, path: Path) -> bytes:
    """The file with these entries behind those that its lists have. Raises Problem."""
    content = _parsed(data, path) if data and data.strip() else {}
    for name, entries in lists.items():
        *above, last = name.split(".")
        place = content
        for key in above:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise Problem(f"{path}: {key} is no object; correct that, nothing was changed")
        there = place.setdefault(last, [])
        if not isinstance(there, list):
            raise Problem(f"{path}: {name} is no list; correct that, nothing was changed")
        there.extend(entries)
    return _printed(content, data)


def without(data: bytes, lists: Lists, path: Path) -> bytes:
    """The file without these entries, and without the lists and objects that they leave empty. Raises Problem."""
    content = _parsed(data, path) if data.strip() else {}
    removed = False
    for name, entries in lists.items():
        removed |= _take(content, name.split("."), entries)
    return _printed(content, data) if removed else data


def _take(content: dict[str, Any], keys: list[str], entries: Sequence[Any]) -> bool:
    inner = content.get(keys[0])
    removed = False
    if keys[1:]:
        removed = isinstance(inner, dict) and _take(inner, keys[1:], entries)
    elif isinstance(inner, list):
        for entry in entries:
            if entry in inner:
                inner.remove(entry)
                removed = True
    if removed and not inner:
        del content[keys[0]]
    return removed


def _has(data: bytes, lists: Lists, path: Path) -> bool:
    content = _parsed(data, path) if data.strip() else {}
    for name, entries in lists.items():
        place: Any = content
        for key in name.split("."):
            place = place.get(key) if isinstance(place, dict) else None
        if not isinstance(place, list) or any(place.count(entry) != 1 for entry in entries):
            return False
    return True


def _undo(path: Path, record: Written, home: Path) -> Undone:
    target, now = read_config(path)
    if now is None:
        return "nothing"
    as_left = _digest(now) == record.digest and str(target) == record.target
    original = _original(now, record, home, path)
    nothing_left = not record.existed and _parsed(original or b"{}", path) == {}
    if nothing_left:
        delete(target, directory_too=record.made_directory)
    elif original is not None and original != now:
        replace(target, original, now)
    else:
        return "nothing"
    return "restored" if as_left else "entries"


def _original(now: bytes, record: Written, home: Path, path: Path) -> bytes | None:
    """The file as it would be without us; None where there would be none."""
    if _digest(now) == record.digest:
        if not record.existed:
            return None
        backup = read_private(home / "backups" / record.backup)
        if backup is not None:
            return backup
    return without(now, record.lists, path)


def _parsed(data: bytes, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except ValueError as error:
        raise Problem(f"{path}: is no JSON ({error}); correct that, nothing was changed") from None
    if not isinstance(content, dict):
        raise Problem(f"{path}: is no JSON object; correct that, nothing was changed")
    return content


def _printed(content: dict[str, Any], like: bytes | None) -> bytes:
    """In the indentation of the file as it was."""
    text = (like or b"").decode("utf-8", "replace")
    found = _INDENT.search(text)
    indent: str | int | None = found[1] if found else 2
    if text.strip() not in ("", "{}") and "\n" not in text.strip():
        indent = None
    end = "\n" if not text or text.endswith("\n") else ""
    return (json.dumps(content, indent=indent, ensure_ascii=False) + end).encode("utf-8", "surrogatepass")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _file(home: Path) -> Path:
    return home / "init-entries.json"


def _records(home: Path) -> dict[str, Written]:
    raw = read_private(_file(home)) if home.is_dir() else None
    if raw is None:
        return {}
    try:
        return {str(path): Written(**record) for path, record in json.loads(raw).items()}
    except (ValueError, AttributeError, TypeError):
        raise Problem(f"{_file(home)}: cannot be understood; move it away, then run the command again") from None


def _store(records: Mapping[str, Written], home: Path) -> None:
    if records:
        stored = {path: asdict(record) for path, record in records.items()}
        write_atomic(private_dir(home) / _file(home).name, json.dumps(stored, indent=1).encode("utf-8"))
    elif os.path.lexists(_file(home)):
        _file(home).unlink()


def announced(planned: Iterable[Planned]) -> list[str]:
    """What will be written, for people: a line each file."""
    found = []
    for one in planned:
        if one.changes:
            count = sum(map(len, one.lists.values()))
            found.append(f"{one.path}: {count} entr{'y' if count == 1 else 'ies'}, beside those that are there")
    return found
