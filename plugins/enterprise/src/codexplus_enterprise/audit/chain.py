"""The chain that holds records together: a keyed digest over each line and the digest of the one before."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

FIRST = "0" * 64
"""What stands for the digest before the first record."""

SEQUENCE = "event.sequence"
PREVIOUS = "codexplus.chain.previous"
HASH = "event.hash"
STREAM = "codexplus.chain.stream"

_DOMAIN = b"codexplus-audit/1\n"
_HASH_AT = b',"event.hash":"'
_TAIL = len(_HASH_AT) + 64 + 2


class BadLine(ValueError):
    """A line that is no record of a chain."""


@dataclass(frozen=True, slots=True)
class Link:
    """One record as it stands in a file."""

    sequence: int
    previous: str
    hash: str
    body: bytes
    fields: dict[str, Any]

    def sealed_by(self, *keys: bytes) -> bool:
        """Whether one of these keys made its digest."""
        return any(hmac.compare_digest(digest(key, self.body), self.hash) for key in keys)


def digest(key: bytes, body: bytes) -> str:
    """The keyed digest of a record: of its line up to its own digest."""
    return hmac.digest(key, _DOMAIN + body, "sha256").hex()


class Chain:
    """Puts records behind one another. For one thread."""

    def __init__(self, key: bytes, sequence: int = 0, last: str = FIRST) -> None:
        self._inner = hashlib.sha256(_pad(key, 0x36) + _DOMAIN)
        self._outer = hashlib.sha256(_pad(key, 0x5C))
        self.sequence = sequence
        self.last = last

    def seal(self, record: bytes) -> bytes:
        """The next line: ``record`` is a JSON object without its closing brace."""
        self.sequence += 1
        body = b'%b,"event.sequence":%d,"codexplus.chain.previous":"%b"' % (
            record, self.sequence, self.last.encode("ascii"),
        )  # fmt: skip
        # HMAC written out, with what depends on the key alone done once: half the time of a call of `hmac`.
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(body)
        outer.update(inner.digest())
        self.last = outer.hexdigest()
        return b'%b,"event.hash":"%b"}\n' % (body, self.last.encode("ascii"))


def open_line(line: bytes) -> Link:
    """A line as a record. Raises BadLine."""
    line = line.rstrip(b"\n")
    body = line[:-_TAIL]
    if line[-_TAIL : -_TAIL + len(_HASH_AT)] != _HASH_AT or not line.endswith(b'"}'):
        raise BadLine("it has no digest at its end")
    try:
        fields = json.loads(line)
        sequence, previous, own = fields[SEQUENCE], fields[PREVIOUS], fields[HASH]
    except (ValueError, KeyError, RecursionError) as error:
        raise BadLine("it is no JSON object of a record") from error
    if not isinstance(sequence, int) or not isinstance(previous, str) or not isinstance(own, str):
        raise BadLine("its place in the chain is no number")
    return Link(sequence, previous, own, body, fields)


def _pad(key: bytes, byte: int) -> bytes:
    key = hashlib.sha256(key).digest() if len(key) > 64 else key
    return bytes(one ^ byte for one in key.ljust(64, b"\0"))
