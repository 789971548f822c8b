"""Whether a log is as it was written: every record in its place, each by an owner of the key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from codexplus_core import Problem

from .chain import FIRST, STREAM, BadLine, Link, open_line
from .files import stream_files
from .finding import Finding, Verified
from .heads import Head

MOST_FINDINGS = 1000


def verify(folder: Path, keys: Sequence[bytes], heads: Iterable[Head] = ()) -> tuple[list[Verified], list[Finding]]:
    """All streams of a folder, and what is wrong with them. Raises Problem where it cannot be read."""
    told: dict[str, list[Head]] = {}
    findings: list[Finding] = []
    for one in heads:
        if one.sealed_by(*keys):
            told.setdefault(one.stream, []).append(one)
        else:
            text = f"a head of record {one.sequence} was not made with this key, and does not count"
            findings.append(Finding("forged head", one.stream, text, sequence=one.sequence))
    streams = []
    for stream, files in stream_files(folder).items():
        looked = Looked(stream, keys, told.pop(stream, []))
        looked.through(files)
        streams.append(looked.summary)
        findings += looked.findings
    for stream, missing in told.items():
        newest = max(missing, key=lambda head: head.sequence)
        text = f"the whole stream is missing; it had {newest.sequence} records"
        findings.append(Finding("truncated", stream, text, sequence=newest.sequence))
    return streams, findings[:MOST_FINDINGS]


class Looked:
    """One stream that is being looked through."""

    def __init__(self, stream: str, keys: Sequence[bytes], heads: Iterable[Head]) -> None:
        self._stream = stream
        self._keys = keys
        self._heads = {head.sequence: head for head in heads}
        self.findings: list[Finding] = []
        self._expected = 0  # 0 until the first record
        self._previous = FIRST
        self._sound = True  # whether the record before is known and unaltered
        self._first = 0
        self._count = 0
        self._last = 0
        self._removed: set[int] = set()
        self._seen_heads: set[int] = set()

    @property
    def summary(self) -> Verified:
        """What was seen."""
        return Verified(self._stream, self._count, self._first, self._last, self._previous)

    def through(self, files: Sequence[Path]) -> None:
        """Look through the files, in their order."""
        for number, path in enumerate(files):
            newest = number == len(files) - 1
            for line, data in _lines(path):
                if not data.endswith(b"\n") and newest:
                    self._find("torn", "the last line is not whole: its writer died, or is at work", path, line)
                    continue
                self._line(path, line, data)
        if self._first > 1 and self._first - 1 not in self._removed:
            text = f"the records before {self._first} are missing, and no record says that they were removed as too old"
            self.findings.insert(0, Finding("gap", self._stream, text, sequence=self._first))
        self._compare_heads()

    def _line(self, path: Path, line: int, data: bytes) -> None:
        try:
            link = open_line(data)
        except BadLine as bad:
            self._find("unreadable", f"{bad}", path, line, self._expected)
            self._sound = False
            return
        self._count += 1
        if not self._expected:
            self._expected = self._first = link.sequence
            self._sound = link.sequence == 1
        if not link.sealed_by(*self._keys):
            self._find("altered", f"record {link.sequence} is not as it was written", path, line, link.sequence)
            self._go_on(link, sound=False)
            return
        if link.fields.get(STREAM) != self._stream:
            text = f"record {link.sequence} was written to the stream {link.fields.get(STREAM)!r}"
            self._find("foreign", text, path, line, link.sequence)
            return
        self._place(path, line, link)
        if link.fields.get("event.action") == "audit.retention":
            self._removed.add(int(link.fields.get("codexplus.last_sequence", 0)))
        head = self._heads.get(link.sequence)
        if head is not None:
            self._seen_heads.add(link.sequence)
            if head.hash != link.hash:
                text = f"record {link.sequence} is another one than the head told at that time"
                self._find("rewritten", text, path, line, link.sequence)

    def _place(self, path: Path, line: int, link: Link) -> None:
        """Judge where a genuine record stands."""
        if link.sequence < self._expected:
            self._find("reordered", f"record {link.sequence} comes again, or too late", path, line, link.sequence)
            return
        if link.sequence > self._expected:
            missing = link.sequence - self._expected
            which = f"record {self._expected}" if missing == 1 else f"records {self._expected} to {link.sequence - 1}"
            are = "is" if missing == 1 else "are"
            self._find("gap", f"{which} {are} missing here", path, line, self._expected)
        elif self._sound and link.previous != self._previous:
            text = f"record {link.sequence} does not follow the one before it: the end of the log was replaced"
            self._find("rewritten", text, path, line, link.sequence)
        self._go_on(link, sound=True)

    def _go_on(self, link: Link, *, sound: bool) -> None:
        # A number in an altered record is only believed where it is the next one.
        if not sound and link.sequence != self._expected:
            self._sound = False
            return
        self._expected, self._previous, self._sound = link.sequence + 1, link.hash, sound
        self._last = link.sequence

    def _compare_heads(self) -> None:
        newest = max(self._heads, default=0)
        if newest > self._last:
            text = f"the log ends with record {self._last}; a head says that there were {newest}"
            self.findings.append(Finding("truncated", self._stream, text, sequence=self._last))

    def _find(self, kind: str, text: str, path: Path, line: int, sequence: int = 0) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(kind, self._stream, text, path.name, line, sequence))  # type: ignore[arg-type]


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            yield from enumerate(file, 1)
    except OSError as error:
        raise Problem(f"{path}: the audit log cannot be read ({error.strerror})") from error
