"""Two upgraded connections joined into one: bytes both ways, unread, until either side ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .frame_edge import FrameEdge, close_frame
from .transport import Duplex

QUIET_S = 5.0
"""Seconds without a byte after which a connection counts as idle, for a proxy that is to end."""
# What a conversation says there, too. Codex 0.169 opens another connection, in silence, after whatever end.
_LEAVING = close_frame(1001, "the proxy is stopping")


class Tunnel:
    """Carries bytes between a client and an upstream that have agreed on a WebSocket between themselves."""

    def __init__(self, client: Duplex, upstream: Duplex) -> None:
        self._client = client
        self._upstream = upstream
        self._loop = asyncio.get_running_loop()
        self._moved = self._loop.time()
        self._waiting: set[asyncio.Task[None]] = set()
        self._edge = FrameEdge()  # of what has gone down

    async def run(self, draining: asyncio.Event) -> None:
        """Carry until either side has ended; the other one is ended the same way. Cancelling cuts both.

        Where it is the proxy that ends, the client is told so, unless that would stand within a frame.
        """
        down = self._upstream.pipe(self._onto(self._client, self._upstream, self._edge))
        up = self._client.pipe(self._onto(self._upstream, self._client))
        leaving = self._loop.create_task(self._quiet(draining))
        try:
            await asyncio.wait({down, up, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if down.done() and down.exception() is not None:
                # A cut stays a cut.
                self._client.abort()
            elif up.done() and up.exception() is not None:
                self._upstream.abort()
            elif not (down.done() or up.done()) and self._edge.between:
                self._client.write(_LEAVING)
            self._client.close()
            self._upstream.close()
        except BaseException:
            self._client.abort()
            self._upstream.abort()
            raise
        finally:
            leaving.cancel()
            for task in self._waiting:
                task.cancel()

    def _onto(self, sink: Duplex, source: Duplex, edge: FrameEdge | None = None) -> Callable[[bytes], bool]:
        write, now = sink.write, self._loop.time

        def carry(data: bytes) -> bool:
            self._moved = now()
            if edge is not None:
                edge.feed(data)
            if write(data):
                return True
            task = self._loop.create_task(self._go_on(sink, source))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
            return False

        return carry

    @staticmethod
    async def _go_on(sink: Duplex, source: Duplex) -> None:
        await sink.drain()
        source.resume()

    async def _quiet(self, draining: asyncio.Event) -> None:
        await draining.wait()
        while True:
            left = self._moved + QUIET_S - self._loop.time()
            if left <= 0:
                return
            await asyncio.sleep(left)
