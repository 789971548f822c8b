"""An ending that goes by as it is is read for its figures alone, and tells the same as if all of it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.protocol.events import Event
from codexplus_core.protocol.splice import ENDINGS, Splicer


class Whole(Splicer):
    """Decodes every ending as a whole."""

    __slots__ = ()

    def _passes(self, event: Event) -> bool:
        return False


numbers = st.one_of(st.integers(0, 10), st.just(10**30), st.floats(0, 9), st.booleans(), st.none(), st.just("1"))
usages = st.dictionaries(
    st.sampled_from(["input_tokens", "output_tokens", "total_tokens", "input_tokens_details", "odd"]),
    st.one_of(numbers, st.dictionaries(st.sampled_from(["cached_tokens", "odd"]), numbers, max_size=2)),
    max_size=4,
)
responses = st.dictionaries(
    st.sampled_from(["id", "usage", "output"]),
    st.one_of(usages, numbers, st.sampled_from(["resp_1", "", [], [{"type": "message"}]])),
    max_size=3,
)
endings = st.builds(
    lambda kind, data: Event(kind, {**data, "type": kind}),
    st.sampled_from(sorted(ENDINGS)),
    st.dictionaries(st.sampled_from(["response", "sequence_number", "x"]), st.one_of(responses, numbers), max_size=3),
)
begun = Event("response.created", {"response": {"id": "resp_0"}, "sequence_number": 0})
unread = Event("", raw=b": something\n\n", payload=b"")


@given(st.lists(st.one_of(endings, st.sampled_from([begun, unread])), max_size=4))
def test_an_ending_that_is_read_for_its_figures_alone_tells_the_same(events: list[Event]) -> None:
    quick, whole = Splicer(), Whole()

    for event in events:
        raw = [
            None if shown is None else shown.raw
            for shown in (quick.event(event), whole.event(Event(event.type, raw=event.raw)))
        ]
        assert raw[0] == raw[1]

    for name in ("usage", "last_response_id", "sent", "visible_items", "_stale", "_shift"):
        assert getattr(quick, name) == getattr(whole, name), name


def test_an_ending_that_goes_by_as_it_is_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    splicer = Splicer()
    ending = Event("response.completed", {"response": {"id": "r", "usage": {"total_tokens": 3}}, "sequence_number": 9})
    arrived = Event("response.completed", raw=ending.raw)

    assert splicer.event(arrived) is arrived

    assert (splicer.usage.total_tokens, splicer.last_response_id, splicer.sent) == (3, "r", 10)
    assert arrived._data is None


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"a":' * 100_000])
def test_an_ending_that_nobody_can_decode_goes_by_as_it_is(deep: bytes) -> None:
    raw = b'event: response.completed\ndata: {"response":{"usage":{"x":%b}}}\n\n' % deep
    event = Event("response.completed", raw=raw)

    assert Splicer().event(event) is event
