"""The WebSocket handshake's header lines, on either side of us (RFC 6455, RFC 7692)."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from wsproto.handshake import client_extensions_handshake, server_extensions_handshake
from wsproto.utilities import RemoteProtocolError, generate_accept_token, split_comma_header

from .deflate import Deflate
from .headers import client_headers, upstream_headers
from .transport import Headers

_OWN = b"sec-websocket-"
_EXTENSIONS, _KEY = b"sec-websocket-extensions", b"sec-websocket-key"
_VERSION, _ACCEPT = b"sec-websocket-version", b"sec-websocket-accept"
_TUNNELLED = frozenset((_KEY, _VERSION, _EXTENSIONS))
_SWITCH: Headers = [(b"upgrade", b"websocket"), (b"connection", b"Upgrade")]


def is_whole(headers: Headers) -> bool:
    """Whether a client's handshake has what it must: the one version there is, and a key of 16 bytes."""
    found = [(name.lower(), value) for name, value in headers]
    keys = [value for name, value in found if name == _KEY]
    if len(keys) != 1 or [value for name, value in found if name == _VERSION] != [b"13"]:
        return False
    try:
        return len(base64.b64decode(keys[0], validate=True)) == 16
    except ValueError:
        return False


def tunnelled(headers: Headers) -> Headers:
    """The client's handshake as it goes up where both ends talk to each other and we only carry bytes."""
    return upstream_headers(headers) + [line for line in headers if line[0].lower() in _TUNNELLED]


def tunnel_answer(headers: Headers) -> Headers:
    """The upstream's 101 as it comes down to such a client."""
    return [*_SWITCH, *client_headers(headers)]


def own_offer(headers: Headers) -> Headers:
    """The client's handshake as ours: its session headers, a key of our own, and compression where it offered it."""
    lines = upstream_headers(headers)
    lines += [(_KEY, base64.b64encode(os.urandom(16))), (_VERSION, b"13")]
    if any(offer.partition(";")[0].strip() == Deflate.name for offer in _listed(headers, _EXTENSIONS)):
        lines.append((_EXTENSIONS, b"permessage-deflate; client_max_window_bits"))
    return lines


def check_answer(offer: Headers, headers: Headers) -> None:
    """Raise RemoteProtocolError where an upstream's 101 is no answer to our own offer."""
    keys = [generate_accept_token(value) for name, value in offer if name == _KEY]
    if [value for name, value in headers if name.lower() == _ACCEPT] != keys:
        raise RemoteProtocolError("sec-websocket-accept: it does not answer our key")
    if _listed(headers, _EXTENSIONS) and not _listed(offer, _EXTENSIONS):
        raise RemoteProtocolError("sec-websocket-extensions: none was offered")


def agreed(headers: Headers) -> Deflate | None:
    """The compression that the upstream's 101 agreed to. Raises RemoteProtocolError for what was not offered."""
    accepted = _listed(headers, _EXTENSIONS)
    if not accepted:
        return None
    deflate = Deflate()
    try:
        if len(accepted) > 1:
            raise ValueError("more than was offered")
        client_extensions_handshake(accepted, [deflate])
    except (ValueError, IndexError) as error:
        raise RemoteProtocolError(f"sec-websocket-extensions: {error}") from None
    return deflate


def accepted(headers: Headers, upstream: Headers) -> tuple[Headers, Deflate | None]:
    """Our own 101 for the client that sent ``headers``, with what ``upstream`` said in its, and the compression."""
    key = next((value for name, value in headers if name.lower() == _KEY), b"")
    lines = [*_SWITCH, (_ACCEPT, generate_accept_token(key))]
    chosen, deflate = _first_taken(_listed(headers, _EXTENSIONS))
    if chosen:
        lines.append((_EXTENSIONS, chosen))
    for name, value in client_headers(upstream):
        key = name.lower()
        if not key.startswith(_OWN) or key == _PROTOCOL:
            lines.append((name, value))
    return lines, deflate


def _first_taken(offers: list[str]) -> tuple[bytes | None, Deflate | None]:
    for offer in offers:
        deflate = Deflate()  # a new one each time: an offer that is declined leaves its marks
        with contextlib.suppress(RemoteProtocolError, ValueError):  # what nobody understands, nobody takes
            if chosen := server_extensions_handshake([offer], [deflate]):
                return chosen, deflate
    return None, None


_PROTOCOL = b"sec-websocket-protocol"


def http_headers(headers: Headers, notes: Mapping[str, Any]) -> Headers:
    """The handshake's session headers as those of the HTTP request that asks the same.

    ``notes`` is the message's ``client_metadata``: it knows the turn, where the handshake knew only of the first one.
    """
    repeated: dict[bytes, bytes] = {}
    added: dict[bytes, bytes] = {}
    room = _NOTES_BYTES
    for name, value in notes.items():
        key = name.lower()
        found = repeated
        if key.startswith(_NOTE):
            # Codex 0.169 has the one header that it sends with a POST, but with no handshake, under such a name.
            found, key = added, key.removeprefix(_NOTE).replace("_", "-")
        # Notes are about the session and the turn: they name no login, no host and nothing of the connection.
        if key.startswith(_NOTED) and isinstance(value, str) and _is_line(key + value):
            room -= _LINE_BYTES + len(key) + len(value)
            if room >= 0:
                found[key.encode()] = value.encode()
    kept = [
        (name, repeated.get(name.lower(), value))
        for name, value in headers
        if not name.lower().startswith(_OWN) and name.lower() not in _OF_THE_SOCKET and name.lower() not in added
    ]
    return [*kept, *added.items(), (b"content-type", b"application/json"), (b"accept", b"text/event-stream")]


def _is_line(text: str) -> bool:
    return text.isascii() and text.isprintable()


_NOTE = "ws_request_header_"
_NOTED = ("x-codex-", "x-openai-")
# As much as a request's own headers may have, and no more lines; what goes beyond stays in the body.
_NOTES_BYTES = 64 * 1024
_LINE_BYTES = 320
_OF_THE_SOCKET = frozenset((b"openai-beta", b"upgrade", b"connection", b"content-type", b"accept", b"content-length"))


def _listed(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    lines = [value for name, value in headers if name.lower() == wanted and value.isascii()]
    return [part for value in lines for part in split_comma_header(value)]
