"""The head of an ordinary HTTP/1.1 request, read strictly (all others are hypercorn's), and an answer's lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from .transport import Headers

END = b"\r\n\r\n"
LIMIT = 64 * 1024
"""Bytes that a head may have here; the same as for the server's own parser."""

# A narrower grammar than RFC 9112's: origin form, no obs-fold, no control characters, CR LF everywhere.
_HEAD = re.compile(
    rb"(?!CONNECT)([A-Z]{3,7}) (/[!-~]*+) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+(?<![\t ])\r\n)++)\r\n"
)
_LINE = re.compile(rb"([^:]++):[\t ]*+([^\r]*+)\r\n")
# What decides where a request ends, or what comes after it. All else in a head is the application's business.
_DECISIVE = b"content-length", b"connection", b"upgrade", b"host"
_NOT_ORDINARY = frozenset((b"transfer-encoding", b"expect", b"http2-settings", b"trailer", b"te"))
_UPGRADES = frozenset((b"upgrade", b"keep-alive"))
_LONGEST_LENGTH = 15
MOST_NAMES = 64
"""Names of a head up to which it is remembered what they say."""
_name = itemgetter(0)


@dataclass(slots=True)
class Head:
    """A request's head. ``length`` is its body's, ``close`` says that the client wants no further request after it."""

    method: str
    path: bytes
    query: bytes
    headers: Headers
    length: int = 0
    close: bool = False
    websocket: bool = False


def read_head(block: bytes) -> Head | None:
    """Read ``block``, which ends with the blank line; None where anything is out of the ordinary.

    Ordinary means: exactly one Host, at most one plain Content-Length, nothing that frames a body otherwise, and a
    Connection header that says ``keep-alive``, ``close``, or ``upgrade`` to a WebSocket.
    """
    match = _HEAD.fullmatch(block)
    if match is None:
        return None
    method, target, lines = match.groups()
    headers = _LINE.findall(lines)
    names = tuple(map(_name, headers))
    places = (_places if len(names) <= MOST_NAMES else _places.__wrapped__)(names)
    if places is None:
        return None
    length_at, connection_at, upgrade_at = places
    path, _, query = target.partition(b"?")
    head = Head(method.decode(), path, query, headers)
    if length_at is not None:
        length = headers[length_at][1]
        if not length.isdigit() or len(length) > _LONGEST_LENGTH:
            return None
        head.length = int(length)
    wants = b"" if connection_at is None else headers[connection_at][1].lower()
    if upgrade_at is not None:
        head.websocket = True
        plain = method == b"GET" and length_at is None and headers[upgrade_at][1].lower() == b"websocket"
        asks = {part.strip() for part in wants.split(b",")} <= _UPGRADES and b"upgrade" in wants
        return head if plain and asks else None
    if wants == b"close":
        head.close = True
    elif wants not in (b"", b"keep-alive"):
        return None
    return head


@lru_cache(maxsize=16)
def _places(names: tuple[bytes, ...]) -> tuple[int | None, int | None, int | None] | None:
    """Where content-length, connection and upgrade stand; None where the names alone are out of the ordinary.

    A client's requests have few sets of names, and its connection many requests.
    """
    places: dict[bytes, int] = {}
    for place, name in enumerate(names):
        key = name.lower()
        if key in _NOT_ORDINARY or key in places:
            return None
        if key in _DECISIVE:
            places[key] = place
    length, connection, upgrade, host = map(places.get, _DECISIVE)
    return None if host is None else (length, connection, upgrade)


def header_lines(headers: Headers) -> bytes:
    """The lines of an answer's head. Raises ValueError where one would break into two."""
    lines = b"".join([name + b": " + value + b"\r\n" for name, value in headers])
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers) or lines.find(b"\0") >= 0:
        raise ValueError("a header holds a line break; whoever set it must not")
    return lines
