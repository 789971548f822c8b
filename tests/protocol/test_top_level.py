"""A conversation that is sent again is not decoded again, and reads exactly as if it were."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.protocol import top_level as module
from codexplus_core.protocol.body import MalformedBody, RequestBody

LONG = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": 'so "long", \\ ü ' * 2000}]}
BEGINNING = json.dumps([LONG]).encode()[:-1]
COMPACT = json.dumps([LONG, {"role": "user", "content": "hi"}], separators=(",", ":")).encode()[:-1]
PIECES = st.sampled_from(
    [
        BEGINNING, COMPACT, BEGINNING[:-1], b'"input":', b'"input": ', b'"input":\n', b'{"input":', b'"x":', b'"x":"',
        b"{", b"}", b"[", b"]", b",", b'"', b"\\", b" ", b"1", b"[1]", b'{"a":1}', b'"model":"m"', b"\xff",
        module._STANDS_FOR,
    ]
)  # fmt: skip


def read(data: bytes, *known: bytes) -> Any:
    """All that a body says, or why it says nothing."""
    try:
        body = RequestBody(data, known)
    except MalformedBody as error:
        return str(error)
    try:
        decoded = body.parsed()
    except MalformedBody as error:
        decoded = {"broken": str(error)}
    return {key: bytes(raw) for key, raw in body.top.items()}, body.input, decoded, body.changed(model="other")


def looked_through(data: bytes, monkeypatch: pytest.MonkeyPatch, *known: bytes) -> int:
    """How many bytes are decoded to read a body."""
    seen: list[int] = []
    whole = module._decode_top

    def counting(part: bytes) -> Any:
        seen.append(len(part))
        return whole(part)

    with monkeypatch.context() as patched:
        patched.setattr(module, "_decode_top", counting)
        RequestBody(data, known)
    return sum(seen)


@given(st.lists(PIECES, max_size=10))
def test_whatever_stands_around_known_items_a_body_reads_as_if_nothing_were_known(pieces: list[bytes]) -> None:
    data = b"".join(pieces)

    assert read(data, BEGINNING, COMPACT) == read(data)


@pytest.mark.parametrize("head", [b'{"model":"m","input":', b'{"input": ', b'{"text":"\\"input\\":[","input":'])
@pytest.mark.parametrize("tail", [b"]}", b',{"role":"user"}],"tools":[]}', b', 1, "x" ] , "store": false } '])
def test_what_goes_on_from_known_items_is_decoded_without_them(
    head: bytes, tail: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = head + BEGINNING + tail

    assert read(data, b"[1", BEGINNING) == read(data)
    assert looked_through(data, monkeypatch, BEGINNING) < 200


@pytest.mark.parametrize(
    "data",
    [
        b'{"x":{"input":' + BEGINNING + b']},"input":[1]}',
        b'{"x":{"input":' + BEGINNING + b']},"input":' + BEGINNING + b",2]}",
        b'{"input":' + BEGINNING + b'],"input":[1]}',
        b'{"input":' + BEGINNING + b'],"input":' + BEGINNING + b"]}",
        b'{"input":[1],"input":' + BEGINNING + b"]}",
        b'{"input":' + BEGINNING + b"",
        b'{"input":' + BEGINNING + b",",
        b'{"input":' + BEGINNING + b"x]}",
        b'{"input":' + BEGINNING + b',]}, "model": "m"}',
        b'{"input":' + BEGINNING + b'],"model":"a","model":"b"}',
        b'["input":' + BEGINNING + b"]]",
    ],
)
def test_what_only_looks_like_it_goes_on_from_known_items_is_read_as_a_whole(data: bytes) -> None:
    assert read(data, BEGINNING) == read(data)


def test_a_fault_behind_known_items_is_told_by_its_place_in_the_whole() -> None:
    data = b'{"input":' + BEGINNING + b",oops]}"

    assert read(data, BEGINNING) == read(data)
    assert str(len(data) - 6) in read(data)


def test_of_several_known_beginnings_the_longest_that_fits_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    longer = json.dumps([LONG, LONG]).encode()[:-1]
    data = b'{"input": ' + longer + b', 1], "model": "m"}'

    assert read(data, BEGINNING, longer, longer + b", 2") == read(data)
    assert looked_through(data, monkeypatch, BEGINNING, longer, longer + b", 2") < 100


def test_few_items_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b'{"input":[1,2]}'

    assert looked_through(data, monkeypatch, b"[1") == len(data)


def test_a_body_begins_with_the_longest_of_what_is_known() -> None:
    longer = BEGINNING + b"," + json.dumps(LONG).encode()
    data = b'{"input":%b,{"role":"user"}]}' % longer

    assert RequestBody(data, [BEGINNING, longer]).begins is longer
    assert RequestBody(data, [BEGINNING]).begins is BEGINNING


@pytest.mark.parametrize("behind", [b" ,{}]", b"\n]", b"x]", b""])
def test_what_is_known_ends_where_an_item_does_with_nothing_in_between(behind: bytes) -> None:
    try:
        begins = RequestBody(b'{"input":%b%b}' % (BEGINNING, behind), [BEGINNING]).begins
    except MalformedBody:
        begins = b""

    assert begins == b""
