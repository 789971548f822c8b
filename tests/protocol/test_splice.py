"""Several upstream rounds as one legal response, with random rounds and random hidden items."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.protocol import replies
from codexplus_core.protocol.events import Event
from codexplus_core.protocol.spent import usage_of
from codexplus_core.protocol.splice import BEGINNINGS, ENDINGS, WATCHED, Splicer
from codexplus_core.protocol.sse import Decoder
from codexplus_core.protocol.tools import Usage


@dataclass
class Script:
    """One upstream round: its items, which of them are hidden, and how it ends."""

    hidden: list[bool]
    tokens: tuple[int, int, int, int] = (100, 20, 10, 5)
    ending: str = "response.completed"
    numbered: bool = True
    events: list[Event] = field(default_factory=list)

    def play(self, round: int) -> list[Event]:
        self.events = []
        response = f"resp_{round}"
        self._add("response.created", response={"id": response, "output": []})
        self._add("response.in_progress", response={"id": response})
        items = []
        for index, hidden in enumerate(self.hidden):
            id = f"{'secret' if hidden else 'msg'}_{round}_{index}"
            item: dict[str, Any] = {"type": "function_call" if hidden else "message", "id": id}
            at = {"item_id": id, "output_index": index}
            self._add("response.output_item.added", output_index=index, item=item)
            kind = "function_call_arguments" if hidden else "output_text"
            self._add(f"response.{kind}.delta", **at, delta="x")
            items.append({**item, "status": "completed"})
            self._add("response.output_item.done", output_index=index, item=items[-1])
        i, c, o, r = self.tokens
        usage = {
            "input_tokens": i, "input_tokens_details": {"cached_tokens": c},
            "output_tokens": o, "output_tokens_details": {"reasoning_tokens": r}, "total_tokens": i + o,
        }  # fmt: skip
        self._add(self.ending, response={"id": response, "output": items, "usage": usage})
        return self.events

    def _add(self, type: str, **data: Any) -> None:
        if self.numbered:
            data["sequence_number"] = len(self.events)
        self.events.append(Event(type, data))


def splice(rounds: list[Script], splicer: Splicer | None = None) -> list[Event]:
    """What a relay does: hide the calls it answers, drop every ending but the last."""
    splicer = splicer or Splicer()
    out: list[Event] = []
    for number, script in enumerate(rounds):
        for event in script.play(number):
            item = (event.data or {}).get("item") or {}
            if event.type == "response.output_item.added" and item["id"].startswith("secret"):
                splicer.hide(item["id"])
            shown = splicer.event(event)
            if event.type in ENDINGS and number + 1 < len(rounds):
                splicer.next_round()
            elif shown is not None:
                out.append(shown)
    return out


def data_of(events: list[Event]) -> list[dict[str, Any]]:
    return [event.data or {} for event in events]


scripts = st.lists(
    st.builds(
        Script,
        hidden=st.lists(st.booleans(), max_size=4),
        tokens=st.tuples(*[st.integers(0, 10_000)] * 4),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.wire("W12")
@given(rounds=scripts, ending=st.sampled_from(sorted(ENDINGS - {"error"})), numbered=st.booleans())
def test_all_rounds_read_as_one_legal_response(rounds: list[Script], ending: str, numbered: bool) -> None:
    rounds[-1].ending = ending
    for script in rounds:
        script.numbered = numbered
    splicer = Splicer()

    out = splice(rounds, splicer)

    assert [event.type for event in out].count("response.created") == 1
    assert out[0].type == "response.created"
    assert [event.type for event in out if event.type in ENDINGS] == [ending]
    assert out[-1].type == ending
    added = [data["output_index"] for data in data_of(out) if data["type"] == "response.output_item.added"]
    assert added == list(range(len(added)))
    of_items = [data["output_index"] for data in data_of(out) if "output_index" in data]
    assert of_items == sorted(of_items)
    numbers = [data["sequence_number"] for data in data_of(out) if "sequence_number" in data]
    assert all(a < b for a, b in pairwise(numbers))
    assert len(numbers) == (len(out) if numbered else 0)
    assert not any(b"secret" in event.raw for event in out)
    last = data_of(out)[-1]["response"]
    assert last["id"] == splicer.last_response_id == f"resp_{len(rounds) - 1}"
    done = [data["item"] for data in data_of(out) if data["type"] == "response.output_item.done"]
    assert last["output"] == splicer.visible_items == done
    sums = [sum(column) for column in zip(*[script.tokens for script in rounds], strict=True)]
    assert last["usage"]["input_tokens"] == sums[0]
    assert last["usage"]["input_tokens_details"]["cached_tokens"] == sums[1]
    assert last["usage"]["output_tokens"] == sums[2]
    assert last["usage"]["output_tokens_details"]["reasoning_tokens"] == sums[3]
    assert splicer.usage == Usage(sums[0], sums[1], sums[2], sums[3], sums[0] + sums[2])


@pytest.mark.wire("W12")
@given(rounds=scripts)
def test_the_total_is_the_last_rounds_own_because_codex_compacts_by_it(rounds: list[Script]) -> None:
    last = data_of(splice(rounds))[-1]["response"]["usage"]

    assert last["total_tokens"] == rounds[-1].tokens[0] + rounds[-1].tokens[2]


@pytest.mark.wire("W2")
@given(visible=st.integers(0, 4), ending=st.sampled_from(sorted(ENDINGS)))
def test_one_round_with_nothing_hidden_leaves_as_the_very_same_events(visible: int, ending: str) -> None:
    script = Script([False] * visible, ending=ending)

    out = splice([script])

    assert len(out) == len(script.events)
    assert all(a is b for a, b in zip(out, script.events, strict=True))


@pytest.mark.wire("W12")
@given(rounds=scripts)
def test_runs_of_events_end_up_like_single_events(rounds: list[Script]) -> None:
    single = b"".join(event.raw for event in splice(rounds))
    splicer, decoder, out = Splicer(), Decoder(WATCHED), []

    for number, script in enumerate(rounds):
        for event in decoder.feed(b"".join(event.raw for event in script.play(number))):
            item = (event.data or {}).get("item") or {}
            if event.type == "response.output_item.added" and item["id"].startswith("secret"):
                splicer.hide(item["id"])
            shown = splicer.event(event)
            if event.type in ENDINGS and number + 1 < len(rounds):
                splicer.next_round()
            elif shown is not None:
                out.append(shown.raw)

    assert b"".join(out) == single


@pytest.mark.wire("W16")
@given(rounds=scripts, waits=st.integers(0, 3))
def test_a_created_of_our_own_takes_the_place_of_upstreams(rounds: list[Script], waits: int) -> None:
    splicer = Splicer()
    ours = [splicer.own(replies.created("resp_codexplus_1", "m"))]
    ours += [splicer.own(replies.keepalive("resp_codexplus_1")) for _ in range(waits)]

    out = [*ours, *splice(rounds, splicer)]

    assert (data_of(out)[0]["type"], data_of(out)[0]["response"]["id"]) == ("response.created", "resp_codexplus_1")
    assert [event.type for event in out[1:] if event.type in BEGINNINGS] == ["response.in_progress"] * waits
    numbers = [data["sequence_number"] for data in data_of(out)]
    assert all(a < b for a, b in pairwise(numbers))
    assert data_of(out)[-1]["response"]["id"] == f"resp_{len(rounds) - 1}"


@pytest.mark.wire("W16")
def test_a_keep_alive_between_rounds_fits_the_numbers_around_it() -> None:
    splicer = Splicer()
    before = splice([Script([True]), Script([True])], splicer)[:-1]
    splicer.next_round()

    alive = splicer.own(replies.keepalive("resp_1"))
    after = [splicer.event(event) for event in Script([False]).play(2)]

    out = [*before, alive, *[event for event in after if event is not None]]
    numbers = [data["sequence_number"] for data in data_of(out)]
    assert all(a < b for a, b in pairwise(numbers))


def test_a_keep_alive_in_an_unread_stream_carries_no_number() -> None:
    splicer = Splicer()
    events = Script([False]).play(0)
    for event in events[:4]:
        splicer.event(event)

    alive = splicer.own(replies.keepalive("resp_0"))

    assert "sequence_number" not in (alive.data or {})
    assert splicer.event(events[4]) is events[4]


def test_a_message_of_our_own_goes_first_and_upstreams_items_move_up() -> None:
    splicer = Splicer()
    script = Script([False, False])
    note = replies.Reply(lambda: "1", begun="resp_0")
    created, *rest = script.play(0)

    out = [splicer.event(created)]
    out += [splicer.own(event) for event in [*note.begin(), *note.text("a note"), *note.end()[:-1]]]
    out += [splicer.event(event) for event in rest]

    seen = data_of([event for event in out if event is not None])
    assert [d["output_index"] for d in seen if d["type"] == "response.output_item.done"] == [0, 1, 2]
    assert {d["output_index"] for d in seen if d.get("item_id") == note.item_id} == {0}
    numbers = [d["sequence_number"] for d in seen]
    assert all(a < b for a, b in pairwise(numbers))
    assert [item["id"] for item in seen[-1]["response"]["output"]] == [note.item_id, "msg_0_0", "msg_0_1"]


def test_the_ending_lists_an_item_as_the_client_got_it() -> None:
    splicer = Splicer()
    upstreams = {"id": "fc_1", "type": "function_call", "arguments": "{}"}
    clients = {**upstreams, "arguments": '{"safe":true}'}

    splicer.changed()
    done = splicer.event(Event("response.output_item.done", {"output_index": 0, "item": clients}))
    ending = splicer.event(Event("response.completed", {"response": {"id": "r", "output": [upstreams]}}))

    assert done is not None
    assert ending is not None
    assert (ending.data or {})["response"]["output"] == [clients]


def test_a_keep_alive_after_an_event_that_was_read_carries_the_next_number() -> None:
    splicer = Splicer()
    events = Script([False, False]).play(0)
    for event in events[:5]:
        splicer.event(event)

    alive = splicer.own(replies.keepalive("resp_0"))
    after = splicer.event(events[5])

    assert (alive.data or {})["sequence_number"] == 5
    assert after is not None
    assert (after.data or {})["sequence_number"] == 6


def test_a_keep_alive_in_a_stream_without_numbers_carries_none() -> None:
    splicer = Splicer()
    splice([Script([False], numbered=False)], splicer)

    assert "sequence_number" not in (splicer.own(replies.keepalive("resp_0")).data or {})


def test_every_event_is_needed_once_something_is_hidden() -> None:
    splicer = Splicer()
    before = splicer.reads_all

    splicer.hide(0)

    assert (before, splicer.reads_all) == (False, True)


def test_an_item_hidden_by_its_index_is_hidden_where_events_name_only_its_id() -> None:
    splicer = Splicer()
    splicer.hide(0)

    added = splicer.event(Event("response.output_item.added", {"output_index": 0, "item": {"id": "fc_1"}}))
    delta = splicer.event(Event("response.function_call_arguments.delta", {"item_id": "fc_1", "delta": "x"}))

    assert (added, delta) == (None, None)


def test_hiding_holds_for_its_round_only() -> None:
    splicer = Splicer()
    splicer.hide(0)
    splicer.next_round()

    added = splicer.event(Event("response.output_item.added", {"output_index": 0, "item": {"id": "msg_1"}}))

    assert added is not None


@pytest.mark.wire("W13")
def test_an_item_hidden_after_its_first_events_keeps_its_place() -> None:
    splicer = Splicer()
    first = Event("response.output_item.added", {"output_index": 0, "item": {"id": "fc_1"}})
    assert splicer.event(first) is first

    splicer.hide("fc_1")
    done = splicer.event(Event("response.output_item.done", {"output_index": 0, "item": {"id": "fc_1"}}))
    later = Event("response.output_item.added", {"output_index": 1, "item": {"id": "msg_1"}})

    assert done is None
    assert splicer.event(later) is later
    assert splicer.visible_items == []


def test_a_failure_in_a_later_round_ends_the_response_with_the_tokens_spent() -> None:
    splicer = Splicer()
    splice([Script([True])], splicer)
    splicer.next_round()

    response = {"id": "resp_1", "error": {"code": "x"}, "usage": None}
    failed = splicer.event(Event("response.failed", {"response": response}))

    assert failed is not None
    assert (failed.data or {})["response"] == response
    assert splicer.usage == Usage(100, 20, 10, 5, 110)


def test_the_smallest_stream_that_codex_takes_passes_untouched() -> None:
    done = Event("response.output_item.done", {"item": {"type": "message", "content": []}})
    completed = Event("response.completed", {"response": {"id": "r"}})
    splicer = Splicer()

    assert [splicer.event(done), splicer.event(completed)] == [done, completed]
    assert splicer.usage == Usage()
    assert splicer.last_response_id == "r"


def test_usage_is_read_from_a_response_that_has_one() -> None:
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5, "input_tokens_details": None}

    assert usage_of(usage) == Usage(3, 0, 2, 0, 5)
    assert usage_of(None) is None


INTERRUPTIONS = ("response.interrupt.accepted", "response.interrupt.failed", "response.output_item.interrupted")


@pytest.mark.parametrize("type", INTERRUPTIONS)
def test_an_interruption_names_the_response_that_the_client_knows(type: str) -> None:
    splicer = Splicer()
    splicer.own(replies.created("resp_ours", "m"))
    for id in ("resp_1", "resp_2"):
        splicer.event(Event("response.created", {"response": {"id": id}, "sequence_number": 0}))
        shown = splicer.event(Event(type, {"response_id": id, "sequence_number": 1}))
        assert shown is not None
        assert (shown.data or {})["response_id"] == "resp_ours"
        splicer.next_round()


@pytest.mark.parametrize("type", INTERRUPTIONS)
def test_an_interruption_of_a_response_that_both_know_by_one_name_is_left_as_it_is(type: str) -> None:
    splicer = Splicer()
    splicer.event(Event("response.created", {"response": {"id": "resp_1"}, "sequence_number": 0}))
    event = Event(type, {"response_id": "resp_1", "sequence_number": 1})

    assert splicer.event(event) is event


def test_that_a_hidden_item_was_interrupted_is_not_shown() -> None:
    splicer = Splicer()
    splicer.event(Event("response.created", {"response": {"id": "resp_1"}, "sequence_number": 0}))
    splicer.hide(0)

    assert splicer.event(Event("response.output_item.interrupted", {"item_id": "fc_1", "output_index": 0})) is None
