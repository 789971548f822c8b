"""What is new in a request, and who says it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from codexplus_core.conversation.ledger import Ledger
from codexplus_core.conversation.reading import Reading, read_request
from codexplus_core.conversation.record import MemoryStore
from codexplus_core.conversation.speaker import speaker_of
from codexplus_core.conversation.unnamed import UnnamedViews
from codexplus_core.conversation.view import SUMMARY_PREFIX, ClientView
from codexplus_core.protocol.body import MalformedBody, RequestBody
from codexplus_core.protocol.items import message

HI, SAID = message("user", "hi"), message("assistant", "hello")
CALL = {"type": "function_call", "call_id": "c1", "name": "ls", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "files"}


def read(ledger: Ledger, *items: dict[str, Any]) -> Reading:
    return read_request(ledger, speaker_of({}), RequestBody(json.dumps({"input": items}).encode()))


def test_outputs_stay_new_until_somebody_has_judged_them() -> None:
    ledger = Ledger("t", MemoryStore())
    read(ledger, HI)

    first = len(read(ledger, HI, CALL, OUTPUT).new_outputs())
    again = read(ledger, HI, CALL, OUTPUT)
    second = len(again.new_outputs())
    again.outputs_judged()
    third = len(read(ledger, HI, CALL, OUTPUT, SAID).new_outputs())

    assert (first, second, third) == (1, 1, 0)


def test_the_first_item_after_what_was_judged_may_be_a_new_output() -> None:
    ledger = Ledger("t", MemoryStore())
    read(ledger, HI, CALL).outputs_judged()

    assert [output["call_id"] for _, _, output in read(ledger, HI, CALL, OUTPUT).new_outputs()] == ["c1"]


def test_an_output_that_a_client_without_a_thread_says_again_is_new_in_each_request() -> None:
    store, unnamed = MemoryStore(), UnnamedViews()

    found = [len(read(Ledger("", store, unnamed=unnamed), HI, CALL, OUTPUT).new_outputs()) for _ in range(2)]

    assert found == [1, 1]


def test_in_a_view_that_was_read_afresh_only_the_running_turns_outputs_are_new() -> None:
    ledger = Ledger("t", MemoryStore())
    other = {**CALL, "call_id": "c2"}, {**OUTPUT, "call_id": "c2"}

    reading = read(ledger, HI, CALL, OUTPUT, SAID, HI, *other)

    assert [output["call_id"] for _, _, output in reading.new_outputs()] == ["c2"]


def test_the_summary_of_a_compaction_in_mid_turn_is_no_prompt() -> None:
    reading = read(Ledger("t", MemoryStore()), HI, message("user", SUMMARY_PREFIX + " and so on"))

    assert (reading.prompt, reading.origin) == (None, "tool")


def test_a_request_that_breaks_off_in_its_items_changes_nothing() -> None:
    ledger = Ledger("t", MemoryStore())
    read(ledger, HI)

    with pytest.raises(MalformedBody):
        read_request(ledger, speaker_of({}), RequestBody(b'{"input": [%s, {}, 7]}' % json.dumps(HI).encode()))
    reading = read(ledger, HI, SAID, HI)

    assert (reading.count, len(reading.view)) == (3, 3)


def test_a_prompt_that_is_only_kept_changes_no_byte() -> None:
    ledger = Ledger("t", MemoryStore())
    reading = read(ledger, HI)

    reading.keep_prompt()

    assert reading.key is not None
    assert ledger.taken(reading.key)
    assert not ledger.edited
    assert ledger.project(reading.view) is None


@pytest.mark.parametrize("given", [{"a": 1}, None, 7])
def test_an_input_that_is_no_list_and_no_text_holds_nothing(given: object) -> None:
    body = RequestBody(json.dumps({"input": given}).encode())

    assert len(read_request(Ledger("t", MemoryStore()), speaker_of({}), body).view) == 0


def test_what_is_known_to_come_again_is_compared_once_and_not_kept_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, long = Ledger("t", MemoryStore()), {**HI, "content": [{"type": "input_text", "text": "long " * 5000}]}
    read_request(ledger, speaker_of({}), RequestBody(json.dumps({"input": [long]}).encode()))
    body = RequestBody(json.dumps({"input": [long, HI]}).encode(), [ledger.beginning])
    assert body.begins is ledger.beginning

    def never(*_: object) -> bool:
        raise AssertionError("it was found while the body was read")

    monkeypatch.setattr(ClientView, "begins", never)

    assert len(read_request(ledger, speaker_of({}), body).view) == 2
    assert body.begins == b""


@pytest.mark.parametrize(("others", "copied"), [(10, False), (100_000, True)])
def test_a_body_is_kept_for_its_items_only_where_they_are_most_of_it(others: int, copied: bool) -> None:
    items = [message("user", "x" * 10_000)]
    body = RequestBody(msgspec.json.encode({"instructions": "i" * others, "input": items}))

    view = read_request(Ledger("t", MemoryStore()), speaker_of({}), body).view

    assert bytes(view.beginning) == msgspec.json.encode(items)[:-1]
    assert isinstance(view.beginning, bytes) == copied
