"""What of an answer goes out unread, and that it counts all the same once it matters."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from proxy.made_plugin import VERSIONS, plugin

from codexplus_core import Event, Exchange, LocalReply, Refusal, ToolCall
from codexplus_core.conversation.record import MemoryStore
from codexplus_core.protocol.calls import call_of
from codexplus_core.proxy.passthrough import ClientGone
from codexplus_core.proxy.rounds import Rounds
from codexplus_core.proxy.unread import Unread
from codexplus_core.testing import Answer, Harness, reasoning, shell, text
from codexplus_core.testing.script import Asked, Step

DONE = "response.output_item.done"


def done(item: dict[str, Any]) -> Event:
    return Event(DONE, {"output_index": 0, "item": item})


A_CALL = done({"type": "function_call", "name": "shell", "call_id": "c1", "arguments": "{}"})
A_MESSAGE = done(
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "function_call"}]}
)


def test_what_is_followed_stays_in_order_and_all_else_is_one_stand_in() -> None:
    created, delta, odd = (Event(type, {}) for type in ("response.created", "response.output_text.delta", "any.thing"))
    unread = Unread(judges=True)

    assert all(unread.takes(event) for event in (created, delta, odd, delta, A_MESSAGE, delta))

    kinds = [event.type for event in unread]
    assert kinds == ["response.created", "", DONE, ""]
    assert not unread.holds_call


def test_a_call_is_left_to_whoever_judges_it_and_only_noted_where_nobody_does() -> None:
    judged, noted = Unread(judges=True), Unread(judges=False)

    assert not judged.takes(A_CALL)
    assert list(judged) == []
    assert noted.takes(A_CALL)
    assert noted.holds_call


@pytest.mark.parametrize(
    "payload",
    [
        b'{"item":{"type":"function\\u005fcall","call_id":"c"}}',
        b'{"item":{"type":"message"},"item":{"type":"custom_tool_call"}}',
        b'{"item":{"type":"message","type":"local_shell_call"}}',
        b'{"item":5,"item":{"type":"function_call"}}',
        b'{"item":[],"output_index":0,"item":{"type":"function_call"}}',
        b'{"item":"x","item":{"type":"custom_tool_call"}}',
        b'{ "x": [[{}]], "item" : {"more": {"type": 1}, "type" : "function_call"} }',
    ],
)
def test_however_a_call_is_spelled_it_is_left_to_whoever_judges_it(payload: bytes) -> None:
    assert not Unread(judges=True).takes(Event(DONE, raw=b"data: %b\n\n" % payload, payload=payload))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"7",
        b"\xff",
        b'{"item":7}',
        b'{"item":null}',
        b'{"item":{"type":["function_call"]}}',
        b'{"item":{"type":0}',
    ],
)
def test_what_is_no_call_passes(payload: bytes) -> None:
    assert Unread(judges=True).takes(Event(DONE, raw=b"data: %b\n\n" % payload, payload=payload))


class Interleaved(Answer):
    """An answer whose first item ends only after its second one."""

    def steps(self, asked: Asked, response_id: str) -> list[Step]:
        steps = super().steps(asked, response_id)
        first = [at for at, step in enumerate(steps) if isinstance(step, dict) and step.get("output_index") == 0]
        late = steps[first[-1]]
        ends = next(
            at for at, step in enumerate(steps) if isinstance(step, dict) and step["type"] == "response.completed"
        )
        moved = [*steps[: first[-1]], *steps[first[-1] + 1 : ends], late, *steps[ends:]]
        return [
            {**step, "sequence_number": at} if isinstance(step, dict) and "sequence_number" in step else step
            for at, step in enumerate(moved)
        ]


def interleaved(answer: Answer) -> Answer:
    return Interleaved(answer.makers)


def denies(call: ToolCall) -> Refusal | None:
    return Refusal("not this one") if "rm" in str(call.arguments) else None


def edits(call: ToolCall) -> ToolCall | None:
    return (
        ToolCall(call.id, call.name, {"cmd": "ls -l"}, call.namespace, call.kind)
        if call.kind == "function_call"
        else None
    )


def goes_on() -> Callable[[], str | None]:
    """Makes the model go on at every second end."""
    words = itertools.cycle(("and the tests?", None))
    return lambda: next(words)


def goes_on_later() -> Callable[[], Any]:
    at_once = goes_on()

    async def later() -> str | None:
        return at_once()

    return later


HOOKS: dict[str, Any] = {
    "looks at calls": lambda: {"on_tool_use": lambda: None},
    "denies calls": lambda: {"on_tool_use": denies},
    "edits calls": lambda: {"on_tool_use": edits},
    "goes on": lambda: {"on_turn_end": goes_on()},
    "goes on later": lambda: {"on_turn_end": goes_on_later()},
    "goes on and denies": lambda: {"on_turn_end": goes_on(), "on_tool_use": denies},
}
SCRIPT = [
    text("first I look. ") + shell("rm -rf /") + text("then more"),
    reasoning("hm") + text("done"),
    interleaved(text("slow words") + shell("rm x")),
    text("well") + shell("ls"),
    text("all is fine"),
    text("really"),
    text("yes"),
    text("no"),
]


@pytest.mark.transports("http", "websocket")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("what", HOOKS)
async def test_who_reads_every_event_and_who_reads_them_only_when_they_matter_see_the_same(
    what: str, version: str
) -> None:
    found = []
    for eager in ({"on_chunk": lambda event: None}, {}):
        store = MemoryStore()
        async with Harness([plugin(**HOOKS[what](), **eager)], script=SCRIPT, codex=version, store=store) as proxy:
            replies = [await proxy.say("clean up"), await proxy.say("go on")]
            replies.append(await proxy.tool_outputs()) if replies[-1].seen.calls else None
            replies.append(await proxy.say("and now?"))
            asked = [json.dumps(got.conversation) for got in proxy.upstream.turns]
        found.append(([reply.body for reply in replies], asked))

    assert found[0] == found[1]


def test_an_item_whose_type_is_no_text_is_no_call() -> None:
    assert call_of({"type": ["function_call"], "call_id": "c"}) is None


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each answer was followed from its beginning."""
    found: list[bool] = []
    init = Rounds.__init__

    def noted(self: Rounds, *args: Any) -> None:
        init(self, *args)
        found.append(self._follows)

    monkeypatch.setattr(Rounds, "__init__", noted)
    return found


@pytest.mark.transports("http", "websocket")
async def test_an_answer_that_nobody_has_to_follow_is_not_read(followed: list[bool]) -> None:
    idle = {"on_tool_use": lambda: None, "on_turn_end": lambda: None}
    async with Harness([plugin(**idle)], script=[text("one"), text("two")]) as proxy:
        await proxy.say("hello")
        await proxy.say("and now?")
    idle_followed = followed.copy()
    followed.clear()

    async with Harness([plugin(on_chunk=lambda event: None)], script=[text("one")]) as proxy:
        await proxy.say("hello")

    assert (any(idle_followed), any(followed)) == (False, True)


async def test_where_words_of_the_models_were_decided_about_every_item_is_read(followed: list[bool]) -> None:
    def on_request(exchange: Exchange) -> LocalReply | None:
        return LocalReply("pong") if exchange.prompt == "/ping" else None

    hooks = {"on_request": on_request, "on_turn_end": lambda: None}
    async with Harness([plugin(**hooks)], script=[text("one"), text("two")]) as proxy:
        await proxy.say("hello")
        await proxy.say("/ping")
        await proxy.say("and now?")

    assert followed == [False, True]


async def test_no_plugin_is_asked_at_a_turns_end_whose_client_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    end = Rounds._end

    async def leaves(self: Rounds) -> None:
        raise ClientGone

    async def ends(self: Rounds, event: Event) -> bool:
        monkeypatch.setattr(Rounds, "_flush", leaves)
        return await end(self, event)

    monkeypatch.setattr(Rounds, "_end", ends)
    async with Harness([plugin(on_turn_end=lambda: asked.append("asked"))], script=[text("one")]) as proxy:
        with contextlib.suppress(Exception):
            await proxy.say("hello")

    assert asked == []
