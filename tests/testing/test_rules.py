"""The scripted upstream refuses what the API refuses, and nothing that a real Codex has sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.testing.rules import Chain, Illegal, check

COMPAT = Path(__file__).parent.parent / "compat"

Request = dict[str, Any]


def user(text: str = "hi", **more: Any) -> Request:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **more}


def assistant(text: str = "hello", **more: Any) -> Request:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}], **more}


def call(call_id: str = "call_1", kind: str = "function_call", **more: Any) -> Request:
    words = {"arguments": "{}"} if kind == "function_call" else {"input": "x"}
    return {"type": kind, "call_id": call_id, "name": "shell", **words, **more}


def output(call_id: str = "call_1", kind: str = "function_call_output", **more: Any) -> Request:
    return {"type": kind, "call_id": call_id, "output": "ok", **more}


def reasoning(**more: Any) -> Request:
    return {"type": "reasoning", "summary": [], "encrypted_content": "gAAA", **more}


def request(*items: Request, **more: Any) -> Request:
    made: Request = {"model": "gpt-5", "instructions": "be kind", "input": list(items), "tools": [], "stream": True}
    return {name: value for name, value in (made | more).items() if value is not ...}


def tool(name: str = "shell") -> Request:
    return {"type": "function", "name": name, "description": "", "strict": False, "parameters": {}}


REFUSED: dict[str, tuple[Request, str]] = {
    "unknown field": (request(user(), colour="red"), "Unknown parameter: 'colour'"),
    "no model": (request(user(), model=...), "'model'"),
    "model is no string": (request(user(), model=5), "'model'"),
    "no input": (request(input=...), "'input'"),
    "input is text": (request(input="hi"), "list"),
    "no instructions": (request(user(), instructions=...), "Instructions"),
    "no tools": (request(user(), tools=...), "'tools'"),
    "stream is a word": (request(user(), stream="yes"), "'stream'"),
    "websocket field over http": (request(user(), type="response.create"), "'type'"),
    "unknown item": (request(user(), {"type": "video"}), "'video'"),
    "unknown item field": (request(user(colour="red")), "colour"),
    "item is text": (request("hi"), "object"),  # type: ignore[arg-type]
    "unknown role": (request(user() | {"role": "tool"}), "'tool'"),
    "input_text in assistant": (request(user() | {"role": "assistant"}), "input_text"),
    "output_text in user": (request(assistant() | {"role": "user"}), "output_text"),
    "unknown part": (request({"type": "message", "role": "user", "content": [{"type": "gif"}]}), "gif"),
    "unknown part field": (
        request({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "", "bold": True}]}),
        "bold",
    ),
    "message id prefix": (request(user(id="item_1")), "begins with 'msg'"),
    "reasoning id prefix": (request(reasoning(id="msg_1"), assistant()), "begins with 'rs'"),
    "call id prefix": (request(call(id="call_1"), output()), "begins with 'fc'"),
    "custom call id prefix": (request(call(kind="custom_tool_call", id="fc_1")), "begins with 'ctc'"),
    "two items with one id": (request(user(id="msg_1"), user(id="msg_1")), "Duplicate item found with id msg_1"),
    "call without output": (request(call()), "No tool output found for function call call_1"),
    "output without call": (request(output()), "No tool call found"),
    "output before its call": (request(output(), call()), "No tool call found"),
    "two outputs": (request(call(), output(), output()), "Duplicate tool output"),
    "two calls with one id": (request(call(), call(), output()), "Duplicate call_id"),
    "output of another kind": (request(call(), output(kind="custom_tool_call_output")), "does not answer"),
    "arguments are no text": (request(call() | {"arguments": {}}, output()), "arguments"),
    "bad tool name in a call": (request(call(name="a b"), output()), "name"),
    "reasoning at the end": (request(user(), reasoning()), "required following item"),
    "reasoning before a user": (request(reasoning(), user()), "required following item"),
    "reasoning before a developer": (request(reasoning(), user() | {"role": "developer"}), "required following item"),
    "reasoning before an output": (request(call(), reasoning(), output()), "required following item"),
    "tool name with a dot": (request(user(), tools=[tool("a.b")]), "pattern"),
    "tool name too long": (request(user(), tools=[tool("a" * 129)]), "pattern"),
    "tool name twice": (request(user(), tools=[tool(), tool()]), "Duplicate tool name"),
    "unknown tool type": (request(user(), tools=[{"type": "laser"}]), "laser"),
    "unknown tool field": (request(user(), tools=[tool() | {"colour": 1}]), "colour"),
    "tool name twice in a namespace": (
        request(user(), tools=[{"type": "namespace", "name": "n", "tools": [tool(), tool()]}]),
        "Duplicate tool name",
    ),
    "previous response over http": (request(user(), previous_response_id="resp_1"), "resp_1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_api_refuses(name: str) -> None:
    body, words = REFUSED[name]

    with pytest.raises(Illegal) as refused:
        check(body, chains={})

    assert words in refused.value.message
    assert refused.value.body()["error"]["type"] == "invalid_request_error"
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        request(user(id=None)),
        request(user(), reasoning(), reasoning(), call(), output(), assistant()),
        request(call(), call("call_2"), output("call_2"), output()),
        request(user(), tools=[{"type": "namespace", "name": "a", "tools": [tool()]}, tool()]),
        request(user(), stream=...),
    ],
)
def test_the_api_takes(body: Request) -> None:
    check(body, chains={})


def emitted(*, complete: bool) -> dict[str, Chain]:
    items = [reasoning(id="rs_1"), call(id="fc_1")]
    return {"resp_1": Chain("resp_1", items=[user()], emitted=items, complete=complete)}


def test_reasoning_is_followed_by_the_item_that_followed_it_when_it_was_made() -> None:
    check(request(reasoning(id="rs_1"), call(id="fc_1"), output()), chains=emitted(complete=True))

    with pytest.raises(Illegal, match="rs_1"):
        check(request(reasoning(id="rs_1"), assistant()), chains=emitted(complete=True))
    with pytest.raises(Illegal, match="rs_1"):
        check(request(reasoning(id="rs_1"), call("call_9"), output("call_9")), chains=emitted(complete=True))


def test_reasoning_is_known_by_its_ciphertext_when_the_client_dropped_the_id() -> None:
    with pytest.raises(Illegal, match="reasoning"):
        check(request(reasoning(), assistant()), chains=emitted(complete=True))


def test_reasoning_of_an_answer_that_broke_off_may_stand_alone() -> None:
    check(request(user(), reasoning(id="rs_1")), chains=emitted(complete=False))
    check(request(user(), reasoning(id="rs_1"), user("next")), chains=emitted(complete=False))


def follow_up(*items: Request) -> Request:
    return request(*items, type="response.create", previous_response_id="resp_1", instructions=..., tools=...)


def test_a_previous_response_counts_on_the_connection_that_made_it() -> None:
    connection = object()
    chains = {"resp_1": Chain("resp_1", connection, [user()], [call(id="fc_1")], complete=True)}

    check(follow_up(output()), chains=chains, connection=connection)

    with pytest.raises(Illegal, match="not found"):
        check(follow_up(output()), chains=chains, connection=object())
    with pytest.raises(Illegal, match="No tool output"):
        check(follow_up(user()), chains=chains, connection=connection)
    with pytest.raises(Illegal, match="Duplicate item"):
        check(follow_up(call(id="fc_1"), output()), chains=chains, connection=connection)


def captured() -> Iterator[Any]:
    for path in sorted((COMPAT / "captures").glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        for index, hit in enumerate(kept if isinstance(kept, list) else kept["hits"]):
            body = hit.get("body")
            if isinstance(body, dict):
                yield pytest.param(body, hit["kind"] == "ws-msg", id=f"{path.stem}-{index}")


def restored(body: Request) -> Request:
    """The recordings hold tools by name only; give those back the shape that they had."""

    def whole(tool: Any) -> Any:
        if isinstance(tool, str):
            return {"type": "function", "name": tool}
        kept = {name: value for name, value in tool.items() if value is not None}
        if kept["type"] != "namespace":
            kept.pop("tools", None)
            return kept
        return {**kept, "tools": [whole(inner) for inner in kept["tools"]]}

    body = json.loads(json.dumps(body))
    for holder in [body, *(item for item in body["input"] if "tools" in item)]:
        if holder.get("tools"):
            holder["tools"] = [whole(tool) for tool in holder["tools"]]
    return body


@pytest.mark.parametrize(("body", "websocket"), list(captured()))
def test_every_recorded_request_of_a_real_codex_is_legal(body: Request, websocket: bool) -> None:
    connection = object() if websocket else None
    previous = body.get("previous_response_id")
    chains = {previous: Chain(previous, connection, complete=True)} if previous else {}

    check(restored(body), chains=chains, connection=connection)


@pytest.mark.parametrize("path", sorted((COMPAT / "resend").glob("*.json")), ids=lambda path: path.stem)
def test_every_recorded_session_of_a_real_codex_is_legal(path: Path) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    chains: dict[str, Chain] = {}
    for number, recorded in enumerate(kept["requests"]):
        body = request(*(kept["items"][index] for index in recorded["input"]))
        # The API's authors know it of 0.60: an interrupt between a call and its output may keep the reasoning alone.
        if recorded["end"] == "refused":
            assert kept["codex"] == "0.60.1" and recorded["step"] == "after-interrupt-tool"
            continue

        check(body, chains=chains)

        emitted, complete = recorded["emitted"], recorded["end"] == "completed"
        chains[f"resp_{number}"] = Chain(f"resp_{number}", None, body["input"], emitted, complete)


def test_an_item_comes_with_the_reasoning_it_belongs_to() -> None:
    chains = emitted(complete=True)

    with pytest.raises(Illegal, match=r"fc_1.*required 'reasoning' item: 'rs_1'"):
        check(request(user(), call(id="fc_1"), output()), chains=chains)
