"""The model's view is made once and then goes on: it stays the one that would be made afresh."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from codexplus_core.conversation.ledger import Ledger
from codexplus_core.conversation.record import Key, MemoryStore
from codexplus_core.conversation.view import ClientView
from codexplus_core.protocol.items import message

WORDS = ("continue", "yes", "one", "two", "three")


def raw(item: dict[str, Any]) -> bytes:
    return msgspec.json.encode(item)


class Conversation:
    """A client that goes on, goes back or has its history compacted, and what is decided about what it says."""

    def __init__(self, seed: int, *, ids: bool) -> None:
        self.dice = random.Random(seed)
        self.ids = ids
        self.store = MemoryStore()
        self.ledger = Ledger("t", self.store)
        self.items: list[dict[str, Any]] = []
        self.said = 0

    def say(self, role: str) -> None:
        self.said += 1
        item = message(role, self.dice.choice(WORDS))
        self.items.append({**item, "id": f"msg_{self.said}"} if self.ids else item)

    def go_back(self) -> None:
        del self.items[self.dice.randint(0, len(self.items)) :]

    def compact(self) -> None:
        kept = [item for item in self.items if item["role"] == "user"][-self.dice.randint(1, 4) :]
        self.items = [*kept, message("user", "Another language model started to solve this problem and …")]

    def read(self) -> ClientView:
        return self.ledger.read(raw_array(self.items))

    def decide(self, view: ClientView) -> None:
        """Some decision about one of the newest items."""
        index = self.dice.randint(max(0, len(view) - 3), len(view) - 1)
        key, dice = view.keys[index], self.dice
        what = dice.randrange(6)
        if what == 0:
            self.ledger.record(key, "prompt", replace=[raw(message("user", f"edited {self.said}"))])
        elif what == 1:
            self.ledger.record(key, "local", replace=())
        elif what == 2:
            self.ledger.record(key, "anchor", context=[raw(message("developer", f"context {self.said}"))])
        elif what == 3:
            self.ledger.insert(dice.choice([key, key, None]), [raw(message("user", f"hidden {self.said}"))])
        elif what == 4:
            emission = view.emission()
            until = emission.add(message("assistant", dice.choice(WORDS)))
            self.ledger.journal(key, [raw(message("assistant", f"part {self.said}"))], until)
        else:
            self.ledger.finish(key)


def raw_array(items: list[dict[str, Any]]) -> bytes:
    return b"[" + b",".join(map(raw, items)) + b"]"


def sent(ledger: Ledger, view: ClientView) -> bytes:
    pieces = ledger.project(view)
    return b",".join(view.raws(len(view))) if pieces is None else pieces.text()


@pytest.mark.wire("W11")
@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("seed", range(100))
def test_the_models_view_is_the_one_that_another_process_would_make(seed: int, ids: bool) -> None:
    talk = Conversation(seed, ids=ids)
    for _ in range(40):
        dice = talk.dice.random()
        if dice < 0.06:
            talk.go_back()
        elif dice < 0.1 and talk.items:
            talk.compact()
        else:
            talk.say(talk.dice.choice(("user", "user", "assistant")))
        view = talk.read()
        if len(view) and talk.dice.random() < 0.6:
            talk.decide(view)
        other = Ledger("t", talk.store)

        assert sent(talk.ledger, view) == sent(other, other.read(raw_array(talk.items)))


def test_words_that_come_again_do_not_have_everything_made_again() -> None:
    ledger, items = Ledger("t", MemoryStore()), list[dict[str, Any]]()
    for number in range(50):
        items += [message("user", "continue"), message("assistant", f"answer {number}")]
        view = ledger.read(raw_array(items[:-1]))
        before = len(view.upstream)
        ledger.record(view.keys[-1], "prompt", replace=[raw(message("user", f"go on {number}"))])
        assert len(view.upstream) == before
        ledger.project(view)

    assert sent(ledger, view) == b",".join(
        raw(message("user", f"go on {index // 2}")) if index % 2 == 0 else raw(item)
        for index, item in enumerate(items[:-1])
    )


def test_an_edit_that_is_taken_back_leaves_the_clients_own_bytes() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(raw_array([message("user", "one"), message("user", "two")]))
    ledger.record(view.keys[1], "prompt", replace=[raw(message("user", "edited"))])
    size = view.size
    assert [ledger.project(view, count) is None for count in (2, 1, 0)] == [False, True, True]

    assert ledger.size == size
    sent(ledger, view)
    assert view.size > size

    ledger.record(view.keys[1], "prompt", renew=True)

    assert ledger.project(view) is None


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_id_that_comes_again_is_decided_about_wherever_it_stands(place: int) -> None:
    store = MemoryStore()
    ledger = Ledger("t", store)
    items = [message("assistant", "one"), message("assistant", "two"), message("assistant", "three")]
    items = [{**item, "id": "same"} for item in items]
    view = ledger.read(raw_array(items))
    ledger.record(view.keys[1], "anchor", context=[raw(message("developer", "first"))])
    sent(ledger, view)

    ledger.record(view.keys[place], "anchor", context=[raw(message("developer", "again"))])

    other = Ledger("t", store)
    assert sent(ledger, view) == sent(other, other.read(raw_array(items)))


def test_a_record_of_a_window_that_is_gone_is_for_the_words_that_came_back() -> None:
    store = MemoryStore()
    ledger = Ledger("t", store)
    items = [message("user", "one"), message("user", "two")]
    view = ledger.read(raw_array(items))
    ledger.record(view.keys[1], "prompt", replace=[raw(message("user", "edited"))])
    sent(ledger, view)

    ledger.record(Key(None, view.keys[0].content, "another window"), "prompt", replace=[raw(message("user", "found"))])

    assert sent(ledger, view) == b",".join([raw(message("user", "found")), raw(message("user", "edited"))])


def test_words_decided_about_again_have_nothing_before_them_made_again() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(raw_array([message("user", "one"), message("user", "two")]))
    ledger.record(view.keys[1], "prompt", replace=[raw(message("user", "edited"))])
    sent(ledger, view)

    ledger.record(view.keys[1], "prompt", replace=[raw(message("user", "again"))])

    assert len(view.upstream) == 1
    assert sent(ledger, view) == b",".join([raw(message("user", "one")), raw(message("user", "again"))])


def test_a_record_without_an_id_is_for_the_newest_item_that_has_one() -> None:
    ledger = Ledger("t", MemoryStore())
    view = ledger.read(raw_array([message("user", "one"), {**message("user", "two"), "id": "msg_2"}]))
    ledger.record(view.keys[0], "prompt", replace=[raw(message("user", "edited"))])
    sent(ledger, view)

    ledger.record(Key(None, view.keys[1].content), "local", replace=())

    assert sent(ledger, view) == raw(message("user", "edited"))


def test_what_stood_before_everything_is_not_said_again_behind_a_compaction() -> None:
    ledger = Ledger("t", MemoryStore())
    items = [message("user", "one")]
    hidden = raw(message("developer", "hidden"))
    ledger.insert(None, [hidden])
    assert sent(ledger, ledger.read(raw_array(items))) == b",".join([hidden, raw(items[0])])

    items.append(message("user", "Another language model started to solve this problem and …"))

    assert sent(ledger, ledger.read(raw_array(items))) == b",".join(map(raw, items))


def test_words_that_a_record_of_another_window_was_for_lose_it_where_it_is_replaced() -> None:
    ledger = Ledger("t", MemoryStore())
    items = [message("user", "one"), message("user", "two")]
    view = ledger.read(raw_array(items))
    content = view.keys[0].content
    ledger.record(Key("msg_1", content, "another window"), "prompt", replace=[raw(message("user", "found"))])
    ledger.record(view.keys[1], "prompt", replace=[raw(message("user", "edited"))])
    assert sent(ledger, view) == b",".join([raw(message("user", "found")), raw(message("user", "edited"))])

    ledger.record(Key("msg_1", content, ordinal=1), "prompt", renew=True)

    assert sent(ledger, view) == b",".join([raw(items[0]), raw(message("user", "edited"))])
