"""The least that a proxy in Python can do: `python -m bench.bare PORT UPSTREAM_PORT` copies bytes, reading nothing."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop


class Side(asyncio.Protocol):
    """One of the two connections of a pair."""

    transport: asyncio.Transport

    def __init__(self, upstream_port: int = 0) -> None:
        self._upstream_port = upstream_port
        self._waiting: list[bytes] = []
        self.other: Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if self._upstream_port:
            self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        _, other = await loop.create_connection(Side, "127.0.0.1", self._upstream_port)
        self.other, other.other = other, self
        if self._waiting:
            other.transport.write(b"".join(self._waiting))
        if self.transport.is_closing():
            other.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._waiting.append(data)
        else:
            self.other.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()


async def serve(port: int, upstream_port: int) -> None:
    """Copy until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Side(upstream_port), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
