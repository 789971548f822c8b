"""One event: its payload is what a reader of lines finds, however it is framed."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from codexplus_core.protocol.events import Event, fields

pieces = st.sampled_from(
    [b"event: ", b"event:", b"data: ", b"data:", b"\ndata: ", b"\n", b"\n\n", b"\r", b"\r\n", b"x", b"{}", b": note",
     b"id: 1", b"\xef\xbb\xbf", b" "]
)  # fmt: skip


@given(st.lists(pieces, max_size=9).map(b"".join))
@example(b"event: x\ndata: {}\n\n")
@example(b"event: x\ndata: {}\ndata: {}\n\n")
@example(b"event: x\ndata: {}\rdata: {}\n\n")
@example(b"event: x\ndata: {}\n\ndata: {}\n\n")
@example(b"event: x\ndata: {}\n\nx")
@example(b"event: x\ndata: \n\n")
@example(b"id: x\ndata: {}\n\n")
@example(b"data: x\ndata: {}\n\n")
@example(b"data: a\ndata: b\n\n")
def test_a_payload_is_the_same_whichever_way_it_is_found(raw: bytes) -> None:
    assert Event("x", raw=raw).payload == (fields(raw)[1] or b"")
