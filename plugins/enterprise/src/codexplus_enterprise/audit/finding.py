"""What `audit verify` may find."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["altered", "unreadable", "gap", "reordered", "foreign", "truncated", "rewritten", "forged head", "torn"]
HARMLESS: frozenset[Kind] = frozenset({"torn"})
"""What a crash leaves behind, or a process that writes at this moment."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written: in which stream, file and line, at which number of the chain."""

    kind: Kind
    stream: str
    text: str
    file: str = ""
    line: int = 0
    sequence: int = 0

    def row(self) -> dict[str, Any]:
        """It as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file else f"{self.stream}: "
        return f"{where}{self.kind}: {self.text}"


@dataclass(frozen=True, slots=True)
class Verified:
    """A stream after it was looked through: its records, the numbers it spans, and the newest digest."""

    stream: str
    records: int
    first: int
    last: int
    hash: str
