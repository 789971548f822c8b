"""CodexSocket sends on a WebSocket what the real versions of Codex were recorded to send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.testing import CodexClient, CodexSocket, Reply, StrictUpstream
from codexplus_core.testing.codex_requests import ClientRequest
from codexplus_core.testing.reply import Received
from codexplus_core.testing.script import Answer, cut, failed, reasoning, shell, status, text

RECORDINGS = Path(__file__).parent.parent / "compat" / "websocket"

LIMITED = {"error": {"message": "slow", "type": "rate_limit_exceeded", "code": "rate_limit_exceeded"}}
BAD = {"error": {"message": "bad", "type": "invalid_request_error", "code": None, "param": None}}
SCRIPTS: dict[str, list[Answer]] = {
    "tools": [reasoning() + shell("echo one"), shell("echo two") + shell("echo three"), text("done")],
    "resume": [text("second answer")],
    "cut-in-text": [cut(6), text("third")],
    "cut-after-call": [replace(shell("echo four"), chunk=10_000).cut(6), text("fourth")],
    "failed": [failed("server_error", "boom"), text("after failed")],
    "error-429": [shell("echo y"), status(429, LIMITED)],
    "error-400": [status(400, BAD)],
    "close": [shell("echo z"), cut(4, how="close"), text("after close")],
    "invalid": [failed("invalid_prompt", "no way")],
}
# In the recorded compaction the turn goes on by itself; the model compacts between turns (see below).
LEFT_OUT = ("compact", "invalid")
# Said by the real one only, about a feature that the model does not have.
UNMODELLED = {"node_repl_auto_review_required", "node_repl_disabled", "workspaces"}


def recording(name: str) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    for step in kept["steps"]:
        for entry in [*step["handshakes"], *step["requests"]]:
            entry |= kept["shapes"][entry.pop("shape")] if "shape" in entry else {}
    return kept


def kinds(items: list[dict[str, Any]]) -> list[str]:
    return [item["type"] + (f":{item['role']}" if "role" in item else "") for item in items]


def compare_handshake(sent: ClientRequest, recorded: Mapping[str, Any]) -> None:
    names = [name.decode() for name, _ in sent.headers]
    headers = {name: value.decode() for name, value in sent.headers}
    metadata = json.loads(headers[b"x-codex-turn-metadata"])
    assert names[:4] == recorded["headers"][1:5] and names[-1] == recorded["headers"][-1]
    assert set(names) == set(recorded["headers"]) - {"Host"}
    assert headers[b"openai-beta"] == recorded["beta"]
    assert headers[b"sec-websocket-extensions"] == recorded["extensions"]
    compare_metadata(metadata, recorded)
    assert bool(metadata["turn_id"]) == recorded["turn"]


def compare_message(sent: Received, recorded: Mapping[str, Any]) -> None:
    assert list(sent.body) == recorded["fields"]
    assert sorted(sent.body["client_metadata"]) == recorded["notes"]
    assert kinds(sent.body["input"]) == recorded["input"]
    compare_metadata(json.loads(sent.body["client_metadata"]["x-codex-turn-metadata"]), recorded)


def compare_metadata(metadata: dict[str, Any], recorded: Mapping[str, Any]) -> None:
    assert metadata.get("request_kind") == recorded["kind"]
    assert set(metadata) - UNMODELLED == set(recorded["metadata"]) - UNMODELLED


class Session:
    """A modelled Codex before a scripted upstream, prompt after prompt in a new process."""

    def __init__(self, version: str, auth: Any) -> None:
        self.upstream = StrictUpstream()
        self.client = CodexClient(version, auth)
        self.prompts = 0

    async def prompt(self, script: list[Answer]) -> tuple[list[ClientRequest], list[Received]]:
        self.upstream.script = list(script)
        before = len(self.upstream.requests)
        if self.prompts:
            self.client = self.client.resume()
        self.prompts += 1
        socket = CodexSocket(self.client, lambda asked: self.upstream.connect(asked.to("http://upstream.test")))
        request: ClientRequest | None = self.client.say(f"prompt {self.prompts}")
        while request is not None:
            reply = await socket.send(request)
            assert reply is not None
            request = self._next(reply)
        await socket.close()
        return socket.handshakes, self.upstream.requests[before:]

    def _next(self, reply: Reply) -> ClientRequest | None:
        if reply.seen.retries:
            return self.client.retry()
        return self.client.outputs("ok") if self.client.open_calls else None


@pytest.mark.parametrize("name", ["0.120.0-api", "0.120.0-chatgpt", "0.169.0-api", "0.169.0-chatgpt"])
async def test_a_modelled_codex_sends_on_a_websocket_what_the_recorded_one_sent(name: str) -> None:
    kept = recording(name)
    session = Session(kept["codex"], kept["auth"])
    async with asyncio.timeout(20):
        for step in kept["steps"]:
            if step["step"] in LEFT_OUT:
                continue

            handshakes, messages = await session.prompt(SCRIPTS[step["step"]])

            assert [got.answer[-1] for got in messages] == [got["end"] for got in step["requests"]], step["step"]
            for sent, recorded in zip(handshakes, step["handshakes"], strict=True):
                compare_handshake(sent, recorded)
            for message, recorded in zip(messages, step["requests"], strict=True):
                compare_message(message, recorded)
            assert [got["connection"] for got in step["requests"]] == places([got.connection for got in messages])
            assert [got["follows"] for got in step["requests"]] == followed(session.upstream, messages)
        await session.upstream.aclose()
    assert session.upstream.illegal == []


def places(connections: list[Any]) -> list[int]:
    order = list(dict.fromkeys(connections))
    return [order.index(connection) for connection in connections]


def followed(upstream: StrictUpstream, messages: list[Received]) -> list[int | None]:
    """For each message the index of the one whose response it follows."""
    made: dict[str, int] = {}
    for identity, chain in upstream.chains.items():
        for index, got in enumerate(messages):
            if got.conversation == chain.items and got.connection is chain.connection:
                made[identity] = index
    previous = [got.body.get("previous_response_id") for got in messages]
    return [None if name is None else made[name] for name in previous]


@pytest.mark.parametrize(("name", "connection"), [("0.120.0-api", 1), ("0.169.0-api", 0)])
async def test_after_a_compaction_the_whole_view_follows_nothing(name: str, connection: int) -> None:
    kept = recording(name)
    recorded = next(step["requests"][-1] for step in kept["steps"] if step["step"] == "compact")
    upstream = StrictUpstream()
    client = CodexClient(kept["codex"], kept["auth"])
    socket = CodexSocket(client, lambda asked: upstream.connect(asked.to("http://upstream.test")))

    async with asyncio.timeout(60):
        await socket.send(client.say("one"))
        asked = client.compact()
        if await socket.send(asked) is None:
            answer = await upstream.open(asked.to("http://upstream.test"))
            client.compacted(await answer.read())
        await socket.send(client.say("two"))
        await socket.close()

    last = upstream.requests[-1]
    assert "previous_response_id" not in last.body and recorded["follows"] is None
    assert upstream.connections.index(last.connection) == recorded["connection"] == connection  # type: ignore[arg-type]
    assert kinds(last.body["input"])[-1] == "message:user" and "compaction" in kinds(last.body["input"])
    assert upstream.illegal == []
    await upstream.aclose()
