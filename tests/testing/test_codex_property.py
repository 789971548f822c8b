"""Whatever a user does, a modelled Codex without a proxy sends only what the strict upstream takes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codexplus_core.proxy.transport import UpstreamCut
from codexplus_core.testing.codex import CodexClient
from codexplus_core.testing.codex_answers import Seen
from codexplus_core.testing.codex_requests import ClientRequest
from codexplus_core.testing.script import Answer, call, custom_call, failed, reasoning, shell, text
from codexplus_core.testing.upstream import StrictUpstream

PARTS = {
    "text": text("Some words"),
    "commentary": text("Looking.", phase="commentary"),
    "shell": shell("ls"),
    "call": call("update_plan", {"plan": []}),
    "custom": custom_call("apply_patch", "*** Begin Patch"),
    "thought": reasoning() + text("Thought about it"),
    "thought-call": reasoning() + shell("pwd"),
}

ANSWERS = st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=4)
OPERATIONS = st.sampled_from(["say", "say", "resume", "fork", "compact", "backtrack", "title", "subagent", "review"])
ENDS = st.one_of(st.just(("whole", 0)), st.tuples(st.sampled_from(["cut", "interrupt"]), st.integers(1, 30)))


class Talk:
    """One user at one Codex in front of one upstream."""

    def __init__(self, version: str, auth: Any) -> None:
        self.upstream = StrictUpstream()
        self.client = CodexClient(version, auth)
        self.said = 0

    async def ask(self, request: ClientRequest, *, leave: int = 0, client: CodexClient | None = None) -> Seen:
        client = client or self.client
        answer = await self.upstream.open(request.to("http://upstream.test"))
        count = 0
        broken = False
        whole = b""
        try:
            while data := await answer.read():
                client.feed(data)
                whole += data
                count += 1
                if leave and count >= leave:
                    answer.close()
                    client.interrupt()
                    return Seen(error="interrupted")
        except UpstreamCut:
            broken = True
        if request.path.endswith("/compact"):
            client.compacted(whole)
            return Seen(completed=True)
        return client.finish(cut=broken, status=answer.status)

    async def turn(self, answers: list[list[str]], end: tuple[str, int]) -> None:
        self.said += 1
        request = self.client.say(f"prompt {self.said}")
        for index, names in enumerate(answers):
            made = Answer()
            for name in names:
                made = made + PARTS[name]
            how, where = end if index == len(answers) - 1 else ("whole", 0)
            self.upstream.script = [made.cut(where) if how == "cut" else made]
            seen = await self.ask(request, leave=where if how == "interrupt" else 0)
            if seen.error == "interrupted":
                return
            if seen.retries:
                seen = await self.ask(self.client.retry())
            if not self.client.open_calls:
                return
            request = self.client.outputs("done")
        self.upstream.script = [text("Done.")]
        await self.ask(request)

    async def run(self, operation: str, answers: list[list[str]], end: tuple[str, int]) -> None:
        if operation == "say" or not self.said:
            await self.turn(answers, end)
        elif operation == "resume" and self.client.version.resumes:
            self.client = self.client.resume()
        elif operation == "fork":
            self.client = self.client.fork()
        elif operation == "compact":
            await self.ask(self.client.compact())
        elif operation == "backtrack" and self.client.turns:
            self.client.backtrack()
        elif operation == "title" and self.client.version.lite:
            await self.ask(self.client.title_request("x"), client=CodexClient())
        elif operation == "review" and self.client.version.lite:
            child, request = self.client.review()
            await self.ask(request, client=child)
        elif operation == "subagent" and self.client.version.lite:
            self.upstream.script = [reasoning() + call("spawn_agent", {"task_name": "a"}, "collaboration")]
            await self.ask(self.client.say("spawn"))
            child, request = self.client.subagent("task")
            await self.ask(request, client=child)
            await self.ask(self.client.outputs("{}"))


@pytest.mark.parametrize("auth", ["api", "chatgpt"])
@pytest.mark.parametrize("version", ["0.29.0", "0.60.1", "0.98.0", "0.120.0", "0.169.0"])
@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.tuples(OPERATIONS, st.lists(ANSWERS, min_size=1, max_size=3), ENDS), min_size=1, max_size=6))
def test_a_conversation_without_a_proxy_is_always_legal(
    version: str, auth: str, steps: list[tuple[str, list[list[str]], tuple[str, int]]]
) -> None:
    talk = Talk(version, auth)

    async def converse() -> None:
        for operation, answers, end in steps:
            await talk.run(operation, answers, end)
        await talk.turn([["text"]], ("whole", 0))

    asyncio.run(converse())

    assert [illegal.message for illegal in talk.upstream.illegal] == []


async def test_a_refused_prompt_is_not_tried_again() -> None:
    talk = Talk("0.169.0", "api")
    talk.upstream.script = [failed("invalid_prompt", "No.")]

    seen = await talk.ask(talk.client.say("bad"))

    assert seen.error == "No." and not seen.retries
