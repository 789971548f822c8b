"""Upgraded connections of the upstream, for tests."""

from __future__ import annotations

from collections.abc import Callable

from raw_http import Connection

from codexplus_core.proxy.transport import (
    Answer,
    Duplex,
    Headers,
    Upgraded,
    UpstreamRequest,
)
from codexplus_core.proxy.upstream import CurlUpstream

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nX-Model: m\r\n\r\n"


PATTERN = bytes(range(256)) * 4096


def into(parts: list[bytes]) -> Callable[[bytes], bool]:
    """What a pipe may write to: all that comes ends up in ``parts``."""

    def write(data: bytes) -> bool:
        parts.append(data)
        return True

    return write


def handshake(url: str, headers: Headers | None = None) -> UpstreamRequest:
    return UpstreamRequest("GET", url, headers or [(b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA==")])


async def joined(upstream: CurlUpstream, url: str) -> Duplex:
    upgraded = await upstream.connect(handshake(url))
    return upgraded_of(upgraded).socket


def upgraded_of(outcome: Upgraded | Answer) -> Upgraded:
    assert not hasattr(outcome, "status"), "the upgrade was refused"
    return outcome


async def echo(connection: Connection) -> None:
    await connection.send(SWITCH)
    while data := await connection.reader.read(65536):
        await connection.send(data)
    connection.writer.close()


def refusal_of(outcome: Upgraded | Answer) -> Answer:
    assert not hasattr(outcome, "socket"), "the upgrade was not refused"
    return outcome
