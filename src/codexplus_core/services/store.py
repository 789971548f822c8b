"""State on disk: the ledger's records and plugins' values in one SQLite file that survives a kill at any moment."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ..conversation.record import Key, MemoryStore, Record
from .paths import make_private

SCHEMA = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS record (
    thread TEXT NOT NULL, item TEXT NOT NULL, seq INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (thread, item)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS value (
    plugin TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (plugin, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS thread (
    name TEXT PRIMARY KEY, touched INTEGER NOT NULL, edited INTEGER NOT NULL
) WITHOUT ROWID;
"""
_INDEX = "CREATE INDEX IF NOT EXISTS record_order ON record (thread, seq)"
"""Without it every record of a thread would be looked at to find the newest one's number."""
LOCK_S = 1.0
"""Seconds that a write waits for another process's; the event loop stands still meanwhile."""
KEEP_DAYS = 90
"""Threads untouched for longer are forgotten at start."""


class NewerSchema(Exception):
    """The file belongs to a later version and must not be touched."""


class SQLiteStore:
    """A ledger store in ``PATH`` (mode 0600), in WAL mode: a committed record survives ``kill -9`` of the proxy.

    A file that is no database, or a damaged one, is set aside under another name and a new one begun. What the
    disk does not take lives in memory until it takes something again, or until the process ends. All this is reported
    through ``report(event, fields)`` and stands in ``trouble``; no call raises.
    """

    def __init__(self, path: Path, report: Callable[[str, dict[str, Any]], None]) -> None:
        self.path = path
        self.trouble = ""
        self._report = report
        self._damage = ""
        self._without = False  # the disk did not take the last thing, or gave an error when it was read
        self._memory = MemoryStore()
        self._threads: set[str] = set()
        self._edited: set[str] = set()
        self._version = -1
        self._values: dict[tuple[str, str], bytes | None] = {}
        self._db = self._open()

    def _open(self) -> sqlite3.Connection | None:
        try:
            return self._connect()
        except (sqlite3.OperationalError, NewerSchema, OSError) as error:
            # Locked, full or not writable, but nothing is known to be broken: it may be another proxy's, at work.
            self._go_without(str(error))
            return None
        except sqlite3.DatabaseError as error:
            aside = self.path.with_name(f"{self.path.name}.damaged-{int(time.time())}")
            try:
                for suffix in ("", "-wal", "-shm"):
                    with contextlib.suppress(FileNotFoundError):
                        Path(f"{self.path}{suffix}").replace(f"{aside}{suffix}").chmod(0o600)
                db = self._connect()
            except (sqlite3.Error, OSError) as again:
                self._go_without(str(again))
                return None
            self._damage = f"the ledger was damaged ({error}); it is kept as {aside}, a new one was begun"
            self.trouble = self._damage
            self._report("store_damaged", {"path": str(self.path), "kept_as": str(aside), "error": str(error)})
            return db

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private(self.path)
        db = sqlite3.connect(self.path, isolation_level=None, timeout=LOCK_S)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            # NORMAL loses nothing when the process dies, only (some of the last moments) when the machine does.
            db.execute("PRAGMA synchronous=NORMAL")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA:
                raise NewerSchema(f"it was written by a newer codex-plus (schema {version}); upgrade codex-plus")
            db.executescript(_TABLES)
            db.execute(f"PRAGMA user_version={SCHEMA}")
            before = int(time.time()) - KEEP_DAYS * 86400
            db.execute("DELETE FROM record WHERE thread IN (SELECT name FROM thread WHERE touched < ?)", (before,))
            db.execute("DELETE FROM thread WHERE touched < ?", (before,))
            self._learn(db)
            # It saves time and nothing else: a disk too full for it, or a damaged page, must not cost what can be read.
            with contextlib.suppress(sqlite3.Error):
                db.execute(_INDEX)
        except BaseException:
            db.close()
            raise
        return db

    def _learn(self, db: sqlite3.Connection) -> None:
        for name, edited in db.execute("SELECT name, edited FROM thread"):
            self._threads.add(name)
            if edited:
                self._edited.add(name)

    def _go_without(self, why: str) -> None:
        self._without = True
        trouble = f"{self.path} cannot be used ({why}); edits are kept in memory"
        if trouble != self.trouble:
            self.trouble = trouble
            self._report("store_unusable", {"path": str(self.path), "error": why})

    def load(self, thread: str) -> list[Record]:
        """A thread's records, oldest first; one that cannot be read is reported and left out."""
        records = {record.key: record for record in self._stored(thread)}
        records.update({record.key: record for record in self._memory.load(thread)})
        return list(records.values())

    def _stored(self, thread: str) -> list[Record]:
        if self._db is None or not self.known(thread):
            return []
        found = []
        try:
            rows = self._db.execute("SELECT value FROM record WHERE thread = ? ORDER BY seq", (thread,)).fetchall()
        except sqlite3.Error as error:
            self._go_without(str(error))
            return []
        for (value,) in rows:
            try:
                found.append(msgspec.json.decode(value, type=Record))
            except msgspec.DecodeError as error:
                self._report("store_record_unreadable", {"thread": thread, "error": str(error)})
        return found

    def save(self, thread: str, record: Record) -> None:
        """Keep a record; when the disk does not take it, in memory, with a report."""
        self._threads.add(thread)
        if record.edits:
            self._edited.add(thread)
        if not self._takes(lambda db: _write_record(db, thread, record)):
            self._memory.save(thread, record)

    def _takes(self, write: Callable[[sqlite3.Connection], None]) -> bool:
        """Whether the disk took this, and before it all that it had not taken so far."""
        if self._db is None:
            return False
        held = [(thread, record) for thread in self._memory.threads() for record in self._memory.load(thread)]
        try:
            with _transaction(self._db):
                for thread, record in held:
                    _write_record(self._db, thread, record)
                for (plugin, key), value in self._values.items():
                    _write_value(self._db, plugin, key, value)
                write(self._db)
        except sqlite3.Error as error:
            self._go_without(str(error))
            return False
        for thread, record in held:
            self._memory.drop(thread, record.key)
        self._values.clear()
        if self._without:
            self._without = False
            self.trouble = self._damage
            self._report("store_recovered", {"path": str(self.path)})
        return True

    def inherit(self, thread: str, parent: str) -> None:
        """Copy the parent's records to a thread that has none."""
        if self.known(thread) or not self.known(parent):
            return
        taken = self._takes(lambda db: _copy_records(db, thread, parent))
        self._threads.add(thread)
        if parent in self._edited:
            self._edited.add(thread)
        for record in () if taken else self.load(parent):
            self._memory.save(thread, record)

    @property
    def any_edited(self) -> bool:
        """True where any thread has edits."""
        return bool(self._edited)

    def edited(self, thread: str) -> bool:
        """True where the thread has edits."""
        return thread in self._edited or (self._elsewhere(thread) and thread in self._edited)

    def known(self, thread: str) -> bool:
        """True where the thread has records."""
        return thread in self._threads or self._elsewhere(thread)

    def _elsewhere(self, thread: str) -> bool:
        # Another proxy may serve on the same file: one that drains while its successor runs already.
        if self._db is None or not thread:
            return False
        try:
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._version = version
                self._learn(self._db)
        except sqlite3.Error as error:
            self._go_without(str(error))
        return thread in self._threads

    def value(self, plugin: str, key: str) -> bytes | None:
        """A plugin's value."""
        if self._db is not None and (plugin, key) not in self._values:
            try:
                row = self._db.execute("SELECT value FROM value WHERE plugin = ? AND key = ?", (plugin, key)).fetchone()
            except sqlite3.Error as error:
                self._go_without(str(error))
            else:
                return None if row is None else bytes(row[0])
        return self._values.get((plugin, key))

    def keep(self, plugin: str, key: str, value: bytes | None) -> None:
        """Keep a plugin's value; None removes it."""
        if not self._takes(lambda db: _write_value(db, plugin, key, value)):
            self._values[plugin, key] = value

    def close(self) -> None:
        """Close the file; what was saved is on disk already."""
        if self._db is not None:
            self._db.close()
            self._db = None


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Any:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")  # a full disk may be noticed only now
    except BaseException:
        if db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
        raise


def _write_record(db: sqlite3.Connection, thread: str, record: Record) -> None:
    db.execute(
        "INSERT INTO record VALUES"
        " (?1, ?2, (SELECT coalesce(max(seq), 0) + 1 FROM record WHERE thread = ?1), ?3)"
        " ON CONFLICT DO UPDATE SET value = excluded.value",
        (thread, _name(record.key), msgspec.json.encode(record)),
    )
    now = int(time.time())
    db.execute(
        "INSERT INTO thread VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET touched = ?2, edited = max(edited, ?3)",
        (thread, now, int(record.edits)),
    )


def _copy_records(db: sqlite3.Connection, thread: str, parent: str) -> None:
    db.execute("INSERT OR IGNORE INTO record SELECT ?, item, seq, value FROM record WHERE thread = ?", (thread, parent))
    now = int(time.time())
    db.execute("INSERT OR IGNORE INTO thread SELECT ?, ?, edited FROM thread WHERE name = ?", (thread, now, parent))


def _write_value(db: sqlite3.Connection, plugin: str, key: str, value: bytes | None) -> None:
    if value is None:
        db.execute("DELETE FROM value WHERE plugin = ? AND key = ?", (plugin, key))
    else:
        db.execute("INSERT OR REPLACE INTO value VALUES (?, ?, ?)", (plugin, key, value))


def _name(key: Key) -> str:
    return f"{key.id or ''}|{key.epoch}|{key.content}|{key.ordinal}"
