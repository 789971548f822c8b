"""A world for property tests: a plugin that edits all it can, a model with a plan, and a Codex between two views."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from codexplus_core import Exchange, LocalReply, Refusal, ToolCall, ToolResult, hookimpl
from codexplus_core.services.store import SQLiteStore
from codexplus_core.testing import (
    Answer,
    CodexClient,
    Gate,
    Harness,
    Reply,
    StrictUpstream,
    call,
    reasoning,
    shell,
    text,
)
from codexplus_core.testing.codex_requests import ClientRequest

VERSIONS = ("0.29.0", "0.60.1", "0.98.0", "0.120.0", "0.169.0")
CLIENT = "ONLYCLIENT"
"""A word that must never reach the model."""
MODEL = "ONLYMODEL"
"""A word that must never reach the client."""

FLAGS = ("rewrite", "local", "stream", "refuse", "context", "attach", "model", "goon", "gone")
STEPS = ("think", "hidden", "pair", "mixed", "shell", "deny", "change", "late")

Item = dict[str, Any]


def typed(number: int, flags: tuple[str, ...], steps: tuple[str, ...]) -> str:
    """A prompt that says by itself what the plugin and the model will do about it."""
    secret = f" {CLIENT}" if {"rewrite", "local", "stream", "refuse"} & set(flags) else ""
    return f"prompt {number} flags={','.join(flags)} plan={','.join(steps)};{secret}"


class Editor:
    """Changes whatever a plugin can change, by what the prompt says.

    With ``gone`` the upstream ends its WebSockets while the plugin is asked about the prompt, and about each call.
    """

    def __init__(self, upstream: StrictUpstream) -> None:
        self._upstream = upstream
        self._gone = False
        self.prompts: list[str] = []
        self.calls: Counter[str] = Counter()
        self.results: Counter[tuple[str, str]] = Counter()
        self.going_on: set[str] = set()

    async def _end_connections(self) -> None:
        for connection in self._upstream.connections:
            if not connection.over.is_set():
                connection.close(1001, "going away")
                await connection.over.wait()

    @hookimpl
    async def on_request(self, exchange: Exchange) -> LocalReply | Refusal | None:
        if exchange.turn.origin in ("user", "tool"):
            exchange.add_tool("plus", "adds", {"type": "object", "properties": {"stage": {"type": "integer"}}})
        words = exchange.prompt
        if words is None:
            return None
        self.prompts.append(words)
        flags = words.partition("flags=")[2].partition(" ")[0].split(",")
        self._gone = "gone" in flags
        if self._gone:
            await self._end_connections()
        if "local" in flags:
            return LocalReply(f"here is the answer, {CLIENT}")
        if "stream" in flags:
            return LocalReply(_pieces())
        if "refuse" in flags:
            return Refusal(f"no, {CLIENT}")
        if "rewrite" in flags:
            exchange.prompt = words.replace(CLIENT, MODEL)
        if "context" in flags:
            exchange.add_context(f"context of {MODEL}")
        if "attach" in flags:
            exchange.attach(f"attached {MODEL}")
            exchange.attach_image("image/png", b"png")
        if "model" in flags:
            exchange.model = "another-model"
        if "goon" in flags:
            self.going_on.add(exchange.session.thread_id)
        return None

    @hookimpl
    async def on_tool_use(self, call: ToolCall) -> ToolCall | Refusal | ToolResult | None:
        self.calls[call.id] += 1
        if self._gone:
            await self._end_connections()
        words = json.dumps(call.arguments)
        if call.name == "plus":
            return ToolResult(f"sum of {words} {MODEL}")
        if "deny" in words:
            return Refusal(f"denied {MODEL}")
        if "change" in words:
            if isinstance(call.arguments, str):
                return call.replace(arguments=f"text('{CLIENT}')")
            return call.replace(arguments={key: [CLIENT] for key in call.arguments})
        return None

    @hookimpl
    def on_tool_result(self, exchange: Exchange, call: ToolCall, result: ToolResult) -> ToolResult | None:
        self.results[exchange.session.thread_id, call.id] += 1
        return ToolResult(result.text.replace(CLIENT, MODEL)) if CLIENT in result.text else None

    @hookimpl
    def on_turn_end(self, exchange: Exchange) -> str | None:
        if exchange.session.thread_id in self.going_on:
            self.going_on.discard(exchange.session.thread_id)
            return f"go on {MODEL}"
        return None


async def _pieces() -> AsyncIterator[str]:
    for piece in ("here is ", "a streamed answer, ", CLIENT):
        yield piece


def _plan(items: list[Item]) -> tuple[list[str], int]:
    plan: list[str] = []
    stage = 0
    for item in items:
        words = json.dumps(item)
        if item.get("role") == "user":
            plan = words.partition("plan=")[2].partition(";")[0].split(",") if "plan=" in words else []
            stage = 0
        elif "call_id" in item and "stage" in words:
            stage = max(stage, 1 + int("".join(filter(str.isdigit, words.partition("stage")[2][:6]))))
    return plan, stage


def model(request: Item, items: list[Item]) -> Answer:
    """What the model answers: the next step of the plan in the newest user message, by what has been done of it."""
    plan, stage = _plan(items)
    offered = json.dumps([request.get("tools"), [item for item in items if "tools" in item]])
    step = plan[stage] if stage < len(plan) and '"plus"' in offered else ""
    hidden = call("plus", {"stage": stage, "by": MODEL})
    # Every stage has a call that carries its number, so the plan goes on from what the model is sent.
    match step:
        case "think":
            return reasoning() + hidden
        case "hidden":
            return hidden
        case "pair":
            return reasoning() + hidden + call("plus", {"stage": stage, "by": "me"})
        case "mixed":
            return hidden + shell(f"stage{stage} ls") + call("plus", {"stage": stage, "by": "me"})
        case "shell":
            return reasoning() + shell(f"stage{stage} ls")
        case "deny":
            return shell(f"stage{stage} deny")
        case "change":
            return text("Let me look.") + shell(f"stage{stage} change")
        case "late":
            return text("Let me add.") + hidden
    return text(f"The answer to plan {','.join(plan)}")


class World:
    """One user, one thread (and what grows out of it), one proxy that can be restarted."""

    def __init__(self, version: str, folder: Path) -> None:
        self.path = folder / "state.db"
        self.codex = CodexClient(version)
        self.upstream = StrictUpstream(default=self._answer)
        self.plugin = Editor(self.upstream)
        self.said: list[str] = []
        self.lineage: list[tuple[list[Item], list[Item]]] = []
        self.last: Reply | None = None
        self.read_since_start = False
        self.threads: set[str] = set()
        self._repeats = False
        self.titled: tuple[str, str] | None = None
        self._gates = 0
        self._cut: int | None = None
        self._stall: Gate | None = None
        self._stall_after = 0
        self._open()

    def _open(self) -> None:
        self.troubles: list[tuple[str, dict[str, Any]]] = []
        self.store = SQLiteStore(self.path, lambda event, fields: self.troubles.append((event, fields)))
        self.proxy = Harness([self.plugin], upstream=self.upstream, store=self.store)

    async def start(self) -> None:
        await self.proxy.__aenter__()

    async def stop(self) -> None:
        async with asyncio.timeout(20):
            await self.proxy.__aexit__(None, None, None)
        self.store.close()

    @property
    def over_websocket(self) -> bool:
        return self.proxy.transport == "websocket"

    async def restart(self) -> None:
        await self.stop()
        self.read_since_start = False
        self._open()
        await self.start()

    def _answer(self, request: Item) -> Answer:
        answer = model(request, self.upstream.requests[-1].conversation)
        cut, self._cut = self._cut, None
        gate, self._stall = self._stall, None
        if cut is not None:
            return answer.cut(cut)
        return answer if gate is None else answer.stall(gate, self._stall_after)

    # -- what a user does

    async def say(self, words: str, *, cut: int | None = None, stall: int | None = None) -> None:
        self.said.append(words)
        self.titled = (self.codex.thread.thread, words)
        await self._turn(self.codex.say(words), cut, stall)

    async def outputs(self, words: str, *, cut: int | None = None, stall: int | None = None) -> None:
        await self._turn(self.codex.outputs(words), cut, stall)

    async def _turn(self, request: ClientRequest, cut: int | None, stall: int | None) -> None:
        self._cut = cut
        if stall is None:
            await self.send(request)
        else:
            await self._leave_within(request, stall)
        self._cut = self._stall = None

    async def retry(self) -> None:
        await self.send(self.codex.retry())

    async def send(self, request: ClientRequest, codex: CodexClient | None = None) -> Reply:
        before = len(self.upstream.turns)
        async with asyncio.timeout(20):
            self.last = await self.proxy.send(request, self.codex if codex is None else codex)
        if codex is None:
            self._compare(request, before, self.last)
        self.check(self.last)
        return self.last

    async def _leave_within(self, request: ClientRequest, after: int) -> None:
        self._gates += 1
        gate = self._stall = Gate(f"gate{self._gates}")
        self._stall_after = after
        leave = asyncio.Event()
        before = len(self.upstream.turns)
        async with asyncio.timeout(20):
            sending = asyncio.ensure_future(
                self.proxy.send(request, self.codex)
                if self.over_websocket
                else self.proxy.request(request.method, request.path, request.headers, request.body, leave=leave)
            )
            standing = asyncio.ensure_future(self.upstream.standing_at(gate))
            await asyncio.wait({sending, standing}, return_when=asyncio.FIRST_COMPLETED)
            standing.cancel()
            if self.over_websocket and not sending.done():
                self.interrupt()
            leave.set()
            self.last = await sending
        if not self.over_websocket:
            self.codex.feed(self.last.body)
            if self.last.ended:
                self.last.seen = self.codex.finish(status=self.last.status)
            else:
                self.codex.interrupt()
        self._compare(request, before, self.last)
        self.check(self.last)

    async def interrupt_tools(self) -> None:
        self.interrupt()

    async def resume(self) -> None:
        if self.over_websocket:
            self.proxy.socket_of(self.codex).drop()  # the process that had it has ended
        self.codex = self.codex.resume()

    def interrupt(self) -> None:
        if self.over_websocket:
            self.proxy.socket_of(self.codex).interrupt()
        else:
            self.codex.interrupt()

    async def compact(self) -> None:
        request = self.codex.compact()
        if request.path.endswith("/compact"):
            if self.over_websocket:
                self.proxy.socket_of(self.codex).drop()
            reply = await self.proxy.request(request.method, request.path, request.headers, request.body)
            self.codex.compacted(reply.body)
        else:
            reply = await self.proxy.send(request, self.codex)
        assert reply.status == 200, reply.body
        self.lineage = []
        self.check(reply)

    def backtrack(self) -> None:
        self.codex.backtrack()
        own = plain(self.codex.history)
        self.lineage = [(view, sent) for view, sent in self.lineage if own[: len(view)] == view]

    # -- what must hold

    def check(self, reply: Reply) -> None:
        assert not self.upstream.illegal, [str(illegal) for illegal in self.upstream.illegal]
        assert MODEL.encode() not in reply.body, "the client was told what only the model may know"
        for request in self.upstream.requests[-12:]:
            assert CLIENT.encode() not in request.decoded, "the model was told what only the client may know"
        assert not self.troubles, self.troubles
        faults = [entry for entry in self.proxy.log.entries if entry[1] not in ("upstream_cut", "client_gone")]
        assert not faults, faults
        if self.codex.version.passthrough or self.codex.version.name == "0.120.0":
            assert self.plugin.prompts == self.said
        else:
            # Without turn ids, words said again at the place of an answer that broke off count as a retry.
            assert Counter(self.plugin.prompts) <= Counter(self.said), "a prompt was taken for new twice"
        twice = [name for name, count in (*self.plugin.calls.items(), *self.plugin.results.items()) if count > 1]
        assert not twice, f"asked twice about {twice}"

    def _compare(self, request: ClientRequest, before: int, reply: Reply) -> None:
        view = plain(request.json["input"])
        rounds = [plain(got.conversation) for got in self.upstream.turns[before:]]
        self.read_since_start = True
        self.threads.add(self.codex.thread.thread)
        repeated, self._repeats = self._repeats, reply.seen.retries
        if not rounds:
            return
        for earlier, sent in self.lineage:
            if view[: len(earlier)] == earlier:
                assert rounds[0][: len(sent)] == sent, "the model is sent another beginning than before"
        for first, second in pairwise(rounds):
            assert second[: len(first)] == first, "a further round has another beginning"
        self.lineage.append((view, rounds[0]))
        # 0.98 and 0.120 keep what a broken answer had, behind the model's back, in front of the whole answer's items.
        if reply.seen.completed and not repeated:
            kept = plain(self.codex.history)
            if not self.codex.version.interleaved and kept[: len(view)] == view:
                self.lineage.append((kept, rounds[-1]))


def plain(items: list[Item]) -> list[Item]:
    """Items without what clients drop, add or rename when they send them again."""
    return [_essence(item) for item in items if item.get("type") not in ("additional_tools", "compaction_trigger")]


def _essence(item: Item) -> Item:
    kept = ("type", "role", "call_id", "name", "arguments", "input", "output", "encrypted_content", "summary", "author")
    made = {name: item[name] for name in kept if name in item}
    content = item.get("content")
    if isinstance(content, list) and content:
        made["content"] = [part.get("text") or part for part in content]
    return made
