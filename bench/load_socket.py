"""Load over WebSockets: `response.create` on each connection, a message for every event of its answer."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import cast

from .asked import create, thread, upgrade
from .frames import CLOSE, PING, PONG, TEXT, Decoder, encode
from .load import Job, Result, began, ended
from .shape import Delays, is_as_sent

_COMPLETED = b'{"type":"response.completed"'
_SILENCE_S = 30.0
_SEEDS = 2000
"""No thread of the other kinds of load begins here."""


class Socket(asyncio.Protocol):
    """One connection: a handshake, then one answer after the other."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.status = 0
        self.delays = Delays()
        self.messages: list[bytes] = []
        self.first_ns = 0
        self._frames = Decoder()
        self._head = b""
        self._waiting: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._over(ConnectionResetError("broken off"))

    def ask(self, wire: bytes) -> asyncio.Future[None]:
        """Send bytes; the future is done when the handshake or the whole answer is here."""
        self.delays = Delays()
        self.messages = []
        self.first_ns = 0
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(wire)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if not self.status:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self.status = int(head[9:12])
            self._over(None)
        if self.status != 101 or not data:
            return
        self.first_ns = self.first_ns or now
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT:
                self.delays.feed(payload, now)
                self.messages.append(payload)
                if payload.startswith(_COMPLETED):
                    self._over(None)
            elif opcode == PING:
                self.transport.write(encode(payload, mask=True, opcode=PONG))
            elif opcode == CLOSE:
                self.transport.close()

    def _over(self, error: Exception | None) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            if error is None:
                waiting.set_result(None)
            else:
                waiting.set_exception(error)


async def over_socket(job: Job, result: Result) -> None:
    """Answers on as many connections, all begun in the same instant; a refused handshake is an error."""
    loop = asyncio.get_running_loop()
    clients: list[tuple[Socket, bytes]] = []
    for seed in range(job.connections):
        request = thread(job.shape, job.size, _SEEDS + seed).say("go on")
        _, client = await loop.create_connection(Socket, "127.0.0.1", job.port)
        try:
            async with asyncio.timeout(_SILENCE_S):
                await client.ask(upgrade(request, job.port))
        except (OSError, TimeoutError) as error:
            result.errors[type(error).__name__] += 1
            return
        if client.status != 101:
            result.errors[f"status {client.status}"] += 1
            return
        clients.append((client, create(request)))
    began(job, result)

    async def turns(client: Socket, words: bytes) -> None:
        for _ in range(max(1, job.count // job.connections)):
            start = time.monotonic_ns()
            try:
                async with asyncio.timeout(_SILENCE_S):
                    await client.ask(encode(words, mask=True))
            except (OSError, TimeoutError) as error:
                result.errors[type(error).__name__] += 1
                return
            _count(job, result, client, zlib.crc32(words), start)

    await asyncio.gather(*(turns(*client) for client in clients))
    ended(job, result)


def _count(job: Job, result: Result, got: Socket, asked: int, start_ns: int) -> None:
    result.total_us.append((time.monotonic_ns() - start_ns) // 1000)
    result.first_us.append((got.first_ns - start_ns) // 1000)
    result.done += 1
    result.events += len(got.delays.us)
    result.delay_us += got.delays.us
    if len(got.delays.us) != job.shape.events:
        result.errors["an end without all events"] += 1
        return
    before, last = b"".join(got.messages[:-1]), got.messages[-1]
    exact = is_as_sent(before, last, asked)
    result.changed += not exact
    result.same += exact or (not job.exact and is_as_sent(before, last))
