"""Which header lines cross the proxy, in each direction, and which of them plugins may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import compress
from operator import itemgetter, methodcaller
from types import MappingProxyType
from typing import NamedTuple

from .head import MOST_NAMES
from .transport import Headers

_HOP_BY_HOP = frozenset(
    (
        b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te",
        b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings",
    )
)  # fmt: skip
# Ours to set or to know: the upstream connection has a host, a length and a WebSocket handshake of its own.
_NOT_UP = _HOP_BY_HOP | {
    b"host", b"content-length", b"expect", b"forwarded", b"x-real-ip",
    b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions", b"sec-websocket-accept",
}  # fmt: skip
_NOT_UP_PREFIXES = (b"x-codexplus-", b"x-forwarded-")
# What a browser would act on for our loopback address. Cookies too: they know no port, so every other local server
# would get the upstream's, and Codex keeps none for us.
_NOT_DOWN = _HOP_BY_HOP | {
    b"alt-svc", b"alternate-protocol", b"strict-transport-security", b"public-key-pins", b"clear-site-data", b"nel",
    b"report-to", b"reporting-endpoints", b"set-cookie", b"set-cookie2",
}  # fmt: skip
_NOT_DOWN_PREFIXES = (b"x-codexplus-", b"access-control-")
_OF_THE_BODY = frozenset(
    (
        b"content-length", b"content-encoding", b"content-md5", b"digest", b"content-digest", b"repr-digest",
        b"etag", b"accept-ranges", b"content-range",
    )
)  # fmt: skip
_NOT_DOWN_CHANGED = _NOT_DOWN | _OF_THE_BODY
_NOT_UP_CHANGED = _NOT_UP | {b"content-encoding", b"content-md5", b"digest", b"content-digest", b"repr-digest"}
# What a Connection header cannot take away: without these the upstream would see another request than was judged.
_KEPT_DESPITE_CONNECTION = frozenset(
    (
        b"authorization", b"chatgpt-account-id", b"content-type", b"content-encoding", b"cookie", b"user-agent",
        b"accept", b"accept-encoding", b"originator", b"version", b"session-id", b"session_id", b"thread-id",
        b"conversation_id", b"x-client-request-id",
    )
)  # fmt: skip
_KEPT_PREFIXES = (b"x-codex-", b"x-openai-", b"openai-")
_CREDENTIALS = frozenset(
    ("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-codexplus-token")
)
_BREAKS_A_LINE = b"\0\r\n\x0b\x0c"
_TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NO_NAMES: frozenset[bytes] = frozenset()


def upstream_headers(
    headers: Sequence[tuple[bytes, bytes]],
    *,
    body_changed: bool = False,
    replace: Mapping[bytes, bytes | None] | None = None,
) -> Headers:
    """The client's headers as they go up: its order, case and duplicates, without what belongs to our own connection.

    ``body_changed`` drops what described the client's bytes (the new body goes up plain). ``replace`` maps a lower-case
    name to its new value, or to None to drop it; a header that the client did not send is not added.
    """
    dropped = _NOT_UP_CHANGED if body_changed else _NOT_UP
    plan = _planned(headers, dropped, _NOT_UP_PREFIXES)
    return _pass(headers, plan) if not replace and _is_plain(headers, plan) else _judge(headers, plan, replace or {})


def client_headers(
    headers: Headers,
    *,
    body_changed: bool = False,
    replace: Mapping[bytes, bytes | None] | None = None,
) -> Headers:
    """The upstream's headers as they come down: everything that means something to the client.

    ``body_changed`` says that the body's bytes may differ from the upstream's, so that its length, encoding and digests
    go; a Content-Length that is no plain number, comes twice, or beside Transfer-Encoding goes in any case.
    """
    dropped = _NOT_DOWN_CHANGED if body_changed else _NOT_DOWN
    plan = _planned(headers, dropped, _NOT_DOWN_PREFIXES)
    if replace or not _is_plain(headers, plan):
        found = _judge(headers, plan, replace or {})
    else:
        found = _pass(headers, plan)
        if not plan.lengths or (len(plan.lengths) == 1 and not plan.framed and headers[plan.lengths[0]][1].isdigit()):
            return found
    lengths = [value for name, value in found if name.lower() == b"content-length"]
    # Beside Transfer-Encoding the length says nothing (RFC 9112, section 6.3), and an answer cut to it would pass for
    # a whole one.
    if lengths and (len(lengths) > 1 or not lengths[0].isdigit() or plan.framed):
        return [(name, value) for name, value in found if name.lower() != b"content-length"]
    return found


_NAME, _VALUE, _text = itemgetter(0), itemgetter(1), methodcaller("decode", "latin-1")


def view(headers: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """What plugins see of the client's headers: lower-case names, read-only, no credentials; duplicates are joined."""
    # Every request comes by here: no step in Python for each of its lines.
    names = list(map(_text, map(bytes.lower, map(_NAME, headers))))
    values = list(map(_text, map(_VALUE, headers)))
    seen = dict(zip(names, values, strict=True))
    if len(seen) < len(names):
        seen = {}
        for name, value in zip(names, values, strict=True):
            seen[name] = f"{seen[name]}, {value}" if name in seen else value
    for name in _CREDENTIALS & seen.keys():
        del seen[name]
    return MappingProxyType(seen)


class _Plan(NamedTuple):
    """What the names of header lines say of them."""

    whole: bool
    """Whether all can be names."""
    pass_: tuple[bool, ...]
    connections: tuple[int, ...]
    lengths: tuple[int, ...]
    framed: bool
    dropped: frozenset[bytes]
    prefixes: tuple[bytes, ...]


def _planned(headers: Sequence[tuple[bytes, bytes]], dropped: frozenset[bytes], prefixes: tuple[bytes, ...]) -> _Plan:
    names = tuple(map(_NAME, headers))
    return (_plan if len(names) <= MOST_NAMES else _plan.__wrapped__)(names, dropped, prefixes)


@lru_cache(maxsize=16)
def _plan(names: tuple[bytes, ...], dropped: frozenset[bytes], prefixes: tuple[bytes, ...]) -> _Plan:
    # Clients and upstreams have a few sets of names each, and say them again with each request.
    keys = [name.lower() for name in names]
    return _Plan(
        whole=_are_whole([(name, b"") for name in names]),
        pass_=tuple(key not in dropped and not key.startswith(prefixes) for key in keys),
        connections=tuple(place for place, key in enumerate(keys) if key == b"connection"),
        lengths=tuple(place for place, key in enumerate(keys) if key == b"content-length"),
        framed=b"transfer-encoding" in keys,
        dropped=dropped,
        prefixes=prefixes,
    )


def _is_plain(lines: Sequence[tuple[bytes, bytes]], plan: _Plan) -> bool:
    """Whether each line is one, and Connection takes none of them away."""
    if not plan.whole:
        return False
    for place in plan.connections:
        if _named(lines[place][1]):
            return False
    values = b"".join(map(_VALUE, lines))
    return len(values.translate(None, _BREAKS_A_LINE)) == len(values)


def _pass(lines: Sequence[tuple[bytes, bytes]], plan: _Plan) -> Headers:
    return list(compress(lines, plan.pass_))


def _judge(headers: Iterable[tuple[bytes, bytes]], plan: _Plan, replace: Mapping[bytes, bytes | None]) -> Headers:
    # One line in, one line out: a name or value that would end its line early is not repaired but left out.
    lines = [line for line in headers if _are_whole([line])]
    named = _NO_NAMES
    found: Headers = []
    for name, value in lines:
        key = name.lower()
        if key in plan.dropped:
            if key == b"connection":
                named |= _named(value)
        elif key.startswith(plan.prefixes):
            continue
        elif key not in replace:
            found.append((name, value))
        else:
            new = replace[key]
            if new is not None and _are_whole([(name, new)]):
                found.append((name, new))
    if named:
        found = [line for line in found if line[0].lower() not in named]
    return found


def _are_whole(lines: Headers) -> bool:
    names = b"".join([name or b":" for name, _ in lines])
    if names.translate(None, _TOKEN_BYTES):
        return False
    values = b"".join(map(_VALUE, lines))
    return len(values.translate(None, _BREAKS_A_LINE)) == len(values)


def _named(connection: bytes) -> frozenset[bytes]:
    if connection.lower() in (b"keep-alive", b"close", b"upgrade"):
        return _NO_NAMES
    names = {part.strip().lower() for part in connection.split(b",")} - _KEPT_DESPITE_CONNECTION
    return frozenset(name for name in names if not name.startswith(_KEPT_PREFIXES))
