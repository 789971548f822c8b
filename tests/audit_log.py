"""A log for tests: writers with a clock of their own over a folder, and what stands in it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codexplus_core.services.redact import Redactor
from codexplus_enterprise.audit.clock import STEADY_S, Clock
from codexplus_enterprise.audit.entry import Entry
from codexplus_enterprise.audit.files import Files, stream_files
from codexplus_enterprise.audit.finding import Finding
from codexplus_enterprise.audit.heads import Head
from codexplus_enterprise.audit.record import Records
from codexplus_enterprise.audit.verify import verify
from codexplus_enterprise.audit.writer import Means, Writer

KEY = b"k" * 32
WAIT = 20.0
DAY = 86400.0


class Time:
    """The time of day and the time that passes, as a test wants them."""

    def __init__(self) -> None:
        self.wall = 1_790_000_000.0
        self.passed = 10 * STEADY_S

    def go(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.passed += seconds

    def clock(self) -> Clock:
        """A clock that goes by it."""
        return Clock(lambda: int(self.wall * 1e9), lambda: self.passed)


class Log:
    """A folder with an audit log, and the writer of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.heads: list[Head] = []
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.writer: Writer | None = None
        self._now = time.time_ns

    def open(
        self, *, at: Time | None = None, rotate_bytes: int = 1 << 30, keep_days: int = 30, head_s: int = 0, **more: Any
    ) -> Writer:
        """A writer on the folder."""
        means = Means(
            lambda: (Files(self.folder, "serve"), KEY),
            lambda stream: Records(Redactor().value, stream=stream, version="0.1.0"),
            lambda event, fields: self.reports.append((event, fields)),
            lambda lines: None,
            self.heads.append,
            {"kind": "serve"},
        )
        clock = Clock() if at is None else at.clock()
        self._now = clock.now
        self.writer = Writer(
            means, fsync_s=0.001, rotate_bytes=rotate_bytes, keep_days=keep_days, head_s=head_s, clock=clock, **more
        )
        self.writer.start()
        return self.writer

    def put(self, *actions: str) -> None:
        """Write these, one behind the other, to the disk."""
        assert self.writer is not None
        for action in actions:
            entry = Entry(action, "success", at=self._now())
            assert self.writer.put_now(entry, needed=False).done.result(WAIT) == ""

    def close(self) -> None:
        """End the writer."""
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.close(WAIT)

    def written(self, *actions: str) -> None:
        """Open, write these, and close again."""
        self.open()
        self.put(*actions)
        self.close()

    def lines(self) -> list[bytes]:
        """The lines of all files of the stream, in order."""
        return [line for path in stream_files(self.folder)["serve"] for line in path.read_bytes().splitlines(True)]

    def records(self) -> list[dict[str, Any]]:
        """What they say."""
        return [json.loads(line) for line in self.lines()]

    def actions(self) -> list[str]:
        """The actions of all records."""
        return [record["event.action"] for record in self.records()]

    def findings(self, heads: Sequence[Head] = ()) -> list[Finding]:
        """What is wrong with it."""
        return verify(self.folder, [KEY], heads)[1]
