"""Heads: how far a stream had come at some moment, told to a place that its writer cannot reach."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

EVENT = "audit_head"
"""The name of the log event that tells one."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record of a stream that was on disk; ``seal`` proves that the key's owner said so."""

    stream: str
    sequence: int
    hash: str
    seal: str

    def sealed_by(self, *keys: bytes) -> bool:
        """Whether one of these keys made its seal."""
        return any(hmac.compare_digest(_seal(key, self.stream, self.sequence, self.hash), self.seal) for key in keys)

    def row(self) -> dict[str, Any]:
        """It as plain values."""
        return asdict(self)


def head(key: bytes, stream: str, sequence: int, hash: str) -> Head:
    """A head with its seal."""
    return Head(stream, sequence, hash, _seal(key, stream, sequence, hash))


def heads_in(lines: Iterable[str]) -> Iterator[Head]:
    """The heads in lines of a log: JSON as codex-plus writes it, as ``journalctl -o json`` wraps it, or other text."""
    for line in lines:
        found = _of(_json(line))
        if found is not None:
            yield found


def _of(value: Any) -> Head | None:
    for _ in range(4):
        if not isinstance(value, dict):
            return None
        stream, sequence, hash, seal = (value.get(name) for name in ("stream", "sequence", "hash", "seal"))
        texts = isinstance(stream, str) and isinstance(hash, str) and isinstance(seal, str)
        if texts and isinstance(sequence, int):
            return Head(str(stream), sequence, str(hash), str(seal))
        inner = value.get("MESSAGE", value.get("message", value.get("log")))
        value = _json(inner) if isinstance(inner, str) else inner
    return None


def _json(text: str) -> Any:
    # A collector may have put a time or a host in front.
    at = text.find("{")
    try:
        return json.loads(text[at:]) if at >= 0 else None
    except (ValueError, RecursionError):
        return None


def _seal(key: bytes, stream: str, sequence: int, hash: str) -> str:
    told = f"codexplus-audit-head/1\n{stream}\n{sequence}\n{hash}"
    return hmac.digest(key, told.encode("utf-8"), "sha256").hex()
