"""A store and its reports."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codexplus_core.conversation.record import Key, Record, raws
from codexplus_core.services.store import SQLiteStore

Reports = list[tuple[str, dict[str, Any]]]


@contextlib.contextmanager
def opened(path: Path, reports: Reports | None = None) -> Iterator[SQLiteStore]:
    found: Reports = [] if reports is None else reports
    store = SQLiteStore(path, lambda event, fields: found.append((event, fields)))
    try:
        yield store
    finally:
        store.close()


def record(number: int, **more: Any) -> Record:
    return Record(Key(None, f"msg:user:{number}"), "prompt", turn="t", replace=raws([b'{"n":%d}' % number]), **more)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
