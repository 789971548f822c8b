"""Requests for the tests of the upstream, and reading its answers."""

from __future__ import annotations

from codexplus_core.proxy.transport import Answer, Headers, UpstreamRequest


def post(url: str, body: bytes | memoryview | None = b"{}", headers: Headers | None = None) -> UpstreamRequest:
    return UpstreamRequest("POST", url, headers or [], body)


async def rest(answer: Answer) -> bytes:
    parts = []
    while data := await answer.read():
        parts.append(data)
    return b"".join(parts)
