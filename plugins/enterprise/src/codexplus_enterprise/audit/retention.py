"""Removing what is older than the settings want, with a record of what was removed."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path

from .clock import Clock
from .entry import Entry
from .files import Files, last_link, stream_files, through

EVERY_S = 3600.0


class Retention:
    """Removes rotated files whose newest record is older than ``keep_days``; the one being written always stays."""

    def __init__(self, keep_days: int) -> None:
        self._keep_days = keep_days
        self._next = float("-inf")
        self._doomed: list[Path] = []

    def due(self, files: Files, clock: Clock) -> list[Entry]:
        """A record for each file that is to go, which lets `verify` know that nobody else removed it."""
        if clock.steady() < self._next or not clock.believable:
            return []
        self._next = clock.steady() + EVERY_S
        before = clock.now() / 1e9 - self._keep_days * 86400
        made = []
        for path in stream_files(files.folder).get(files.stream, []):
            last = None if through(path) is None else last_link(path)
            if last is None or _time(last.fields.get("@timestamp")) >= before:
                break  # what is newer than a file that stays has to stay, too
            self._doomed.append(path)
            fields = {"path": str(path), "last_sequence": last.sequence, "last_hash": last.hash}
            made.append(Entry("audit.retention", "success", at=clock.now(), fields=fields))
        return made

    def carry_out(self) -> None:
        """Remove them, now that it is written that they are gone."""
        doomed, self._doomed = self._doomed, []
        for path in doomed:
            path.unlink(missing_ok=True)


def _time(stamp: object) -> float:
    with contextlib.suppress(ValueError, OverflowError):
        return datetime.fromisoformat(str(stamp)).timestamp()
    return float("inf")
