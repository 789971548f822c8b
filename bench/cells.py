"""What is measured with each target: how many connections, which requests, which answers."""

from __future__ import annotations

from dataclasses import dataclass

from .shape import Shape

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement; ``count`` requests in a round, ``quick`` of them with ``--quick``, 0 to leave it out then."""

    name: str
    title: str
    kind: str
    shape: Shape
    connections: int
    count: int
    quick: int
    size: int = 10 * KIB
    start: int = 0

    @property
    def family(self) -> str:
        """Which figures its table shows."""
        if self.shape.cut:
            return "cut"
        if self.kind == "thread":
            return "thread"
        return "request" if self.shape.events < 10 else "paced" if self.shape.gap_ms else "burst"


_JSON, _PACED, _SLOW, _BURST = Shape(0, 900), Shape(200, 190, 5), Shape(100, 190, 20), Shape(2000, 190, 0, 8)

CELLS = (
    Cell("json-c8", "JSON answers, requests of 10 KB, 8 at once", "http", _JSON, 8, 800, 300),
    Cell("json-new-c8", "the same, a new connection for each request", "fresh", _JSON, 8, 400, 0),
    Cell("mb-c1", "JSON answers, requests of 1 MB, one at a time", "http", _JSON, 1, 40, 15, MIB),
    Cell("sse-c64", "event streams, 64 at once, 200 events a second each", "http", _PACED, 64, 64, 64),
    Cell("sse-c256", "event streams, 256 at once, 50 events a second each", "http", _SLOW, 256, 256, 0),
    Cell("burst-c8", "event streams without a pause, 8 at once", "http", _BURST, 8, 64, 24),
    Cell("cut-c4", "event streams that the upstream breaks off", "http", Shape(200, 190, 1, 1, 50), 4, 16, 8),
    Cell("ws-rtt", "WebSocket: a request and four messages back, one at a time", "socket", Shape(4), 1, 400, 200),
    Cell("ws-c64", "WebSocket: 64 connections, 200 messages a second each", "socket", _PACED, 64, 64, 64),
    Cell("ws-burst", "WebSocket: messages without a pause, 8 connections", "socket", _BURST, 8, 64, 24),
)

LONG_THREAD = Cell("long-thread", "one thread that grows to 1 MB in 1,000 turns", "thread", Shape(5), 1, 1000, 0, MIB)
WITH_PLUGINS = (
    Cell("plugins-sse", "with plugins: 64 event streams", "http", _PACED, 64, 64, 0),
    Cell("plugins-ws", "with plugins: 64 WebSockets", "socket", _PACED, 64, 64, 0),
    Cell("plugins-mb", "with plugins: turns of a thread of 1 MB", "thread", Shape(5), 1, 20, 0, MIB + 20 * KIB, MIB),
)
OTHERS = ("long-thread", "plugins", "memory")
