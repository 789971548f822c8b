"""An MCP server over HTTP without the mcp package or a web framework: streamable HTTP and the old SSE transport."""

from __future__ import annotations

import asyncio
import gzip
import json
from types import TracebackType
from typing import Any


class Remote:
    """``url`` is the streamable endpoint, ``sse`` the old one. ``requests`` are (method, path, headers, message).

    What it does wrong: ``status`` for every request, ``forgotten`` for sessions that it does not know, ``packed``
    answers, ``big`` ones (bytes of a tool's text),
    ``elsewhere`` redirects to another origin. ``forget()`` forgets the sessions, ``stop()`` goes away and ``start()``
    comes back at the same port.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.status = 200
        self.forgotten = 404
        self.packed = False
        self.big = 0
        self.elsewhere = ""
        self.port = 0
        self.calls = asyncio.Event()
        self._sessions: set[str] = set()
        self._count = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._streams: dict[str, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def sse(self) -> str:
        return f"http://127.0.0.1:{self.port}/sse"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        self.forget()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self) -> None:
        self._sessions.clear()

    async def __aenter__(self) -> Remote:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        pairs = [line.partition(":") for line in head[1:] if line]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        message = json.loads(body) if body else None
        self.requests.append((method, path, headers, message))
        if self.elsewhere:
            return await self._answer(writer, 307, b"", location=self.elsewhere)
        if self.status != 200:
            return await self._answer(writer, self.status, b"")
        if path.startswith("/messages"):
            stream = self._streams.get(path.partition("=")[2])
            await self._answer(writer, 202 if stream else 404, b"")
            if stream and message and "id" in message and "method" in message:
                stream.write(b"event: message\ndata: " + json.dumps(self._said(message)).encode() + b"\n\n")
            return True
        if path.partition("?")[0] == "/sse":
            self._count += 1
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            writer.write(f"event: endpoint\ndata: /messages?sessionId={self._count}\n\n".encode())
            self._streams[str(self._count)] = writer
            await reader.read()
            return False
        return await self._streamable(writer, method, headers, message)

    async def _streamable(self, writer: asyncio.StreamWriter, method: str, headers: dict[str, str], said: Any) -> bool:
        if method == "GET":
            return await self._answer(writer, 405, b"")
        if method == "DELETE" or "id" not in said or "method" not in said:
            return await self._answer(writer, 202, b"")
        if said["method"] == "initialize":
            self._count += 1
            self._sessions.add(str(self._count))
            return await self._answer(
                writer, 200, json.dumps(self._said(said)).encode(), **{"mcp-session-id": str(self._count)}
            )
        if said["method"] == "server/discover":
            return await self._answer(writer, 200, json.dumps(self._said(said)).encode())
        if headers.get("mcp-session-id") not in self._sessions:
            return await self._answer(writer, self.forgotten, b"")
        if said["method"] == "tools/call" and said["params"]["name"] == "slow":
            self.calls.set()
            await asyncio.Event().wait()
        return await self._answer(writer, 200, json.dumps(self._said(said)).encode())

    def _said(self, message: Any) -> dict[str, Any]:
        method: str = message["method"]
        result: dict[str, Any] | None = None
        if method == "initialize":
            result = {
                "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                "serverInfo": {"name": "remote", "version": "1"},
            }  # fmt: skip
        elif method == "tools/list":
            result = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("echo", "slow")]}
        elif method == "tools/call":
            words = "x" * self.big if self.big else json.dumps(message["params"].get("arguments"))
            result = {"content": [{"type": "text", "text": words}]}
        if result is None:
            return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no such method"}}
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}

    async def _answer(self, writer: asyncio.StreamWriter, status: int, body: bytes, **headers: str) -> bool:
        if body:
            headers["content-type"] = "application/json"
        if self.packed and body:
            body = gzip.compress(body)
            headers["content-encoding"] = "gzip"
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        await writer.drain()
        return True
