"""Putting Codex behind the proxy and taking it off again: what is written, what is remembered, what is restored."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from .codex_config import KEY, literal_of, parse, port_of_ours, quoted, with_value, without_value
from .codex_tables import Values, has_table, with_table, without_table
from .paths import private_dir, read_private, read_regular, write_atomic
from .problem import Problem

Undone = Literal["nothing", "restored", "key"]


@dataclass(frozen=True, slots=True)
class Written:
    """What `init` remembers of one config.toml: digests decide whether the backup may be put back as it is."""

    path: str
    target: str
    existed: bool
    made_directory: bool
    literal: str | None
    digest: str
    backup: str
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What `init` would write: ``before`` (None where there is no file) and ``after`` are the file's bytes."""

    path: Path
    target: Path
    url: str
    before: bytes | None
    after: bytes
    tables: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """Tables that are wanted and not written, because somebody else's of that name is there."""

    @property
    def changes(self) -> bool:
        """Whether anything is to be written at all."""
        return self.before != self.after


def config_file(codex_home: Path) -> Path:
    """Codex's configuration file."""
    return codex_home / "config.toml"


def read_config(path: Path) -> tuple[Path, bytes | None]:
    """The file behind ``path`` and its bytes. A link is followed: dotfile managers link the configuration."""
    try:
        target = path.resolve()
        data = read_regular(target)
    except FileNotFoundError:
        return target, None
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise Problem(f"{path}: cannot be read ({why}); correct that, nothing was changed") from error
    return target, data


def configured_url(path: Path) -> str | None:
    """The base URL that Codex is told to use, None where there is none."""
    _, data = read_config(path)
    value = parse(data, path).get(KEY) if data is not None else None
    return value if isinstance(value, str) else None


def plan(path: Path, url: str, tables: Mapping[str, Values] | None = None) -> Plan:
    """Work out what is to be written. Raises Problem when the file cannot be read as TOML."""
    target, before = read_config(path)
    after = before or b""
    if before is None or parse(before, path).get(KEY) != url:
        after = with_value(after, quoted(url), path)
    written: list[str] = []
    left: list[str] = []
    for name, values in (tables or {}).items():
        after = with_table(after, name, values, path)
        (written if has_table(after, name, values, path) else left).append(name)
    return Plan(path, target, url, before, after, tuple(written), tuple(left))


def apply(planned: Plan, home: Path) -> Path | None:
    """Write what was planned and remember how to undo it; returns the backup, None when nothing was to be written."""
    if not planned.changes:
        return None
    records = _records(home)
    earlier = records.get(str(planned.path))
    original = planned.before
    untouched = earlier is not None and _digest(planned.before or b"") == earlier.digest
    if planned.before is not None and earlier is not None:
        original = _without_ours(planned.before, earlier, home, planned.path)
    made_directory = not planned.target.parent.exists()
    backup = private_dir(home / "backups", within=home) / f"config.toml.{_digest(original or b'')[:16]}"
    write_atomic(backup, original or b"")
    record = Written(
        path=str(planned.path),
        target=str(planned.target),
        existed=earlier.existed if untouched and earlier else planned.before is not None,
        made_directory=earlier.made_directory if earlier else made_directory,
        literal=None if original is None else literal_of(original, planned.path),
        digest=_digest(planned.after),
        backup=backup.name,
        tables=tuple(dict.fromkeys((*(earlier.tables if earlier else ()), *planned.tables))),
    )
    # Remembered first: after a crash in between, undo finds a file that is not as init left it and takes only the key.
    _remember(home, records | {record.path: record})
    replace(planned.target, planned.after, planned.before)
    return backup


def ours_in(path: Path, home: Path) -> tuple[str, ...]:
    """What of ours stands in Codex's file and `undo` would take out of it, as people name it. Raises Problem."""
    _, now = read_config(path)
    if now is None:
        return ()
    record = _records(home).get(str(path))
    tables = [name for name in (record.tables if record else ()) if without_table(now, name, path) != now]
    keys = [KEY] if port_of_ours(parse(now, path).get(KEY)) is not None else []
    return (*keys, *(f"[{name}]" for name in tables))


def undo(path: Path, home: Path) -> Undone:
    """Take Codex off the proxy: put the backup back if the file is as init left it, else only our key."""
    records = _records(home)
    record = records.pop(str(path), None)
    target, now = read_config(path)
    if now is None:
        _remember(home, records)
        return "nothing"
    if record is None:
        # Written by another state directory, or its record was lost: the value itself tells whether it is ours.
        if port_of_ours(parse(now, path).get(KEY)) is None:
            return "nothing"
        replace(target, without_value(now, path), now)
        return "key"
    as_left = _digest(now) == record.digest and str(target) == record.target
    original = _without_ours(now, record, home, path)
    if as_left and not record.existed:
        delete(target, directory_too=record.made_directory)
    elif original != now:
        replace(target, original, now)
    _remember(home, records)
    if as_left:
        return "restored"
    return "key" if original != now else "nothing"


def _without_ours(now: bytes, record: Written, home: Path, path: Path) -> bytes:
    """The file as it would be without us: its backup where nobody else wrote to it, else with our key taken back."""
    if _digest(now) == record.digest:
        backup = read_private(home / "backups" / record.backup)
        if backup is not None:
            return backup
    for name in record.tables:
        now = without_table(now, name, path)
    if port_of_ours(parse(now, path).get(KEY)) is None:
        return now
    return without_value(now, path) if record.literal is None else with_value(now, record.literal, path)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def replace(target: Path, data: bytes, expected: bytes | None) -> None:
    """Write a file of Codex's. Raises Problem where it is not as ``expected`` any more, or cannot be written."""
    mode = 0o600
    try:
        if expected is None:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            mode = stat.S_IMODE(target.stat().st_mode)
            # Codex writes this file too (trust answers): what came in between must not be lost.
            if read_regular(target) != expected:
                raise Problem(f"{target}: was changed by another program just now; run the command again")
    except OSError as error:
        raise Problem(f"{target}: cannot be written ({error.strerror}); correct that and run it again") from error
    write_atomic(target, data, mode=mode)


def delete(target: Path, *, directory_too: bool) -> None:
    """Remove a file of Codex's, and its directory if asked to and empty. Raises Problem."""
    try:
        target.unlink(missing_ok=True)
        if directory_too and not any(target.parent.iterdir()):
            target.parent.rmdir()
    except OSError as error:
        raise Problem(f"{target}: cannot be removed ({error.strerror}); remove it by hand") from error


def _record_file(home: Path) -> Path:
    return home / "init.json"


def remember_folders(folders: list[Path], home: Path) -> None:
    """Remember the folders that a service's files will need made, so that `remove_folders` knows them."""
    stored = _stored(home)
    known = [*map(str, folders), *stored.get("folders", [])]
    if folders:
        _store(home, stored | {"folders": list(dict.fromkeys(known))})


def remove_folders(home: Path) -> None:
    """Remove the remembered folders, as far as they are empty."""
    stored = _stored(home)
    folders = [Path(name) for name in stored.pop("folders", [])]
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        # Somebody else uses it by now, or has removed it.
        with contextlib.suppress(OSError):
            folder.rmdir()
    if folders:
        _store(home, stored)


def _records(home: Path) -> dict[str, Written]:
    try:
        found = _stored(home).get("configs", {}).items()
        return {path: Written(**{**record, "tables": tuple(record.get("tables", ()))}) for path, record in found}
    except (TypeError, AttributeError):
        raise _not_understood(home) from None


def _remember(home: Path, records: dict[str, Written]) -> None:
    configs = {path: asdict(record) for path, record in records.items()}
    rest = {name: value for name, value in _stored(home).items() if name != "configs"}
    _store(home, ({"configs": configs} if configs else {}) | rest)


def _stored(home: Path) -> dict[str, Any]:
    raw = read_private(_record_file(home)) if home.is_dir() else None
    if raw is None:
        return {}
    try:
        stored = json.loads(raw)
    except ValueError:
        raise _not_understood(home) from None
    if not isinstance(stored, dict) or not isinstance(stored.get("folders", []), list):
        raise _not_understood(home)
    return stored


def _store(home: Path, content: dict[str, Any]) -> None:
    file = _record_file(home)
    if content:
        write_atomic(private_dir(home) / file.name, json.dumps(content, indent=2).encode("utf-8"))
    elif os.path.lexists(file):
        file.unlink()


def _not_understood(home: Path) -> Problem:
    return Problem(f"{_record_file(home)}: cannot be understood; move it away, then run the command again")
