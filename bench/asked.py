"""The requests of a Codex 0.169 with an API key, as bytes: a body of some size, and a model that orders an answer."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace

from codexplus_core.testing import CodexClient
from codexplus_core.testing.codex_messages import handshake, message
from codexplus_core.testing.codex_requests import ClientRequest

from .shape import Shape

_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_LINE = 'line %d of the history: "quoted" words, a\ttab and an end\n'
_ITEM_BYTES = 6000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's bytes, and the checksum of its body by which its way up is judged."""

    wire: bytes
    sum: int


def thread(shape: Shape, size: int, seed: int) -> CodexClient:
    """A thread whose next request has a body of about ``size`` bytes."""
    client = CodexClient(auth="api", seed=seed)
    client.framer = replace(client.framer, extra={"model": shape.model})
    bare = len(client.say("hello").body)
    while bare < size:
        # One item after the other, like a conversation, and not one enormous prompt.
        words = text(min(_ITEM_BYTES, size - bare), seed=len(client.history))
        client.history.append(client._said("user", [words], ["user.text"]))
        bare += len(json.dumps(client.history[-1]))
    return client


def text(size: int, seed: int = 0) -> str:
    """Words for about ``size`` bytes of JSON."""
    lines = (_LINE % number for number in range(seed * 1000, seed * 1000 + 1 + size // 64))
    return "".join(lines)[:size]


def post(request: ClientRequest, port: int, *, close: bool = False) -> Asked:
    """The request over HTTP."""
    return Asked(_head(request, port, close=close) + request.body, zlib.crc32(request.body))


def upgrade(request: ClientRequest, port: int) -> bytes:
    """The handshake for a WebSocket that will carry the request."""
    return _head(handshake(request, key=_KEY, warming=False, deflate=False), port)


def create(request: ClientRequest) -> bytes:
    """The request as a WebSocket message."""
    return json.dumps(message(request, request.json["input"], None, now_ms=0), separators=(",", ":")).encode()


def _head(request: ClientRequest, port: int, *, close: bool = False) -> bytes:
    lines = [(b"host", b"127.0.0.1:%d" % port), *request.headers]
    if close:
        lines.append((b"connection", b"close"))
    target = f"{request.method} {request.path} HTTP/1.1\r\n".encode()
    return target + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n"
