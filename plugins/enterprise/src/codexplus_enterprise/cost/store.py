"""The account on disk: a row for each day, user, project, model and account, in a SQLite file that proxies share."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from codexplus_core import Problem

from .sums import FIELDS, Sums, Use
from .windows import Window

SCHEMA = 1
LOCK_S = 2.0
"""Seconds that a write waits for another process's; nobody on the event loop waits with it."""
_COUNTS = ", ".join(f"{name} INTEGER NOT NULL" for name in FIELDS)
_TABLES = f"""
CREATE TABLE IF NOT EXISTS used (
    day TEXT NOT NULL, user TEXT NOT NULL, project TEXT NOT NULL, model TEXT NOT NULL, account TEXT NOT NULL,
    {_COUNTS}, PRIMARY KEY (day, user, project, model, account)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (
    account TEXT NOT NULL, name TEXT NOT NULL, used REAL NOT NULL, minutes INTEGER NOT NULL,
    resets_at REAL NOT NULL, at REAL NOT NULL, PRIMARY KEY (account, name)
) WITHOUT ROWID;
"""
_ADDED = ", ".join(f"{name} = {name} + excluded.{name}" for name in FIELDS)
_ADD = f"INSERT INTO used VALUES ({', '.join('?' * (5 + len(FIELDS)))}) ON CONFLICT DO UPDATE SET {_ADDED}"
_SUMS = ", ".join(f"sum({name})" for name in FIELDS)
_SEEN = "INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET used = excluded.used,\
 minutes = excluded.minutes, resets_at = excluded.resets_at, at = excluded.at WHERE excluded.at >= at"


class Unusable(Problem):
    """The file cannot be read or written now; the message says why."""


class UsageStore:
    """``usage.db``: sums that survive a kill at any moment, and that every proxy of this user adds to.

    Opened on first use. A damaged file is set aside and a new one begun, which ``damage`` tells. Not for two threads at
    a time. Every method raises Unusable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage = ""
        self._db: sqlite3.Connection | None = None
        self._version = -1

    @property
    def exists(self) -> bool:
        """Whether anything was ever counted; reading need not make a file."""
        return self._db is not None or self.path.exists()

    def add(self, batch: Mapping[tuple[str, Use], Sums], windows: Mapping[tuple[str, str], Window]) -> None:
        """Add to the sums, by day and use, and keep newer windows: all of it or nothing."""
        with self._trouble():
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                db.executemany(_ADD, [(day, *use, *sums) for (day, use), sums in batch.items()])
                db.executemany(_SEEN, [(*key, *window) for key, window in windows.items()])
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                raise

    def changed(self) -> bool:
        """Whether another process has written since this was asked last; True the first time."""
        with self._trouble():
            (version,) = self._connection().execute("PRAGMA data_version").fetchone()
        changed: bool = version != self._version
        self._version = version
        return changed

    def sums(self, since: str) -> list[tuple[Use, Sums]]:
        """The sums of each use from a day on."""
        query = f"SELECT user, project, model, account, {_SUMS} FROM used WHERE day >= ? GROUP BY 1, 2, 3, 4"
        return [(Use(*row[:4]), Sums(*row[4:])) for row in self._rows(query, since)]

    def days(self, since: str, user: str = "") -> list[tuple[str, Sums]]:
        """The sums of each day from one on, of one user or of all."""
        query = f"SELECT day, {_SUMS} FROM used WHERE day >= ? AND ? IN ('', user) GROUP BY day ORDER BY day"
        return [(row[0], Sums(*row[1:])) for row in self._rows(query, since, user)]

    def windows(self) -> dict[tuple[str, str], Window]:
        """The newest figures of each account's windows."""
        rows = self._rows("SELECT account, name, used, minutes, resets_at, at FROM seen")
        return {(row[0], row[1]): Window(*row[2:]) for row in rows}

    def forget(self, before: str) -> None:
        """Drop the days before one."""
        with self._trouble():
            self._connection().execute("DELETE FROM used WHERE day < ?", (before,))

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._trouble():
            return self._connection().execute(query, values).fetchall()

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self.close()
            advice = "make room there, make it writable, or end what holds it"
            raise Unusable(f"{self.path}: {error}; {advice}") from error

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = self._open()
            self._version = -1
        return self._db

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return _connect(self.path)
        except sqlite3.OperationalError:
            raise  # locked, full, not writable: nothing is known to be broken
        except sqlite3.DatabaseError as error:
            aside = self.path.with_name(f"{self.path.name}.damaged-{int(time.time())}")
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{self.path}{suffix}").replace(f"{aside}{suffix}")
            self.damage = f"the account of usage was damaged ({error}); it is kept as {aside}, a new one was begun"
            return _connect(self.path)


def _connect(path: Path) -> sqlite3.Connection:
    _make_private(path)
    db = sqlite3.connect(path, isolation_level=None, timeout=LOCK_S, check_same_thread=False)
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            why = f"it was written by a newer codex-plus (schema {version}); upgrade codex-plus"
            raise sqlite3.OperationalError(why)
        db.execute("PRAGMA journal_mode=WAL")
        # NORMAL loses nothing when the process dies, only (some of the last moments) when the machine does.
        db.execute("PRAGMA synchronous=NORMAL")
        if version < SCHEMA:
            db.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version={SCHEMA};COMMIT;")
    except BaseException:
        db.close()
        raise
    return db


def _make_private(path: Path) -> None:
    # Never opened and closed where it is there: that would end the locks that this process's other connections have on
    # it (POSIX), and the next process to leave would take the newest records for its own to remove.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, flags, 0o600))
    held = os.lstat(path)
    if not stat.S_ISREG(held.st_mode):
        raise OSError(f"{path} is no regular file")
    if os.name == "posix" and (held.st_mode & 0o077):
        path.chmod(0o600)
