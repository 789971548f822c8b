"""The ledger keeps one conversation in two views."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from codexplus_core.conversation.ledger import HEAD, Ledger
from codexplus_core.conversation.record import MemoryStore
from codexplus_core.protocol.items import message
from codexplus_core.protocol.pieces import Pieces


def array(*items: dict[str, Any]) -> bytes:
    return msgspec.json.encode(items)


def sent(ledger: Ledger, *items: dict[str, Any]) -> list[dict[str, Any]]:
    view = ledger.read(array(*items))
    projected = ledger.project(view)
    if projected is None:
        return list(items)
    text = projected.between(b"[", b"]")
    assert text == b"[" + b",".join(projected) + b"]"
    out: list[dict[str, Any]] = msgspec.json.decode(text)
    return out


def listed(pieces: Pieces | None) -> list[bytes]:
    assert pieces is not None
    return list(pieces)


def raw(item: dict[str, Any]) -> bytes:
    return msgspec.json.encode(item)


def user(text: str, id: str | None = None) -> dict[str, Any]:
    return {**message("user", text), **({"id": id} if id else {})}


def said(text: str, id: str | None = None) -> dict[str, Any]:
    return {**message("assistant", text), **({"id": id} if id else {})}


HI = user("hi")
CONTEXT = user("<environment_context>x</environment_context>")


def test_a_thread_without_edits_is_sent_in_the_clients_own_bytes() -> None:
    ledger = Ledger("t", MemoryStore())

    view = ledger.read(array(CONTEXT, HI))

    assert ledger.project(view) is None


@pytest.mark.wire("W11")
def test_a_rewrite_is_applied_again_on_every_later_request_and_in_a_new_process() -> None:
    store = MemoryStore()
    ledger = Ledger("t", store)
    view = ledger.read(array(CONTEXT, user("/up x", "msg_1")))
    ledger.record(view.keys[1], "prompt", replace=[raw(user("REWRITTEN x", "msg_1"))])

    later = sent(ledger, CONTEXT, user("/up x", "msg_1"), said("ok"), HI)
    resumed = sent(Ledger("t", store), CONTEXT, user("/up x", "msg_1"), said("ok"), HI)

    assert later == resumed == [CONTEXT, user("REWRITTEN x", "msg_1"), said("ok"), HI]


def test_two_identical_prompts_without_ids_are_not_confused() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(HI, said("a"), HI))
    ledger.record(view.keys[2], "prompt", replace=[raw(user("second"))])

    assert sent(ledger, HI, said("a"), HI, said("b"), HI) == [HI, said("a"), user("second"), said("b"), HI]


def test_the_same_words_under_another_id_are_another_prompt() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(user("hi", "msg_1")))
    ledger.record(view.keys[0], "prompt", replace=[raw(user("edited"))])

    assert sent(ledger, user("hi", "msg_2")) == [user("hi", "msg_2")]


def test_an_item_recorded_under_an_id_is_found_again_when_the_client_drops_ids() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(user("hi", "msg_1")))
    ledger.record(view.keys[0], "prompt", replace=[raw(user("edited"))])

    assert sent(ledger, user("hi")) == [user("edited")]


def test_a_local_exchange_is_not_sent_to_the_model() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(CONTEXT, user("/help")))
    emission = view.emission()
    ledger.record(view.keys[1], "local", replace=[])
    ledger.record(emission.add(said("the help")), "reply", replace=[])

    assert sent(ledger, CONTEXT, user("/help"), said("the help"), HI) == [CONTEXT, HI]


def test_the_models_own_words_are_kept_when_they_equal_an_earlier_local_reply() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(user("/ping")))
    ledger.record(view.keys[0], "local", replace=[])
    ledger.record(view.emission().add(said("pong")), "reply", replace=[])

    assert sent(ledger, user("/ping"), said("pong"), HI, said("pong")) == [HI, said("pong")]


def test_a_hidden_round_is_inserted_after_the_item_it_followed() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(HI))
    emission = view.emission()
    key = emission.add({"type": "reasoning", "encrypted_content": "E"})
    call = {"type": "function_call", "call_id": "c", "name": "plus", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "o"}
    ledger.insert(key, [raw(call), raw(output)])
    reasoning = {"type": "reasoning", "summary": [], "encrypted_content": "E"}

    assert sent(ledger, HI, reasoning, said("done")) == [HI, reasoning, call, output, said("done")]


def test_a_hidden_round_before_anything_visible_follows_the_prompt() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(HI))
    assert sent(ledger, HI) == [HI]
    ledger.insert(view.emission().last, [raw(said("one"))])
    ledger.insert(view.emission().last, [raw(said("two"))])

    assert sent(ledger, HI) == [HI, said("one"), said("two")]


def test_edits_of_dropped_items_sleep_and_wake_with_them() -> None:
    ledger = Ledger("t", MemoryStore())
    first, second = user("one"), user("two")
    view = ledger.read(array(first, said("a"), second))
    ledger.record(view.keys[2], "prompt", replace=[raw(user("TWO"))])

    backtracked = sent(ledger, first, said("a"), user("three"))
    back_again = sent(ledger, first, said("a"), second, said("b"))

    assert backtracked == [first, said("a"), user("three")]
    assert back_again == [first, said("a"), user("TWO"), said("b")]


@pytest.mark.wire("W11")
def test_after_a_compaction_rewrites_hold_and_hidden_rounds_sleep() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(CONTEXT, user("/up"), said("a"), user("/help"), said("h")))
    ledger.record(view.keys[1], "prompt", replace=[raw(user("UP"))], context=[raw(message("developer", "ctx"))])
    ledger.insert(view.keys[1], [raw(said("hidden"))])
    ledger.record(view.keys[3], "local", replace=[])
    ledger.record(view.keys[4], "reply", replace=[])
    summary = {"type": "compaction", "encrypted_content": "S"}

    assert sent(ledger, user("/up"), user("/help"), CONTEXT, summary, HI) == [user("UP"), CONTEXT, summary, HI]


def test_after_a_compaction_that_lost_the_oldest_of_two_identical_prompts_the_newest_edit_holds() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(HI, said("a"), HI))
    ledger.record(view.keys[0], "prompt")
    ledger.record(view.keys[2], "prompt", replace=[raw(user("second"))])
    summary = {"type": "compaction", "encrypted_content": "S"}

    assert sent(ledger, HI, summary) == [user("second"), summary]
    assert sent(ledger, HI, HI, summary) == [HI, user("second"), summary]


def test_the_same_prompt_after_a_compaction_is_a_new_one() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(HI))
    ledger.record(view.keys[0], "prompt", replace=[raw(user("first"))])
    summary = {"type": "compaction", "encrypted_content": "S"}

    assert sent(ledger, HI, summary, HI) == [user("first"), summary, HI]


def test_a_fork_inherits_edits() -> None:
    store = MemoryStore()
    ledger = Ledger("t", store)
    ledger.record(ledger.read(array(HI)).keys[0], "prompt", replace=[raw(user("edited"))])

    store.inherit("fork", "t")

    assert sent(Ledger("fork", store), HI, said("a")) == [user("edited"), said("a")]


@pytest.mark.req("P9")
def test_a_request_reads_only_the_items_that_are_new() -> None:
    ledger = Ledger("t", MemoryStore())
    items = [user(f"prompt {n}") for n in range(500)]
    view = ledger.read(array(*items))
    assert view.parsed_items == 500

    again = ledger.read(array(*items, said("a"), HI))

    assert again is view
    assert again.parsed_items == 502


def test_a_longer_view_is_sent_with_the_same_beginning() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(HI, said("a")))
    ledger.record(view.keys[0], "prompt", replace=[raw(user("x"))], context=[raw(message("developer", "c"))])
    short = sent(ledger, HI, said("a"))

    long = sent(ledger, HI, said("a"), user("b"))

    assert long[: len(short)] == short


def test_what_stands_before_the_first_item_goes_up_although_no_item_is_another() -> None:
    ledger = Ledger("t", MemoryStore())
    ledger.read(array(HI))
    ledger.record(HEAD, "anchor", context=[raw(user("before"))])

    assert sent(ledger, HI) == [user("before"), HI]


def test_a_part_of_a_view_goes_up_without_what_stands_behind_it() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(array(HI, said("a"), user("b")))
    ledger.record(view.keys[0], "prompt", replace=[raw(user("edited"))])
    whole = listed(ledger.project(view))

    assert whole == [raw(user("edited")), raw(said("a")), raw(user("b"))]
    assert listed(ledger.project(view, 1)) == whole[:1]
