"""The model's text in whole sentences, on both transports."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, Literal

import pytest

from codexplus_core import Event, Exchange, hookimpl
from codexplus_core.testing import Answer, Harness, Reply, failed, reasoning, shell, text
from codexplus_slash.accessible import Accessibility, accessibility, on_chunk, reply, watch

Transport = Literal["http", "websocket"]
both = pytest.mark.parametrize("transport", ["http", "websocket"])


class Reader:
    """The wiring of the plugin, alone."""

    WATCHES = ("response.created",)

    def __init__(self, wish: Accessibility) -> None:
        self.wish = wish
        self.seen: list[str] = []

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        watch(exchange, self.wish)

    @hookimpl
    def on_chunk(self, exchange: Exchange, event: Event) -> list[Event] | None:
        self.seen.append(event.type)
        return on_chunk(exchange, event)


def fine(words: str) -> Answer:
    """An answer of which two characters come at a time."""
    return replace(text(words), chunk=2)


def events(answer: Reply) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in re.findall(r"^data: ?(\{.*)$", answer.body.decode(), re.MULTILINE)]
    return [event for event in found if isinstance(event, dict)]


def deltas(answer: Reply) -> list[str]:
    return [event["delta"] for event in events(answer) if event["type"] == "response.output_text.delta"]


WORDS = "The first one. The second one, with `code`. And\n\n```py\nx = 1\n```\n\nthe last"


@both
@pytest.mark.req("P10")
async def test_deltas_arrive_as_whole_sentences_and_nothing_is_lost(transport: Transport) -> None:
    async with Harness([Reader(Accessibility(stream=True))], script=[fine(WORDS)], transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert deltas(answer) == [
        "The first one. ", "The second one, with `code`. ", "And\n", "\n```py\n", "x = 1\n", "```\n\n", "the last",
    ]  # fmt: skip
    assert answer.text == WORDS


@both
async def test_the_events_stay_in_order_and_what_is_held_comes_before_the_text_is_done(transport: Transport) -> None:
    script = [replace(reasoning() + text("One. Two") + shell("ls"), chunk=2), fine("Three")]
    async with Harness([Reader(Accessibility(stream=True))], script=script, transport=transport) as proxy:
        first = await proxy.say("hello")
        second = await proxy.tool_outputs("done")

    for answer in (first, second):
        numbers = [event["sequence_number"] for event in events(answer) if "sequence_number" in event]
        assert numbers == sorted(set(numbers))
        types = [event["type"] for event in events(answer)]
        assert max(at for at, kind in enumerate(types) if kind == "response.output_text.delta") < types.index(
            "response.output_text.done"
        )
    assert (deltas(first), deltas(second)) == (["One. ", "Two"], ["Three"])


@both
async def test_what_is_held_is_read_when_an_answer_fails_in_the_middle(transport: Transport) -> None:
    script = [text("One. And half") + failed("server_error", "no more")]
    async with Harness([Reader(Accessibility(stream=True))], script=script, transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert "".join(deltas(answer)) == "One. And half"


@both
async def test_where_it_is_off_no_delta_is_looked_at(transport: Transport) -> None:
    reader = Reader(accessibility(True))
    async with Harness([reader], script=[text(WORDS)], transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert answer.text == WORDS
    assert set(reader.seen) <= {"response.created"}


@pytest.mark.parametrize(
    ("setting", "wish"),
    [
        (None, Accessibility()),
        (False, Accessibility()),
        (True, Accessibility(local=True)),
        ({"stream": True}, Accessibility(local=True, stream=True)),
        ({"stream": True, "local": False}, Accessibility(stream=True)),
        ({}, Accessibility(local=True)),
    ],
)
def test_the_setting_says_what_is_wanted(setting: Any, wish: Accessibility) -> None:
    assert accessibility(setting) == wish


def test_an_answer_of_our_own_is_in_words_only_where_it_is_wanted() -> None:
    assert reply("- **a**", Accessibility()).text == "- **a**"
    assert reply("- **a**", Accessibility(local=True)).text == "a.\n"
