"""A request's top level: read without decoding it, and never in two ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.protocol.body import MalformedBody, RequestBody, parse_item, split_items

DEEP = b"[" * 100_000 + b"]" * 100_000
VALUES = st.sampled_from(["1", "12", "[]", '"1"', '{"model":"a","model":"b"}', '"a\\"b,c"', "[1, {}]", "null", "{ }"])
KEYS = st.sampled_from(['"model"', '"input"', '"\\u006dodel"', '"a:b"', '"\\\\"', '"\\""', '""', '"é"', '"/"', '"\\/"'])
SPACE = st.sampled_from(["", "", "", " ", "\n\t", "\r"])


def repeats(data: bytes) -> bool:
    """Whether the outermost object has a key twice, as the standard library reads it."""
    pairs: list[tuple[str, Any]] = []

    def note(found: list[tuple[str, Any]]) -> None:
        pairs[:] = found  # the outermost object is the last to be told

    json.loads(data, object_pairs_hook=note)
    return len({key for key, _ in pairs}) < len(pairs)


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    gap = lambda: draw(SPACE)  # noqa: E731
    pairs = [f"{gap()}{key}{gap()}:{gap()}{value}{gap()}" for key, value in draw(st.lists(st.tuples(KEYS, VALUES)))]
    return f"{gap()}{{{gap()}{','.join(pairs)}}}{gap()}".encode()


@given(objects())
def test_a_top_level_key_that_comes_twice_is_refused_and_nothing_else_is(data: bytes) -> None:
    try:
        RequestBody(data)
    except MalformedBody as error:
        assert "twice" in str(error)
        refused = True
    else:
        refused = False

    assert refused == repeats(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"model":"cheap","input":"a","model":"dear"}',
        b'{"input":[],"model":"m","input":["other words"]}',
        b'{ "input": 12, "input": 1 }',
        b'{"model":"a","\\u006dodel":"a"}',
    ],
)
def test_what_another_reader_could_take_for_another_request_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedBody, match="stands in it twice; send each key once"):
        RequestBody(data)


def test_what_comes_twice_further_down_is_none_of_our_business() -> None:
    body = RequestBody(b'{"model": "m", "tools": [{"a": 1, "a": 2}]}')

    assert body.text("model") == "m"


@pytest.mark.parametrize(
    "read",
    [
        lambda: RequestBody(DEEP),
        lambda: RequestBody(b'{"a":' + DEEP + b"}"),
        lambda: split_items(DEEP),
        lambda: parse_item(DEEP),
    ],
)
def test_what_is_nested_too_deeply_is_malformed(read: Any) -> None:
    with pytest.raises(MalformedBody):
        read()


NAMES = st.sampled_from(["model", "input", "tools", "stream", "ü", '"', "\\", "a b"])
ITEMS = st.lists(st.sampled_from([b"{}", b'{"a": [1, 2]}', b'{ "b":"\xc3\xbc" }', b"1"]), max_size=4)


@given(st.lists(NAMES, unique=True), ITEMS, st.sampled_from([None, "other"]))
def test_a_body_with_other_items_is_the_old_one_in_all_else_and_in_its_order(
    keys: list[str], items: list[bytes], model: str | None
) -> None:
    given = {key: f"value of {key}" if key == "model" else [{"x": 1.0}] for key in keys}
    body = RequestBody(json.dumps(given, ensure_ascii=False).encode())

    made = body.changed(items=items, model=model)

    replaced = {"input": b"[%b]" % b",".join(items), "model": json.dumps(model).encode()}
    wanted = {**body.top, **{key: replaced[key] for key in ("model", "input") if key == "input" or model}}
    parts = [json.dumps(key, ensure_ascii=False).encode() + b":" + bytes(value) for key, value in wanted.items()]
    assert made == b"{%b}" % b",".join(parts)
    assert body.changed() == b"{%b}" % b",".join(
        json.dumps(key, ensure_ascii=False).encode() + b":" + bytes(value) for key, value in body.top.items()
    )
