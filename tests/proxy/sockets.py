"""A client that says what it likes on a WebSocket of the harness."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable
from typing import Any

from codexplus_core.testing import CodexClient, CodexSocket, Harness
from codexplus_core.testing.asgi_socket import Refusal
from codexplus_core.testing.codex_messages import handshake, message
from codexplus_core.testing.codex_requests import ClientRequest
from codexplus_core.testing.frames import Frames, agreed_deflate

ENDS = ("response.completed", "response.failed", "response.incomplete", "error")
Message = dict[str, Any]


def compact(value: Any) -> bytes:
    """JSON as Codex writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def without_deflate(proxy: Harness) -> None:
    """Let the harness's own Codex offer no compression."""
    proxy._sockets[id(proxy.codex)] = CodexSocket(proxy.codex, proxy._connect, deflate=False)


class Talker:
    """One connection, and whatever a test sends on it."""

    def __init__(self, headers: list[tuple[bytes, bytes]], frames: Frames, request: ClientRequest) -> None:
        self.headers = headers
        self.frames = frames
        self.request = request
        """The request whose handshake this was."""

    def create(self, items: Iterable[Message] | None = None, previous: str | None = None) -> Message:
        """That request as a message, with other items or a response to go on from."""
        given = self.request.json["input"] if items is None else list(items)
        return message(self.request, given, previous, now_ms=0)

    def send(self, said: Message | bytes) -> None:
        """Send a message."""
        self.frames.send(said if isinstance(said, bytes) else compact(said))

    async def answer(self) -> list[Message]:
        """All messages up to one that ends an answer; what came before the end where the other side left."""
        got: list[Message] = []
        while (data := await self.frames.receive()) is not None:
            got.append(json.loads(data))
            if got[-1]["type"] in ENDS:
                break
        return got

    async def ask(self, said: Message | bytes) -> list[Message]:
        """Send a message and read its answer."""
        self.send(said)
        return await self.answer()

    async def end(self) -> tuple[int, str] | None:
        """Read until the other side has left; the code and reason of its close frame, None where it sent none."""
        try:
            while await self.frames.receive() is not None:
                pass
        except ConnectionError:
            return None
        return self.frames.left


async def refusal(proxy: Harness, path: str = "/v1/responses", codex: CodexClient | None = None) -> Refusal:
    """The answer to a handshake that is refused."""
    answer = await _dial(proxy, path, codex or proxy.codex)
    assert isinstance(answer[1], Refusal)
    return answer[1]


async def dial(
    proxy: Harness, *, deflate: bool = True, codex: CodexClient | None = None, without: Collection[bytes] = ()
) -> Talker:
    """A connection on which nothing was said yet; ``without`` some of the header lines of Codex's handshake."""
    request, answer = await _dial(proxy, "/v1/responses", codex or proxy.codex, deflate=deflate, without=without)
    assert not isinstance(answer, Refusal), answer.status
    given = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    frames = Frames(answer.socket, client=True, deflate=agreed_deflate(given.get("sec-websocket-extensions")))
    return Talker(answer.headers, frames, request)


async def _dial(
    proxy: Harness, path: str, codex: CodexClient, *, deflate: bool = True, without: Collection[bytes] = ()
) -> tuple[ClientRequest, Any]:
    request = codex.say("hello")
    key = base64.b64encode(b"k" * 16).decode()
    asked = handshake(request, key=key, warming=True, deflate=deflate)
    headers = [line for line in asked.headers if line[0].lower() not in without]
    return request, await proxy._connect(ClientRequest("GET", path, headers, b"", {}))
