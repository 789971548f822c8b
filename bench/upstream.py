"""A scripted model backend for measuring: `python -m bench.upstream PORT`.

The model name of a request orders the answer (shape.py): a JSON object, or the events of a response at a pace, in
bursts or cut off, over HTTP as an event stream and over a WebSocket as messages. Every delta holds the clock at its
writing, and the last event the checksums of all bytes before it and of the request.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import time
import zlib
from collections.abc import Callable
from typing import cast

import uvloop

from .frames import CLOSE, PING, PONG, TEXT, Decoder, accept_key, encode
from .shape import Shape, ordered

_LENGTH = re.compile(rb"\r\ncontent-length: ?(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"\r\nsec-websocket-key: ?([^\r]+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: ?close\r", re.IGNORECASE)
_PADDING = b"lorem ipsum dolor sit amet " * 2500
_RESPONSE = (
    b'"object":"response","created_at":1700000000,"error":null,"incomplete_details":null,"instructions":null,'
    b'"max_output_tokens":null,"model":"bench","parallel_tool_calls":true,"store":false,"text":{"format":{"type":"text"}}'
)
_ITEM = b'{"type":"message","id":"msg_1","role":"assistant","status":"%b","content":[%b]}'
_PART = b'{"type":"output_text","text":"%b","annotations":[]}'
_DELTA = (
    b'{"type":"response.output_text.delta","sequence_number":%d,"item_id":"msg_1","output_index":0,"content_index":0,'
    b'"delta":"@%020d@%b"}'
)
_DELTA_SIZE = 167
_BEGINNING = (
    (
        b"response.created",
        b'"response":{"id":"resp_1","status":"in_progress","output":[],"usage":null,' + _RESPONSE + b"}",
    ),
    (b"response.output_item.added", b'"output_index":0,"item":' + _ITEM % (b"in_progress", b"")),
    (b"response.content_part.added", b'"item_id":"msg_1","output_index":0,"content_index":0,"part":' + _PART % b""),
)
_USAGE = b'"usage":{"input_tokens":10,"output_tokens":10,"total_tokens":20}'
_DONE_ITEM = _ITEM % (b"completed", _PART % b"done")


class Stream:
    """The events of one answer, as fast as its shape and the reader allow."""

    def __init__(
        self, shape: Shape, connection: Connection, *, asked: int, sse: bool, done: Callable[[], None]
    ) -> None:
        self._shape = shape
        self._asked = asked
        self._connection = connection
        self._sse = sse
        self._done = done
        self._sum = 0
        self._sent = self._number = 0
        self._padding = _PADDING[: max(0, shape.size - _DELTA_SIZE - (44 if sse else 0))]
        self._due = asyncio.get_running_loop().time()

    def begin(self) -> None:
        """Write the events before the first delta."""
        for kind, fields in _BEGINNING:
            self._event(kind, b'{"type":"%b","sequence_number":%d,%b}' % (kind, self._next(), fields))
        if self._shape.gap_ms:
            self._later()
        else:
            self.go_on()

    def go_on(self) -> None:
        """Write what is due."""
        connection, shape = self._connection, self._shape
        while not connection.closed and not (connection.paused and not shape.gap_ms):
            if shape.cut and self._sent >= shape.cut:
                connection.transport.abort()
                return
            if self._sent >= shape.events:
                self._end()
                return
            connection.write(b"".join([self._delta() for _ in range(min(shape.batch, shape.events - self._sent))]))
            if shape.gap_ms:
                self._later()
                return

    def _later(self) -> None:
        loop = asyncio.get_running_loop()
        gap = self._shape.gap_ms / 1000
        # Somebody who was late does not make up for it in a burst.
        self._due = max(self._due + gap, loop.time() + gap / 4)
        loop.call_at(self._due, self.go_on)

    def _delta(self) -> bytes:
        self._sent += 1
        data = _DELTA % (self._next(), time.monotonic_ns(), self._padding)
        return self._framed(b"response.output_text.delta", data)

    def _end(self) -> None:
        item = b'{"type":"response.output_item.done","sequence_number":%d,"output_index":0,"item":%b}'
        self._event(b"response.output_item.done", item % (self._next(), _DONE_ITEM))
        last = (
            b'{"type":"response.completed","sequence_number":%d,"response":{"id":"resp_1","metadata":{"sums":"#%08x#%08x#"},'
            b'"status":"completed","output":[%b],%b,%b}}'
        )
        self._event(b"response.completed", last % (self._next(), self._sum, self._asked, _DONE_ITEM, _USAGE, _RESPONSE))
        self._connection.stream = None
        self._done()

    def _event(self, kind: bytes, data: bytes) -> None:
        self._connection.write(self._framed(kind, data))

    def _framed(self, kind: bytes, data: bytes) -> bytes:
        if not self._sse:
            self._sum = zlib.crc32(data, self._sum)
            return encode(data)
        data = b"event: %b\ndata: %b\n\n" % (kind, data)
        self._sum = zlib.crc32(data, self._sum)
        return b"%x\r\n%b\r\n" % (len(data), data)

    def _next(self) -> int:
        self._number += 1
        return self._number - 1


class Connection(asyncio.Protocol):
    """A client's connection: requests one after the other, or a WebSocket."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.closed = self.paused = False
        self.stream: Stream | None = None
        self._buffer = bytearray()
        self._wanted = 0
        self._messages: Decoder | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.stream is not None:
            self.stream.go_on()

    def write(self, data: bytes) -> None:
        if not self.closed:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self._messages is not None:
            for opcode, payload in self._messages.feed(data):
                self._message(opcode, payload)
            return
        self._buffer += data
        if self.stream is None and len(self._buffer) >= self._wanted:
            self._request()

    def _request(self) -> None:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(buffer[: end + 2])
        if (key := _KEY.search(head)) is not None:
            self.write(
                b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                b"sec-websocket-accept: %b\r\n\r\n" % accept_key(key[1])
            )
            self._messages = Decoder()
            del buffer[: end + 4]
            return
        found = _LENGTH.search(head)
        self._wanted = end + 4 + (int(found[1]) if found else 0)
        if len(buffer) < self._wanted:
            return
        body = bytes(buffer[end + 4 : self._wanted])
        del buffer[: self._wanted]
        self._wanted = 0
        self._answer(body, close=_CLOSE.search(head) is not None)

    def _answer(self, body: bytes, *, close: bool) -> None:
        shape = ordered(body)
        # What the proxy did to the request is judged by the client, who knows what it sent.
        asked = zlib.crc32(body)

        def done() -> None:
            if shape is not None and shape.events:
                self.write(b"0\r\n\r\n")
            if close:
                self.transport.close()
            elif self._buffer:
                self._request()

        if shape is None:
            self.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            done()
        elif not shape.events:
            padding = _PADDING[: max(0, shape.size - 500)]
            output = _ITEM % (b"completed", _PART % padding)
            json = b'{"id":"resp_1","status":"completed","output":[%b],%b,%b' % (output, _USAGE, _RESPONSE)
            json += b',"metadata":{"sums":"#%08x#%08x#"}}' % (zlib.crc32(json), asked)
            self.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(json), json)
            )
            done()
        else:
            self.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
                b"transfer-encoding: chunked\r\n\r\n"
            )
            self._begin(shape, asked, sse=True, done=done)

    def _message(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.write(encode(payload, opcode=PONG))
        elif opcode == CLOSE:
            self.write(encode(payload, opcode=CLOSE))
            self.transport.close()
        elif opcode == TEXT and (shape := ordered(payload)) is not None:
            self._begin(shape, zlib.crc32(payload), sse=False, done=lambda: None)

    def _begin(self, shape: Shape, asked: int, *, sse: bool, done: Callable[[], None]) -> None:
        self.stream = Stream(shape, self, asked=asked, sse=sse, done=done)
        self.stream.begin()


async def serve(port: int) -> None:
    """Answer on a loopback port until killed."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=2048)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
