"""Whatever a user does, what Codex sends on WebSockets is legal and stands for its whole view."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codexplus_core.testing import CodexClient, CodexSocket, StrictUpstream
from codexplus_core.testing.codex_requests import ClientRequest
from codexplus_core.testing.script import Answer, call, failed, reasoning, shell, text

PARTS = {
    "text": text("Some words"),
    "shell": shell("ls"),
    "call": call("update_plan", {"plan": []}),
    "thought": reasoning() + text("Thought about it"),
    "thought-call": reasoning() + shell("pwd"),
}
ANSWERS = st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=3)
OPERATIONS = st.sampled_from(["say", "say", "say", "resume", "fork", "compact", "backtrack", "close"])
ENDS = st.sampled_from(["whole", "whole", "cut", "close", "interrupt", "failed"])


class Talk:
    """One user at one Codex that speaks over WebSockets."""

    def __init__(self, version: str, auth: Any) -> None:
        self.upstream = StrictUpstream()
        self.sockets: list[CodexSocket] = []
        self.said = 0
        self.use(CodexClient(version, auth))

    def use(self, client: CodexClient) -> None:
        self.client = client
        self.sockets.append(CodexSocket(client, lambda asked: self.upstream.connect(asked.to("http://upstream.test"))))

    async def ask(self, request: ClientRequest, *, interrupt: bool = False) -> Any:
        socket = self.sockets[-1]
        asking = asyncio.ensure_future(socket.send(request))
        if interrupt:
            await self.upstream.standing_at(f"gate{self.said}")
            socket.interrupt()
        reply = await asking
        if reply is None:
            answer = await self.upstream.open(request.to("http://upstream.test"))
            self.client.compacted(await answer.read())
            return None
        assert brief(self.upstream.turns[-1].conversation) == brief(request.json["input"])
        return None if interrupt else reply

    async def turn(self, answers: list[list[str]], end: str, where: int) -> None:
        self.said += 1
        request = self.client.say(f"prompt {self.said}")
        for index, names in enumerate(answers):
            made = Answer()
            for name in names:
                made = made + PARTS[name]
            how = end if index == len(answers) - 1 else "whole"
            shape = {
                "whole": made, "cut": made.cut(where), "close": made.cut(where, "close"),
                "interrupt": made.stall(f"gate{self.said}", min(where, 2)), "failed": failed("server_error", "boom"),
            }  # fmt: skip
            self.upstream.script = [shape[how]]
            reply = await self.ask(request, interrupt=how == "interrupt")
            if reply is None:
                return
            if reply.seen.retries:
                self.upstream.script = [text("At last.")]
                await self.ask(self.client.retry())
            if not self.client.open_calls:
                return
            request = self.client.outputs("done")
        self.upstream.script = [text("Done.")]
        await self.ask(request)

    async def run(self, operation: str, answers: list[list[str]], end: str, where: int) -> None:
        if operation == "say" or not self.said:
            await self.turn(answers, end, where)
        elif operation == "resume":
            self.use(self.client.resume())
        elif operation == "fork":
            self.use(self.client.fork())
        elif operation == "compact":
            await self.ask(self.client.compact())
        elif operation == "backtrack" and self.client.turns:
            self.client.backtrack()
        elif operation == "close" and self.sockets[-1].connected:
            self.upstream.connections[-1].close(1001, "restart")
            await self.sockets[-1].disconnected()

    async def leave(self) -> None:
        for socket in self.sockets:
            await socket.close()
        await self.upstream.aclose()


def brief(items: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(item["type"], item.get("role"), item.get("call_id"), words(item)) for item in items]


def words(item: dict[str, Any]) -> str:
    if item["type"] == "reasoning":
        return str(item["encrypted_content"])
    return "".join(part.get("text", "") for part in item.get("content") or [])


@pytest.mark.parametrize("auth", ["api", "chatgpt"])
@pytest.mark.parametrize("version", ["0.120.0", "0.169.0"])
@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(
        st.tuples(OPERATIONS, st.lists(ANSWERS, min_size=1, max_size=3), ENDS, st.integers(1, 30)),
        min_size=1,
        max_size=6,
    )
)
def test_a_conversation_over_websockets_is_legal_and_whole(
    version: str, auth: str, steps: list[tuple[str, list[list[str]], str, int]]
) -> None:
    talk = Talk(version, auth)

    async def converse() -> None:
        async with asyncio.timeout(30):
            for step in steps:
                await talk.run(*step)
            await talk.turn([["text"]], "whole", 1)
            await talk.leave()

    asyncio.run(converse())

    assert [illegal.message for illegal in talk.upstream.illegal] == []
