"""The head of an ordinary HTTP/1.1 request, read strictly (all others are hypercorn's), and an answer's lines."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .transport import Headers

END = b"\r\n\r\n"
LIMIT = 64 * 1024
"""Bytes that a head may have here; the same as for the server's own parser."""

# A narrower grammar than RFC 9112's: origin form, no obs-fold, no control characters, CR LF everywhere.
_HEAD = re.compile(
    rb"(?!CONNECT)([A-Z]{3,7}) (/[!-~]*) HTTP/1\.1\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n)+)\r\n"
)
_LINE = re.compile(rb"([^:]+):[\t ]*([^\r]*)\r\n")
# What decides where a request ends, or what comes after it. All else in a head is the application's business.
_CONTENT_LENGTH, _CONNECTION, _UPGRADE, _HOST = b"content-length", b"connection", b"upgrade", b"host"
_DECISIVE = frozenset((_CONTENT_LENGTH, _CONNECTION, _UPGRADE, _HOST))
_NOT_ORDINARY = frozenset((b"transfer-encoding", b"expect", b"http2-settings", b"trailer", b"te"))
_UPGRADES = frozenset((b"upgrade", b"keep-alive"))
_LONGEST_LENGTH = 15


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
    if match is None or block.find(b" \r\n") >= 0 or block.find(b"\t\r\n") >= 0:
        return None
    method, target, lines = match.groups()
    path, _, query = target.partition(b"?")
    head = Head(method.decode(), path, query, _LINE.findall(lines))
    hosts = lengths = connections = 0
    upgrade, wants = False, b""
    for name, value in head.headers:
        key = name.lower()
        if key in _DECISIVE:
            if key == _CONTENT_LENGTH:
                lengths += 1
                if not value.isdigit() or len(value) > _LONGEST_LENGTH:
                    return None
                head.length = int(value)
            elif key == _HOST:
                hosts += 1
            elif key == _CONNECTION:
                connections += 1
                wants = value.lower()
            elif upgrade or value.lower() != b"websocket":
                return None
            else:
                upgrade = True
        elif key in _NOT_ORDINARY:
            return None
    if hosts != 1 or lengths > 1 or connections > 1:
        return None
    if upgrade:
        head.websocket = True
        plain = method == b"GET" and not lengths and {part.strip() for part in wants.split(b",")} <= _UPGRADES
        return head if plain and b"upgrade" in wants else None
    if wants == b"close":
        head.close = True
    elif wants not in (b"", b"keep-alive"):
        return None
    return head


def header_lines(headers: Headers) -> bytes:
    """The lines of an answer's head. Raises ValueError where one would break into two."""
    lines = b"".join([b"%b: %b\r\n" % line for line in headers])
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers) or b"\0" in lines:
        raise ValueError("a header holds a line break; whoever set it must not")
    return lines
