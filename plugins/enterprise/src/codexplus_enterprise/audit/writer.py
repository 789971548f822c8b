"""The thread that writes: what has gathered at once, at once where somebody waits for it, again where it failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from codexplus_core import Problem

from .chain import Chain
from .clock import Clock
from .entry import Entry
from .files import Files
from .heads import Head, head
from .record import Records
from .retention import Retention

MOST = 20_000
"""Records that may wait; what comes beyond is counted and not kept."""
BATCH = 2000
AGAIN_S = 1.0
"""Seconds between attempts to write to a disk that did not take it."""


@dataclass(slots=True)
class Waiting:
    """A record that somebody waits for; ``given_up`` once nobody does and it must not be written any more."""

    entry: Entry
    done: Future[str]
    needed: bool = False
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Means:
    """What a writer works with. ``open`` gives the stream; ``report(event, fields)`` tells the log."""

    open: Callable[[], tuple[Files, bytes]]
    records: Callable[[str], Records]
    report: Callable[[str, dict[str, Any]], None]
    sent: Callable[[Sequence[bytes]], None]
    """Gets the lines that are on disk, for those who watch from elsewhere."""
    told: Callable[[Head], None]
    begun: dict[str, Any]
    """What the first record says of the process."""


class Writer:
    """Brings entries to the disk. Everything but the thread's own work may be called from any thread."""

    def __init__(
        self,
        means: Means,
        *,
        fsync_s: float,
        rotate_bytes: int,
        keep_days: int,
        head_s: int,
        clock: Clock | None = None,
        most: int = MOST,
        again_s: float = AGAIN_S,
    ) -> None:
        self._means = means
        self._fsync_s = fsync_s
        self._rotate_bytes = self._rotate_at = rotate_bytes
        self._retention = Retention(keep_days)
        self._head_s = head_s
        self._clock = clock or Clock()
        self._most = most
        self._again_s = again_s
        self._changed = threading.Condition()
        self._things: list[Entry | Waiting] = []
        self._urgent = False
        self._closing = False
        self._began = self._clock.now()
        self._files: Files | None = None
        self._records: Records | None = None
        self._chain = Chain(b"")
        self._key = b""
        self._head_due = 0.0
        self._told_at = -1
        self._unseen = 0  # records that were not kept since the last that was
        self._said: list[Entry] = []  # notes of the log's own that are not written yet
        self.problem = ""
        """Why the disk does not take records, ``""`` while it does."""
        self.dropped = 0
        self.written = 0
        self._thread = threading.Thread(target=self._run, name="codexplus-audit", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, entry: Entry) -> bool:
        """Take a record; False, and counted, where too many wait. Never waits for the disk."""
        with self._changed:
            if len(self._things) >= self._most or self._closing:
                self.dropped += 1
                self._unseen += 1
                return False
            self._things.append(entry)
            if len(self._things) in (1, BATCH):
                self._changed.notify()
        return True

    def put_now(self, entry: Entry, *, needed: bool) -> Waiting:
        """Take a record that has to be on disk soon; the future has ``""``, or why it could not be kept.

        ``needed`` means that what it is about does not happen where it is not kept: then it is not tried again.
        """
        waiting = Waiting(entry, Future(), needed)
        with self._changed:
            if self._closing or len(self._things) >= 2 * self._most:
                waiting.done.set_result(self.problem or "the audit log is closed")
                return waiting
            self._things.append(waiting)
            self._urgent = True
            self._changed.notify()
        return waiting

    def close(self, timeout: float = 10.0) -> None:
        """Write all that waits, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    # -- the thread

    def _run(self) -> None:
        batch: list[Entry | Waiting] = []
        while True:
            with self._changed:
                self._gather(bool(batch))
                batch += self._things
                self._things.clear()
                self._urgent, closing = False, self._closing
            if batch or closing or self.problem or self._files is None:
                batch = self._try(batch, closing)
            self._tell_head(closing)
            if closing:
                self._end()
                return

    def _gather(self, left: bool) -> None:
        """Wait until there is work: where the disk failed, a while before the next attempt."""
        if left or self.problem:
            self._changed.wait_for(lambda: self._closing or self._urgent, self._again_s)
            return
        if self._files is not None and not self._things:
            self._changed.wait_for(lambda: self._things or self._closing, self._until_head)
        if self._things:
            # Records of traffic come in crowds; one write and one sync serve them all.
            self._changed.wait_for(lambda: self._closing or self._urgent or len(self._things) >= BATCH, self._fsync_s)

    @property
    def _until_head(self) -> float | None:
        if not self._head_s or self._told_at == self._chain.sequence:
            return None
        return max(0.0, self._head_due - self._clock.steady())

    def _try(self, batch: list[Entry | Waiting], closing: bool) -> list[Entry | Waiting]:
        """What is left to be written after an attempt."""
        try:
            self._begin()
            self._write(batch, closing)
        except (OSError, Problem) as error:
            return self._failed(batch, error)
        return batch

    def _failed(self, batch: list[Entry | Waiting], error: OSError | Problem) -> list[Entry | Waiting]:
        why = str(error.strerror or error) if isinstance(error, OSError) else str(error)
        if why != self.problem:
            self.problem = why
            self._means.report("audit_unusable", {"reason": why})
        left: list[Entry | Waiting] = []
        for thing in batch:
            if isinstance(thing, Waiting):
                if not thing.done.done():
                    thing.done.set_result(why)
                if not thing.needed:
                    left.append(thing.entry)
            else:
                left.append(thing)
        with self._changed:
            lost = max(0, len(left) - self._most)
            self.dropped += lost
            self._unseen += lost
        return left[lost:]

    def _begin(self) -> None:
        if self._files is not None:
            return
        files, key = self._means.open()
        try:
            last = files.open()
        except BaseException:
            files.close()
            raise
        self._files, self._key = files, key
        self._records = self._means.records(files.stream)
        self._chain = Chain(key) if last is None else Chain(key, last.sequence, last.hash)
        first = Entry("audit.start", "success", at=self._began, fields=self._first(files, last))
        if last is not None:
            self._clock.after(str(last.fields.get("@timestamp", "")))
        self._head_due = self._clock.steady() + self._head_s
        self._put_lines([first])
        files.sync()

    def _first(self, files: Files, last: Any) -> dict[str, Any]:
        fields = dict(self._means.begun)
        if last is not None:
            fields |= {"last_sequence": last.sequence, "last_hash": last.hash}
        if files.torn is not None:
            fields |= {"torn_file": files.torn.name, "torn_bytes": files.torn.bytes}
        return fields

    def _write(self, batch: list[Entry | Waiting], closing: bool) -> None:
        """Bring it to the disk, and take out of ``batch`` what is there: the rest is what has to be tried again."""
        files = self._files
        assert files is not None
        self._said += self._notes(files)
        unseen, problem, now = self._unseen, self.problem, self._clock.now()
        dropped = [Entry("audit.dropped", "failure", at=now, fields={"records": unseen})] if unseen else []
        resumed = [Entry("audit.resumed", "success", at=now, reason=problem)] if problem else []
        self._bring(files, [*self._said, *dropped, *resumed])
        self._said.clear()
        with self._changed:
            self._unseen -= unseen
        while batch:
            part = batch[:BATCH]
            self._bring(files, [thing.entry if isinstance(thing, Waiting) else thing for thing in part
                                if not (isinstance(thing, Waiting) and thing.given_up)])  # fmt: skip
            del batch[: len(part)]
            for thing in part:
                if isinstance(thing, Waiting) and not thing.done.done():
                    thing.done.set_result("")
        if closing:
            self._bring(files, [Entry("audit.stop", "success", at=self._clock.now())])
        self._retention.carry_out()
        self.problem = ""

    def _bring(self, files: Files, entries: Sequence[Entry]) -> None:
        self._put_lines(entries)
        if entries:
            files.sync()
        if files.size < self._rotate_at:
            return
        self._rotate_at = self._rotate_bytes
        try:
            files.rotate(self._chain.sequence)
        except OSError as error:
            # It can still be written, as where the file may only be appended to.
            self._rotate_at += files.size
            self._means.report("audit_not_rotated", {"reason": str(error.strerror or error)})

    def _notes(self, files: Files) -> list[Entry]:
        """What has to be said about the log itself."""
        notes = []
        now = self._clock.now()
        if not files.is_there():
            files.reopen()
            self._means.report("audit_replaced", {"file": str(files.path)})
            notes.append(Entry("audit.replaced", "failure", at=now, fields={"path": str(files.path)}))
        if jump := self._clock.jump():
            notes.append(Entry("audit.clock", "unknown", at=now, fields={"jump_seconds": round(jump, 3)}))
        notes += self._retention.due(files, self._clock)
        return notes

    def _put_lines(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        assert self._files is not None and self._records is not None
        before = self._chain.sequence, self._chain.last
        lines = [self._chain.seal(self._records.line(entry)) for entry in entries]
        try:
            self._files.append(b"".join(lines))
        except OSError:
            self._chain.sequence, self._chain.last = before
            raise
        self.written += len(lines)
        self._means.sent(lines)

    def _tell_head(self, closing: bool) -> None:
        if not self._head_s or self._files is None or self._told_at == self._chain.sequence:
            return
        if closing or self._clock.steady() >= self._head_due:
            self._head_due = self._clock.steady() + self._head_s
            self._told_at = self._chain.sequence
            self._means.told(head(self._key, self._files.stream, self._chain.sequence, self._chain.last))

    def _end(self) -> None:
        if self._files is not None:
            self._files.close()
