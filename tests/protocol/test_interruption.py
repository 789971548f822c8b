"""The end of an answer that its client interrupts, made from what was said of it."""

from __future__ import annotations

from typing import Any

from codexplus_core.protocol.events import Event
from codexplus_core.protocol.interruption import Interruption
from codexplus_core.testing.interruption import interruption
from codexplus_core.testing.streams import message_item

CREATED = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}}
ITEM = message_item("msg_1", "one")


def item(kind: str, index: int = 0) -> dict[str, Any]:
    return {"type": f"response.output_item.{kind}", "output_index": index, "item": {**ITEM, "id": f"msg_{index}"}}


def followed(*events: dict[str, Any]) -> Interruption:
    answer = Interruption("gpt")
    answer.begin()
    for event in events:
        answer.note(Event(event["type"], event))
    return answer


def data(events: list[Event]) -> list[Any]:
    return [event.data for event in events]


def test_it_is_what_the_api_says_but_for_the_tokens_that_nobody_knows() -> None:
    said = [CREATED, item("added"), item("done"), item("added", 1), {"type": "response.output_text.delta"}]
    numbered = [{**event, "sequence_number": at} for at, event in enumerate(said)]

    ended = data(followed(*numbered).ending("resp_client"))

    recorded = interruption(numbered)
    assert ended[-1]["response"].get("usage") is None
    assert recorded[-1]["response"].pop("usage")
    assert ended == recorded


def test_numbers_are_left_out_where_the_upstream_has_none() -> None:
    assert [event.get("sequence_number") for event in data(followed(CREATED).ending("resp_client"))] == [None, None]


def test_an_answer_that_has_not_begun_ends_under_the_clients_name_for_it() -> None:
    accepted, ended = data(followed().ending("resp_client"))

    assert (accepted["response_id"], ended["response"]["id"]) == ("resp_client", "resp_client")
    assert ended["response"]["model"] == "gpt"


def test_a_round_that_has_not_begun_ends_as_the_one_before_it_without_that_ones_items() -> None:
    answer = followed({**CREATED, "sequence_number": 6}, item("added"))
    answer.begin()

    _, ended = data(answer.ending("resp_client"))

    assert ended["response"]["id"] == "resp_1"
    assert ended["response"]["output"] == []


def test_an_item_of_an_odd_form_is_none() -> None:
    odd = {"type": "response.output_item.added", "item": "none", "output_index": 0}

    assert len(followed(CREATED, odd, {**odd, "item": {}, "output_index": None}).ending("resp_client")) == 2


def test_it_knows_that_an_answer_has_ended_by_itself() -> None:
    assert not followed(CREATED).ended
    assert followed(CREATED, {"type": "response.failed"}).ended
