"""A client that names no thread repeats itself: what it says again is not read again, and nothing else is shared."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from codexplus_core.conversation.ledger import Ledger
from codexplus_core.conversation.record import MemoryStore
from codexplus_core.conversation.unnamed import KEEP_BYTES, KEEP_VIEWS, UnnamedViews
from codexplus_core.conversation.view import ClientView
from codexplus_core.protocol.body import MalformedBody
from codexplus_core.protocol.items import message

Item = dict[str, Any]
SUMMARY = {"type": "compaction", "encrypted_content": "S"}


def array(*items: Item) -> bytes:
    return msgspec.json.encode(items)


def users(*texts: str) -> list[Item]:
    return [message("user", text) for text in texts]


def where(path: str) -> Item:
    return message("user", f"<environment_context>\n<cwd>{path}</cwd></environment_context>")


def test_what_is_said_again_is_not_parsed_again() -> None:
    views = UnnamedViews()
    read = [views.read(array(*users(*words))) for words in ("ab", "ab", "abc", "x", "abcd")]

    assert [view.parsed_items for view in read] == [2, 0, 1, 1, 1]
    assert [len(view) for view in read] == [2, 2, 3, 1, 4]


@pytest.mark.parametrize(
    "items",
    [users("a", "b"), users("a", "a", "b"), users("a", "b", "a", "c"), [*users("a"), SUMMARY, *users("a")], users("c")],
)
def test_a_view_that_goes_on_from_another_is_the_one_that_reading_all_of_it_gives(items: list[Item]) -> None:
    views, whole = UnnamedViews(), UnnamedViews().read(array(*items))
    for end in range(len(items) + 1):
        views.read(array(*items[:end]))

    view = views.read(array(*items))

    assert (view.keys, list(view.raws(9)), view.epochs) == (whole.keys, list(whole.raws(9)), whole.epochs)
    assert (view.boundary, view.has_ids, view.beginning) == (whole.boundary, whole.has_ids, whole.beginning)
    assert [view.knows(key.content, 9) for key in whole.keys] == [True] * len(whole)
    assert [view.item(index) for index in range(len(view))] == items


@pytest.mark.parametrize("more", [[], users("c"), [*users("c", "a")], [SUMMARY, *users("a")]])
@pytest.mark.parametrize("space", [b"", b" ", b"\n"])
def test_an_array_that_is_known_to_begin_with_a_view_is_read_as_if_that_were_not_known(
    more: list[Item], space: bytes
) -> None:
    known, unknown = UnnamedViews(), UnnamedViews()
    ledger = Ledger("t", MemoryStore())
    first = array(*users("a", "b"))
    for reads in (known.read, unknown.read, ledger.read):
        reads(first)
    whole = array(*users("a", "b"), *more)[:-1] + space + b"]"

    found = [
        known.read(memoryview(whole), known.beginnings[0]),
        ledger.read(memoryview(whole), ledger.beginning),
        unknown.read(whole),
    ]

    told = [(view.keys, list(view.raws(len(view))), view.epochs, view.boundary, view.beginning) for view in found]
    assert told[0] == told[1] == told[2]
    assert found[0].beginning == whole[:-1].rstrip()
    assert [view.parsed_items for view in found[:2]] == [len(more), len(more) + 2]


def test_a_beginning_counts_for_the_view_that_it_is_of_and_for_no_other() -> None:
    views, ledger = UnnamedViews(), Ledger("t", MemoryStore())
    for text in ("aaaa", "b"):
        views.read(array(*users(text)))
    ledger.read(array(*users("x")))
    older, whole = views.beginnings[1], array(*users("aaaa", "c"))

    found = [ledger.read(memoryview(whole), older), views.read(memoryview(whole), older)]

    assert [list(view.raws(2)) for view in found] == [[array(item)[1:-1] for item in users("aaaa", "c")]] * 2
    assert [view.beginning for view in found] == [whole[:-1]] * 2


def test_a_beginning_that_is_not_kept_any_more_is_looked_for_among_those_that_are() -> None:
    views = UnnamedViews()
    views.read(array(*users("a")))

    view = views.read(memoryview(array(*users("a", "b"))), bytes([*array(*users("a"))[:-1]]))

    assert (len(view), view.parsed_items) == (2, 1)


def test_two_that_go_on_from_one_view_have_nothing_of_each_other() -> None:
    views = UnnamedViews()
    one = views.read(array(*users("a")))
    left = views.read(array(*users("a", "left")))
    again = views.read(array(*users("a")))
    right = views.read(array(*users("a", "right")))

    texts = [
        [view.item(index)["content"][0]["text"] for index in range(len(view))] for view in (one, left, again, right)
    ]
    assert texts == [["a"], ["a", "left"], ["a"], ["a", "right"]]
    assert len(left.keys) == len(right.keys) == 2
    assert left.keys[1] != right.keys[1]


def test_what_was_decided_about_one_request_is_not_decided_about_the_next() -> None:
    views = UnnamedViews()
    first, second = (Ledger("", MemoryStore(), unnamed=views) for _ in range(2))
    view = first.read(array(*users("secret")))
    first.record(view.keys[0], "local", replace=[])
    nothing = first.project(view)
    assert nothing is not None
    assert list(nothing) == []

    again = second.read(array(*users("secret")))

    assert (again.parsed_items, len(again.upstream), again.judged) == (0, 0, 0)
    assert second.project(again) is None
    nothing = first.project(view)
    assert nothing is not None
    assert list(nothing) == []


def test_a_request_that_is_broken_leaves_the_others_as_they_are() -> None:
    views = UnnamedViews()
    views.read(array(*users("a")))

    with pytest.raises(MalformedBody):
        views.read(array(*users("a"))[:-1] + b",1]")

    assert views.read(array(*users("a", "b"))).parsed_items == 1


def test_the_newest_few_are_kept_and_no_more_than_there_is_room_for() -> None:
    views = UnnamedViews()
    for number in range(KEEP_VIEWS + 1):
        views.read(array(*users(str(number))))
    assert [views.read(array(*users(text))).parsed_items for text in (str(KEEP_VIEWS), "1", "0")] == [0, 0, 1]

    views.read(array(*users("x" * KEEP_BYTES)))
    assert views.beginnings == []

    views.read(b"[%b{}]" % (b"{}," * 100_000))
    assert views.beginnings == []


def test_what_is_kept_is_only_what_the_client_said() -> None:
    views = UnnamedViews()
    view = views.read(array(*users("a", "b")))
    view.upstream.add(b"decided", b"said")

    (kept,) = views._views

    assert (len(kept.upstream), kept._parsed, kept.beginning) == (0, {}, view.beginning)


def test_the_working_directory_is_the_one_in_the_newest_environment_context() -> None:
    views = UnnamedViews()
    quoted = message("assistant", "<environment_context><cwd>/quoted</cwd>")
    said = [where("/a"), *users("<cwd>/b</cwd>"), quoted, message("user", "see <environment_context><cwd>/c</cwd>")]

    found = [views.read(array(*said[:end])).cwd for end in range(len(said) + 1)]

    assert found == [None, "/a", "/a", "/a", "/a"]
    assert views.read(array(*said, where("/d"), *users("hi"))).cwd == "/d"
    assert views.read(array(*said)).cwd == "/a"


def test_a_view_that_is_lent_has_all_that_a_view_of_its_own_has() -> None:
    first = UnnamedViews()
    own = first.read(array(*users("a")))
    lent = first.read(array(*users("a")))

    assert lent is not own
    assert {name for name in ClientView.__slots__ if not hasattr(lent, name)} == set()


def test_copies_that_go_on_each_in_its_own_way_have_nothing_of_each_other() -> None:
    view = ClientView()
    view.grow(array(*users("a")))
    one, two = view.copy(), view.copy()
    (b, c) = ({**message("user", word), "id": f"msg_{word}"} for word in "bc")

    for copy, item in ((one, b), (two, c)):
        assert copy.grow(array(*users("a"), item))

    assert [[copy.item(1), len(copy.raws(9))] for copy in (one, two)] == [[b, 2], [c, 2]]
    assert [[view.has(key, end) for key in one.keys] for view, end in ((one, 1), (one, 2), (two, 9))] == [
        [True, False],
        [True, True],
        [True, False],
    ]
    assert len(view.raws(9)) == 1
