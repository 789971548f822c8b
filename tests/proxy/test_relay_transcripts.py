"""What goes through the relay is in the transcript: both views, on both transports, and nothing that passes unread."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from codexplus_core import Exchange, LocalReply, Refusal, ToolCall, ToolResult, hookimpl
from codexplus_core.protocol.pieces import Growing, Pieces
from codexplus_core.services.config import Config
from codexplus_core.services.transcripts import Account, Transcripts
from codexplus_core.testing import Harness, call, cut, status, text

pytestmark = pytest.mark.transports("http", "websocket")
KEY = "AKIAQYLPMN5HHHFPZAM2"
SECRET = "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"


class Acts:
    """Answers, refuses, rewrites and adds a tool, by the words of the prompt."""

    @hookimpl
    def on_request(self, exchange: Exchange) -> Any:
        if exchange.prompt == "/ping":
            return LocalReply("pong")
        if exchange.prompt == "/stream":
            return LocalReply(pieces())
        if exchange.prompt == "/no":
            return Refusal("not here")
        if exchange.prompt == "rewrite":
            exchange.prompt = "rewritten"
            exchange.add_context("a hint")
        if exchange.prompt == "look it up":
            exchange.add_tool("lookup", "looks things up", {"type": "object", "properties": {}})
        return None

    @hookimpl
    def on_tool_use(self, call: ToolCall) -> ToolResult | None:
        return ToolResult("found it") if call.name == "lookup" else None


class Watches:
    """Reads no event and holds no call, so that answers come in runs."""

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        return None


async def pieces() -> AsyncIterator[str]:
    yield "one, "
    yield "two"


class Kept:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.events: list[str] = []
        report = lambda event, _fields: self.events.append(event)  # noqa: E731
        self.transcripts = Transcripts(home, config=Config(None), report=report)

    async def lines(self) -> list[dict[str, Any]]:
        """Every exchange, by the order in which they ended."""
        await self.transcripts.flush()
        found = [json.loads(line) for path in self.home.rglob("*.jsonl") for line in path.read_bytes().splitlines()]
        return sorted(found, key=lambda line: str(line["at"]))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "home")


def words(items: list[dict[str, Any]]) -> list[str]:
    parts = [part for item in items for part in item.get("content") or []]
    return [part["text"] for part in parts if isinstance(part, dict) and "text" in part]


@pytest.mark.req("T1")
@pytest.mark.parametrize("plugin", [Acts, Watches])
async def test_a_turn_is_kept_with_both_views_and_only_what_is_new(kept: Kept, plugin: type) -> None:
    async with Harness([plugin()], script=[text("hello"), text("again")], transcripts=kept.transcripts) as proxy:
        await proxy.say("first")
        await proxy.say("second")
        first, second = await kept.lines()

        assert (first["prompt"], words(first["shown"])) == ("first", ["hello"])
        assert words(first["model"]["items"])[-1] == "first"
        assert first["outcome"]["usage"]["total_tokens"] > 0 and first["outcome"]["error"] is None
        assert (first["session"], first["origin"]) == (proxy.codex.thread.session, "user")
        assert first["transport"] == proxy.transport
        assert words(second["model"]["items"]) == ["hello", "second"]
        assert second["model"]["from"] == len(first["model"]["items"])


async def test_what_the_user_typed_and_what_the_model_was_sent_may_differ(kept: Kept) -> None:
    async with Harness([Acts()], script=[text("hello")], transcripts=kept.transcripts) as proxy:
        await proxy.say("rewrite")
        (line,) = await kept.lines()

    assert line["prompt"] == "rewrite"
    assert words(line["model"]["items"])[-2:] == ["rewritten", "a hint"]


@pytest.mark.parametrize(
    ("prompt", "shown", "by"),
    [("/ping", ["pong"], "local"), ("/stream", ["one, two"], "local"), ("/no", [], "refused")],
)
async def test_an_answer_from_here_is_kept_and_the_model_is_not_named(
    kept: Kept, prompt: str, shown: list[str], by: str
) -> None:
    async with Harness([Acts()], script=[text("hello")], transcripts=kept.transcripts) as proxy:
        await proxy.say(prompt)
        await proxy.say("more")
        line, more = await kept.lines()

    assert (line["prompt"], words(line["shown"]), line["model"]) == (prompt, shown, None)
    assert line["outcome"]["answered_by"] == by
    assert ("not here" in json.dumps(line["shown"])) == (by == "refused")
    assert prompt not in words(more["model"]["items"])


async def test_a_hidden_round_is_in_the_models_view_and_not_in_what_was_shown(kept: Kept) -> None:
    script = [call("lookup", {}), text("it is here")]
    async with Harness([Acts()], script=script, transcripts=kept.transcripts) as proxy:
        await proxy.say("look it up")
        (line,) = await kept.lines()

    assert words(line["shown"]) == ["it is here"]
    assert [item.get("output") for item in line["model"]["added"]][1] == "found it"
    assert (line["model"]["tools"], line["outcome"]["rounds"]) == (["lookup"], 2)


async def test_a_tools_output_is_kept_as_new_input(kept: Kept) -> None:
    script = [call("exec_command", {"cmd": "ls"}), text("done")]
    async with Harness([Watches()], script=script, transcripts=kept.transcripts) as proxy:
        await proxy.say("list")
        await proxy.tool_outputs("a.txt")
        asked, answered = await kept.lines()

    assert [item["type"] for item in asked["shown"]] == ["function_call"]
    assert (answered["prompt"], answered["origin"]) == (None, "tool")
    assert answered["model"]["items"][-1]["output"] == "a.txt"


@pytest.mark.abuse("E10")
async def test_secrets_of_either_side_and_of_the_head_are_not_in_the_file(kept: Kept) -> None:
    script = [call("exec_command", {"cmd": f"echo {KEY}"}), text(f"it is {KEY}")]
    async with Harness([Acts()], script=script, transcripts=kept.transcripts) as proxy:
        await proxy.say(f"use {KEY}")
        await proxy.tool_outputs(f"AWS_SECRET_ACCESS_KEY={SECRET}")
        await kept.lines()
        secrets = [
            value.decode().removeprefix("Bearer ")
            for name, value in proxy.codex.say("x").headers
            if name.lower() in (b"authorization", b"chatgpt-account-id")
        ]

    data = b"".join(path.read_bytes() for path in kept.home.rglob("*") if path.is_file())
    assert b"[REDACTED:" in data and secrets
    assert [found for found in (KEY, SECRET, *secrets) if found.encode() in data] == []


async def test_a_retry_adds_nothing_to_what_was_typed_and_sent(kept: Kept) -> None:
    async with Harness([Acts()], script=[cut(2, text("hello")), text("hello")], transcripts=kept.transcripts) as proxy:
        await proxy.say("hi")
        await proxy.retry()
        broken, again = await kept.lines()

    assert (broken["prompt"], broken["outcome"]["error"]) == ("hi", "cut")
    assert (again["prompt"], again["outcome"]["error"], words(again["shown"])) == (None, None, ["hello"])
    assert again["model"]["items"] == []


async def test_a_failure_of_the_upstream_is_kept_as_the_user_saw_it(kept: Kept) -> None:
    async with Harness(
        [Acts()], script=[status(429, {"error": {"message": "slow down"}})], transcripts=kept.transcripts
    ) as proxy:
        await proxy.say("hi")
        (line,) = await kept.lines()

    assert "slow down" in json.dumps(line["shown"])
    assert (line["outcome"]["status"], line["outcome"]["error"]) == (429, "failed")


async def test_with_no_plugin_nothing_is_read_and_nothing_kept(kept: Kept) -> None:
    async with Harness([], script=[text("hello")], transcripts=kept.transcripts) as proxy:
        await proxy.say("hi")

        assert await kept.lines() == []
    assert not kept.home.exists()


async def test_switched_off_nothing_is_kept(tmp_path: Path) -> None:
    off = Config(None, {"transcripts": {"enabled": False}})
    transcripts = Transcripts(tmp_path / "home", config=off)
    async with Harness([Acts()], script=[text("hello")], transcripts=transcripts) as proxy:
        await proxy.say("hi")
        await transcripts.flush()

    assert not (tmp_path / "home").exists()


async def test_threads_of_one_session_share_its_file_and_do_not_mix(kept: Kept) -> None:
    script = [text(f"answer {number}") for number in range(3)]
    async with Harness([Acts()], script=script, transcripts=kept.transcripts) as proxy:
        await proxy.say("hi")
        agent, request = proxy.codex.subagent("look around")
        await proxy.send(request, agent)
        await proxy.say("and now")
        lines = await kept.lines()

    assert len({line["thread"] for line in lines}) == 2
    assert len(list(kept.home.rglob("*.jsonl"))) == 1
    assert words(lines[-1]["model"]["items"]) == ["answer 0", "and now"]


async def test_sessions_at_once_have_files_of_their_own(kept: Kept) -> None:
    async def one(number: int) -> None:
        script = [text(f"answer {number}.{turn}") for turn in range(5)]
        async with Harness([Acts()], script=script, transcripts=kept.transcripts) as proxy:
            proxy.codex.thread.session = proxy.codex.thread.thread = f"session-{number}"
            for turn in range(5):
                await proxy.say(f"prompt {number}.{turn}")

    # The proxies end their transcripts with themselves, so this one must outlive them.
    close, kept.transcripts.close = kept.transcripts.close, lambda: None  # type: ignore[method-assign]
    await asyncio.gather(*(one(number) for number in range(8)))
    lines = await kept.lines()
    close()

    for number in range(8):
        mine = [line for line in lines if line["session"] == f"session-{number}"]
        assert [line["prompt"] for line in mine] == [f"prompt {number}.{turn}" for turn in range(5)]
        assert [words(line["shown"]) for line in mine] == [[f"answer {number}.{turn}"] for turn in range(5)]


async def test_what_waits_is_written_when_the_proxy_stops(kept: Kept) -> None:
    async with Harness([Acts()], script=[text("hello")], transcripts=kept.transcripts) as proxy:
        await proxy.say("hi")

    (path,) = kept.home.rglob("*.jsonl")
    assert json.loads(path.read_bytes())["prompt"] == "hi"


async def test_a_folder_that_cannot_be_written_to_costs_no_answer(kept: Kept) -> None:
    kept.home.mkdir(parents=True)
    (kept.home / "sessions").write_text("a file")
    async with Harness([Acts()], script=[text("hello")], transcripts=kept.transcripts) as proxy:
        reply = await proxy.say("hi")
        await kept.transcripts.flush()

    assert reply.text == "hello"
    assert kept.events == ["transcript_unusable"]


async def test_a_huge_answer_is_bounded_and_says_so(kept: Kept) -> None:
    huge = "word " * 100_000
    async with Harness([Watches()], script=[text(huge, chunk=50_000)], transcripts=kept.transcripts) as proxy:
        reply = await proxy.say("hi")
        (line,) = await kept.lines()

    assert reply.text == huge
    assert f"[cut: {len(huge)} characters in all]" in words(line["shown"])[0]
    assert len(json.dumps(line)) < 200_000


async def test_what_waits_to_be_written_keeps_no_text_that_was_sent(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts: list[Account] = []
    monkeypatch.setattr(kept.transcripts, "keep", accounts.append)
    async with Harness([Acts()], transcripts=kept.transcripts) as proxy:
        await proxy.say("rewrite")

    sent = [account.sent for account in accounts if account.typed == "rewrite"]
    assert [type(pieces) for pieces in sent] == [Pieces]
    assert not [one for one in gc.get_referents(*sent) if isinstance(one, Growing)]
