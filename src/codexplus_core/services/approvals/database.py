"""The file that approvals live in: one answer counts once, survives a kill, and is known again by its seal."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..paths import make_private, private_dir, read_private, write_atomic
from ..problem import Problem

SCHEMA = 1
LOCK_S = 2.0
"""Seconds that a write waits for another process's."""
_TABLES = """
CREATE TABLE IF NOT EXISTS question (
    id TEXT PRIMARY KEY, thread TEXT NOT NULL, asked REAL NOT NULL, value BLOB NOT NULL, seal BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS granted (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL, made REAL NOT NULL, value BLOB NOT NULL, seal BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS question_of_thread ON question (thread);
CREATE INDEX IF NOT EXISTS granted_by_digest ON granted (digest);
"""
_KEY_BYTES = 32

Report = Callable[[str, dict[str, Any]], None]


class Unusable(Exception):
    """The file cannot be read or written; the message says why and what to do."""


class Database:
    """``approvals.db`` in a directory of ours, or in memory without one. Opened on first use, made on first write.

    A file of its own, not the ledger's: the ledger goes on in memory when the disk does not take it, and waits for no
    disk. A yes must do neither, and is read and withdrawn by other processes. Every value is sealed with a key that
    lies beside it (``approvals.key``): who can write the file but not read the key can take answers away but make none.
    """

    def __init__(self, home: Path | None, report: Report) -> None:
        self.path = None if home is None else home / "approvals.db"
        self._key_file = None if home is None else home / "approvals.key"
        self._report = report
        self._db: sqlite3.Connection | None = None
        self._key = b"" if home is not None else secrets.token_bytes(_KEY_BYTES)
        self._told: set[str] = set()

    @property
    def exists(self) -> bool:
        """False where nothing was ever kept; reading need not make a file then."""
        return self._db is not None or (self.path is not None and self.path.exists())

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds. Raises Unusable."""
        if not self.exists:
            return []
        with self._trouble():
            return self._connection().execute(query, values).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Writes that happen together or not at all, and before anybody else's. Raises Unusable."""
        with self._trouble():
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                raise

    def seal(self, table: str, id: str, value: bytes) -> bytes:
        """The seal of a value in its place. Raises Unusable."""
        words = f"{table}\0{id}\0".encode()
        return hmac.new(self._secret(), words + value, hashlib.sha256).digest()

    def sound(self, table: str, id: object, value: object, seal: object) -> bool:
        """Whether we wrote this value; one that we did not counts for nothing and is reported once. Raises Unusable."""
        # Whoever else writes the file writes what he likes: SQLite's columns take any type.
        if (
            isinstance(id, str)
            and isinstance(value, bytes)
            and isinstance(seal, bytes)
            and hmac.compare_digest(self.seal(table, id, value), seal)
        ):
            return True
        if str(id) not in self._told:
            self._told.add(str(id))
            self._report("approval_altered", {"path": str(self.path), "table": table, "id": str(id)})
        return False

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, Problem) as error:
            advice = "" if isinstance(error, Problem) else "; make room there, make it writable, or end what holds it"
            why = f"{self.path or 'approvals in memory'}: {error}{advice}"
            self._report("approvals_unusable", {"path": str(self.path), "error": str(error)})
            raise Unusable(why) from error

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = self._open()
        return self._db

    def _open(self) -> sqlite3.Connection:
        if self.path is None:
            return _prepared(sqlite3.connect(":memory:", isolation_level=None))
        private_dir(self.path.parent)
        try:
            return self._connect(self.path)
        except sqlite3.OperationalError:
            raise  # locked, full, not writable: nothing is known to be broken
        except sqlite3.DatabaseError as error:
            aside = self.path.with_name(f"{self.path.name}.damaged-{int(time.time())}")
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{self.path}{suffix}").replace(f"{aside}{suffix}")
            self._report("approvals_damaged", {"path": str(self.path), "kept_as": str(aside), "error": str(error)})
            return self._connect(self.path)

    def _connect(self, path: Path) -> sqlite3.Connection:
        make_private(path)
        return _prepared(sqlite3.connect(path, isolation_level=None, timeout=LOCK_S))

    def _secret(self) -> bytes:
        if not self._key and self._key_file is not None:
            with self._trouble():
                self._key = _key(self._key_file)
        return self._key


def _prepared(db: sqlite3.Connection) -> sqlite3.Connection:
    try:
        db.execute("PRAGMA journal_mode=WAL")
        # A yes is on the disk before anything happens because of it, and a used one stays used.
        db.execute("PRAGMA synchronous=FULL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            raise Problem(f"it was written by a newer codex-plus (schema {version}); upgrade codex-plus")
        if version < SCHEMA:
            db.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version={SCHEMA};COMMIT;")
    except BaseException:
        db.close()
        raise
    return db


def _key(path: Path) -> bytes:
    key = read_private(path)
    if key is None:
        fresh = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
        write_atomic(fresh, secrets.token_bytes(_KEY_BYTES))
        try:
            # A link fails where the name exists: of two first callers both get the same key.
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
        key = read_private(path)
    if key is None or len(key) != _KEY_BYTES:
        raise Problem(f"{path}: holds no key of codex-plus; remove the file, and allow again what you want allowed")
    return key
