"""A message of a plugin's within the model's answer."""

from __future__ import annotations

import re

import pytest

from codexplus_core import Event, Exchange, hookimpl, with_message
from codexplus_core.testing import Harness, text


class Told:
    """Says something in front of each answer."""

    WATCHES = ("response.created",)

    @hookimpl
    def on_chunk(self, exchange: Exchange, event: Event) -> list[Event]:
        return with_message(event, "**of ours**")


def test_a_message_stands_behind_its_event_which_is_left_as_it_is() -> None:
    event = Event("response.created", {"response": {"id": "r"}})

    first, *rest = with_message(event, "hello")

    assert first is event
    assert rest[-1].data == {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": {
            "id": (rest[-1].data or {})["item"]["id"],
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "hello", "annotations": []}],
        },
    }


def test_no_two_messages_have_the_same_id() -> None:
    event = Event("response.created", {})

    ids = [(with_message(event, "x")[-1].data or {})["item"]["id"] for _ in range(2)]

    assert ids[0] != ids[1]
    assert all(re.fullmatch("msg_codexplus_[0-9a-f]{32}", id) for id in ids)


@pytest.mark.transports("http", "websocket")
async def test_the_user_reads_it_in_front_of_the_answer_and_the_model_never_does() -> None:
    async with Harness({"told": Told()}, script=[text("the model's"), text("again")]) as proxy:
        reply = await proxy.say("one")
        await proxy.say("two")

    assert reply.text == "**of ours**the model's"
    assert "of ours" not in str([received.body for received in proxy.upstream.requests])
