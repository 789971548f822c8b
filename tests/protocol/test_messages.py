"""WebSocket messages: requests up, events and errors down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codexplus_core.protocol.body import MalformedBody, RequestBody
from codexplus_core.protocol.events import Event
from codexplus_core.protocol.messages import (
    about,
    as_message,
    as_request,
    error_frame,
    event_of,
    goes_on,
    item_of,
    items_of,
    items_text,
    response_id_of,
    status_of,
)

CREATE = b'{"type":"response.create","model":"m","previous_response_id":"r1","input":[{"a": 1}],"x":1.0}'


def error(status: int, body: bytes) -> Any:
    return json.loads(error_frame(status, body, {}))


def test_a_message_is_an_event_with_its_own_bytes() -> None:
    payload = b'{ "type" : "response.created",  "response":{"id":"r1"} }'

    event = event_of(payload)

    assert (event.type, event.raw, event.payload) == ("response.created", payload, payload)
    assert event.data == {"type": "response.created", "response": {"id": "r1"}}


def test_for_a_client_over_http_the_event_is_framed() -> None:
    event = event_of(b'{"type":"x"}', framed=True)

    assert (event.raw, event.payload) == (b'event: x\ndata: {"type":"x"}\n\n', b'{"type":"x"}')


@pytest.mark.parametrize("payload", [b" ", b"null", b"[]", b"no JSON", b'{"type":7}', b"{" * 100_000])
def test_what_is_no_event_has_no_type_and_its_own_bytes(payload: bytes) -> None:
    event = event_of(payload)

    assert (event.type, event.raw) == ("", payload)


@pytest.mark.parametrize(
    ("array", "items"),
    [(None, b""), (b"[]", b""), (b" [ ] ", b""), (b'[{"a":1}]', b'{"a":1}'), (b'[ 1 , "]" ]', b'1 , "]"')],
)
def test_items_lose_their_brackets_only(array: bytes | None, items: bytes) -> None:
    assert items_text(array) == items


def test_words_alone_are_a_users_message() -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "größer"}]}

    assert json.loads(items_of(RequestBody('{"input":"größer"}'.encode()))) == item
    assert items_of(RequestBody(b'{"input":[1, 2]}')) == b"1, 2"
    assert items_of(RequestBody(b"{}")) == items_of(RequestBody(b'{"input":null}')) == b""


@pytest.mark.parametrize("value", [b"7", b"{}", b"true"])
def test_an_input_that_is_neither_items_nor_words_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedBody, match="input"):
        items_of(RequestBody(b'{"input":%b}' % value))


def test_a_message_asks_what_a_request_with_the_whole_conversation_asks() -> None:
    items = b'{"z":0},{"a": 1}'

    assert as_request(RequestBody(CREATE), items) == b'{"model":"m","input":[%b],"x":1.0,"stream":true}' % items


def test_a_warm_up_stays_one() -> None:
    warm_up = RequestBody(b'{"type":"response.create","generate":false}')

    assert as_request(warm_up, b"") == b'{"generate":false,"input":[],"stream":true}'


@pytest.mark.parametrize("stream", [b"", b',"stream":false', b',"stream":true'])
def test_a_websocket_streams_whatever_is_said(stream: bytes) -> None:
    message = RequestBody(b'{"type":"response.create"%b,"input":[]}' % stream)

    assert json.loads(as_request(message, b"")) == {"stream": True, "input": []}


def test_a_request_becomes_a_message_in_the_clients_order() -> None:
    body = b'{"model":"m","input":[1,2,3],"stream":true,"x":1.0}'

    assert as_message(body, b"3", "r1") == (
        b'{"type":"response.create","model":"m","previous_response_id":"r1","input":[3],"stream":true,"x":1.0}'
    )
    assert (
        as_message(body, b"1,2,3", "")
        == b'{"type":"response.create","model":"m","input":[1,2,3],"stream":true,"x":1.0}'
    )


def test_of_two_responses_to_go_on_from_the_given_one_counts() -> None:
    assert as_message(b'{"type":"t","previous_response_id":"old"}', b"", "new") == (
        b'{"type":"response.create","previous_response_id":"new","input":[]}'
    )
    assert b"old" not in as_message(b'{"model":"m","previous_response_id":"old"}', b"", "")


def test_an_api_error_is_said_in_its_own_words() -> None:
    told = {"message": "slow down", "type": "rate_limit", "code": "x", "more": [1]}

    found = json.loads(error_frame(429, json.dumps({"error": told}).encode(), {"retry-after": "3"}))

    assert found == {"type": "error", "status": 429, "error": told, "headers": {"retry-after": "3"}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, b"plain words", "invalid_request_error", "plain words"),
        (502, b"<html>bad gateway</html>", "server_error", "<html>bad gateway</html>"),
        (500, b"", "server_error", "status 500"),
        (500, b'{"error":"a text"}', "server_error", '{"error":"a text"}'),
        (500, b"\xff\xfe", "server_error", "\ufffd\ufffd"),
        (500, b"[" * 100_000, "server_error", "[" * 4096),
        (500, b"x" * 100_000, "server_error", "x" * 4096),
    ],
)
def test_any_other_body_is_said_as_far_as_it_goes(status: int, body: bytes, kind: str, words: str) -> None:
    assert error(status, body) == {
        "type": "error", "status": status, "error": {"type": kind, "code": None, "message": words}, "headers": {},
    }  # fmt: skip


def test_the_item_of_an_event_is_the_same_whoever_wrote_its_json() -> None:
    spaced = event_of(b'{ "type": "response.output_item.done", "item": { "id": "a", "n": 1 } }')
    made = Event("response.output_item.done", {"item": {"id": "a", "n": 1}})

    assert item_of(spaced) == item_of(made) == b'{"id":"a","n":1}'
    assert item_of(Event("response.output_item.done", {"item": 7})) == item_of(event_of(b"no JSON")) == b""


@pytest.mark.parametrize("value", ["429", 200, 700, None, 4.29])
def test_only_an_errors_own_status_is_one(value: Any) -> None:
    assert status_of(Event("error", {"status": 429})) == 429
    assert status_of(Event("error", {"status": value})) is None
    assert status_of(Event("response.failed", {"status": 429})) is None


@pytest.mark.parametrize("data", [{}, {"response": 7}, {"response": {}}, {"response": {"id": 7}}])
def test_a_response_without_an_id_has_none(data: dict[str, Any]) -> None:
    assert response_id_of(Event("response.completed", data)) == ""
    assert response_id_of(Event("response.completed", {"response": {"id": "r1"}})) == "r1"


@pytest.mark.abuse("A17")
def test_an_event_that_is_nested_too_deep_to_read_is_no_item() -> None:
    deep = b'{"type":"response.output_item.done","item":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    event = event_of(deep)

    assert (event.type, event.payload, item_of(event)) == ("response.output_item.done", deep, b"")


def test_a_message_about_a_response_names_the_one_that_is_meant_and_keeps_all_else() -> None:
    said = RequestBody(b'{"type":"response.interrupt", "response_id":"r1","mode":"m","x":1.0}')

    assert about(said, "r1") == said.data
    assert about(said, "r2") == b'{"type":"response.interrupt","response_id":"r2","mode":"m","x":1.0}'


@pytest.mark.parametrize(
    ("type", "response", "on"),
    [
        ("response.completed", {"id": "r1"}, True),
        ("response.incomplete", {"incomplete_details": {"reason": "interrupted"}}, True),
        ("response.incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, False),
        ("response.incomplete", {"incomplete_details": None}, False),
        ("response.incomplete", 7, False),
        ("response.failed", {"incomplete_details": {"reason": "interrupted"}}, False),
        ("error", None, False),
    ],
)
def test_a_request_may_go_on_from_what_was_completed_or_interrupted(type: str, response: Any, on: bool) -> None:
    assert goes_on(Event(type, {"response": response})) is on
