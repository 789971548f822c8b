"""Answers made here are legal event sequences."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from codexplus_core.protocol import replies
from codexplus_core.protocol.events import Event
from codexplus_core.protocol.replies import Reply


@pytest.fixture
def ids() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{next(numbers):032x}"


def data_of(events: list[Event]) -> list[dict[str, Any]]:
    return [event.data or {} for event in events]


@pytest.mark.wire("W9")
def test_a_reply_is_the_event_sequence_of_a_message(ids: Callable[[], str]) -> None:
    reply = Reply(ids, "gpt-5.5")

    events = [*reply.begin(), *reply.text("Hello "), *reply.text(""), *reply.text("you"), *reply.end()]

    assert [event.type for event in events] == [
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [data["sequence_number"] for data in data_of(events)] == list(range(9))
    assert {data["output_index"] for data in data_of(events) if "output_index" in data} == {0}
    done, completed = data_of(events)[-2:]
    assert done["item"] == reply.item
    assert reply.item["content"] == [{"type": "output_text", "text": "Hello you", "annotations": []}]
    assert completed["response"] == reply.json()
    assert completed["response"]["output"] == [reply.item]
    assert completed["response"]["model"] == "gpt-5.5"


def test_a_message_in_a_stream_is_the_same_events_without_a_response_and_numbers(ids: Callable[[], str]) -> None:
    numbered = [
        event for event in Reply.whole(ids, "Hello") if event.type not in ("response.created", "response.completed")
    ]
    item = replies.message_item(replies.message_id(lambda: "0" * 31 + "2"), "Hello")

    events = replies.message_events(item)

    assert data_of(events) == [
        {key: value for key, value in data.items() if key != "sequence_number"} for data in data_of(numbered)
    ]


def test_a_reply_reports_no_usage_so_that_codex_keeps_its_context_indicator(ids: Callable[[], str]) -> None:
    completed = data_of(Reply.whole(ids, "x"))[-1]["response"]

    assert completed["usage"] is None


def test_ids_are_legal_ours_and_never_the_same(ids: Callable[[], str]) -> None:
    made = [replies.response_id(ids), replies.message_id(ids), replies.response_id(ids), replies.message_id(ids)]

    assert len(set(made)) == 4
    assert all(re.fullmatch(r"(resp|msg)_[A-Za-z0-9_-]+", id) and len(id) <= 64 for id in made)
    assert all(id.partition("_")[2].startswith("codexplus_") for id in made)


@pytest.mark.wire("W16")
def test_a_reply_goes_on_where_a_response_has_begun(ids: Callable[[], str]) -> None:
    begun = [replies.created("resp_codexplus_x", "m"), replies.keepalive("resp_codexplus_x", "m")]
    reply = Reply(ids, "m", begun="resp_codexplus_x", sent=1)

    events = [*begun, *reply.begin(), *reply.text("x"), *reply.end()]

    assert [event.type for event in events].count("response.created") == 1
    assert [d["sequence_number"] for d in data_of(events) if "sequence_number" in d] == list(range(8))
    assert data_of(events)[-1]["response"]["id"] == "resp_codexplus_x"


def test_a_keep_alive_is_a_data_event_without_a_number(ids: Callable[[], str]) -> None:
    event = replies.keepalive("resp_codexplus_1", "m")

    assert event.type == "response.in_progress"
    assert event.raw.startswith(b"event: response.in_progress\ndata: {")
    assert "sequence_number" not in (event.data or {})


@pytest.mark.wire("W14")
@pytest.mark.parametrize("version", ["0.169.0", "0.120.0", "0.98.0", "1.0.0", "", "odd"])
def test_a_refusal_is_a_failed_response_that_codex_does_not_retry(ids: Callable[[], str], version: str) -> None:
    events = replies.refusal(ids, "no \N{EM DASH} ask", "m")

    assert replies.gives_up(version)
    assert [event.type for event in events] == ["response.created", "response.failed"]
    failed = data_of(events)[1]["response"]
    assert failed["error"] == {"code": "invalid_prompt", "message": "no \N{EM DASH} ask"}
    assert failed["status"] == "failed"
    assert failed["id"] == data_of(events)[0]["response"]["id"]


@pytest.mark.wire("W14")
@pytest.mark.parametrize("version", ["0.29.0", "0.60.1"])
def test_codex_versions_that_retry_every_failure_are_known(version: str) -> None:
    assert not replies.gives_up(version)


def test_a_reply_that_breaks_off_ends_as_failed(ids: Callable[[], str]) -> None:
    reply = Reply(ids)
    events = [*reply.begin(), *reply.text("half"), *reply.fail("invalid_prompt", "the plugin stopped")]

    assert data_of(events)[-1]["response"]["id"] == reply.id
    assert [d["sequence_number"] for d in data_of(events)] == list(range(5))


def test_a_title_is_the_json_that_was_asked_for() -> None:
    assert json.loads(replies.title_text('Deploy "prod"')) == {"title": 'Deploy "prod"'}
