"""The records of a log, in the order of time, for those who read it."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from codexplus_core import Problem

from .chain import STREAM, BadLine, open_line
from .files import stream_files

Record = dict[str, Any]
_AGO = re.compile(r"(\d{1,5})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(written: str, now: datetime | None = None) -> str:
    """A time as records have it: of ``2026-01-31``, ``2026-01-31T12:00:00Z`` or ``7d`` ago. Raises Problem."""
    now = datetime.now(UTC) if now is None else now
    try:
        if match := _AGO.fullmatch(written.strip()):
            found = now - timedelta(**{_UNITS[match[2]]: int(match[1])})
        else:
            found = datetime.fromisoformat(written.strip())
            found = found.astimezone(UTC) if found.tzinfo is not None else found.astimezone().astimezone(UTC)
    except (ValueError, OverflowError) as error:
        what = "is no time; write 2026-01-31, 2026-01-31T12:00:00Z or how long ago, such as 7d"
        raise Problem(f"{written}: {what}", exit_code=2) from error
    return found.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def records(folder: Path, *, since: str = "", until: str = "", streams: Sequence[str] = ()) -> Iterator[Record]:
    """The records of all streams, or of these, from ``since`` up to ``until``. What is none is left out.

    Raises Problem where the folder cannot be read.
    """
    found = stream_files(folder)
    chosen = [found[stream] for stream in found if not streams or stream in streams]
    yield from heapq.merge(*(_between(files, since, until) for files in chosen), key=_time)


def _between(files: Sequence[Path], since: str, until: str) -> Iterator[Record]:
    for path in files:
        try:
            with path.open("rb") as file:
                for line in file:
                    try:
                        record = open_line(line).fields
                    except BadLine:
                        continue
                    if since <= _time(record) and (not until or _time(record) < until):
                        yield record
        except OSError as error:
            raise Problem(f"{path}: the audit log cannot be read ({error.strerror})") from error


def _time(record: Record) -> str:
    return str(record.get("@timestamp", ""))


def text(record: Record, *names: str) -> str:
    """The first of these fields that is there, as text."""
    value = next((record[name] for name in names if record.get(name) not in (None, "", [])), "")
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value)


def number(record: Record, name: str) -> float:
    """A field that is a number, 0 where it is none."""
    value = record.get(name, 0)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def identity(record: Record) -> str:
    """What a record is called elsewhere: its stream and its number."""
    return f"{record.get(STREAM, '')}/{record.get('event.sequence', '')}"
