"""The header lines that go up, known by their names or judged one by one, are the same."""

from __future__ import annotations

import random

import pytest

from codexplus_core.proxy.transport import Headers, UpstreamError
from codexplus_core.proxy.upstream_easy import _judged, _plan, header_lines

NAMES = (
    b"Accept", b"content-type", b"Content-Length", b"content-length", b"Connection", b"x-one", b"X-One", b"TE",
    b"authorization", b"expect",
)  # fmt: skip
VALUES = (b"a", b"", b"7", b" 7 ", b"07", b"0", b"keep-alive")
NOTHING_ADDED = [b"Expect:", b"Accept:", b"Content-Type:"]


@pytest.mark.parametrize("seed", range(300))
def test_lines_are_those_that_judging_each_of_them_gives(seed: int) -> None:
    dice = random.Random(seed)
    headers = [(dice.choice(NAMES), dice.choice(VALUES)) for _ in range(dice.randrange(6))]
    for length, send_body in ((7, True), (7, False), (0, True), (0, False)):
        lines = header_lines(headers, length, send_body)

        assert [line for line in lines if line not in NOTHING_ADDED] == _judged(headers, length, send_body)
        names = {name.lower() for name, _ in headers}
        assert (b"Expect:" in lines, b"Accept:" in lines) == (True, b"accept" not in names)
        assert (b"Content-Type:" in lines) == (send_body and b"content-type" not in names)


def test_more_names_than_are_remembered_go_up_too() -> None:
    headers = [(b"x-%d" % number, b"v") for number in range(100)]
    asked = _plan.cache_info()

    assert header_lines(headers, 0, False)[:100] == [b"x-%d: v" % number for number in range(100)]
    assert _plan.cache_info() == asked


@pytest.mark.parametrize("others", [[], [(b"te", b"trailers")]])
@pytest.mark.parametrize(
    ("said", "length", "send_body", "goes_up"),
    [
        (b"7", 7, True, True), (b" 7 ", 7, True, True), (b"0", 0, False, True), (b"0", 0, True, True),
        (b"7", 7, False, False), (b"8", 7, True, False), (b"07", 7, True, False), (b"", 0, True, False),
    ],
)  # fmt: skip
def test_a_length_goes_up_only_where_it_is_that_of_what_is_sent(
    others: Headers, said: bytes, length: int, send_body: bool, goes_up: bool
) -> None:
    lines = header_lines([(b"Content-Length", said), *others], length, send_body)

    assert (b"Content-Length: " + said in lines) == goes_up
    assert any(line.startswith(b"Content-Length") for line in lines) == goes_up


@pytest.mark.parametrize("line", [(b"x", b"a\r\nb"), (b"x\nb", b"a"), (b"x", b"\0")])
def test_a_line_break_is_refused_whatever_else_there_is(line: tuple[bytes, bytes]) -> None:
    for others in ([], [(b"connection", b"close")]):
        with pytest.raises(UpstreamError, match="line break"):
            header_lines([*others, line], 0, False)
