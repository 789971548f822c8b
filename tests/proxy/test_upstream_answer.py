"""The head of an answer."""

from __future__ import annotations

import pytest

from codexplus_core.proxy.upstream_answer import read_answer_head


def test_names_and_values_are_as_they_came_without_the_space_around_values() -> None:
    lines = [b"HTTP/1.1 201 Made: it\r\n", b"A:b\r\n", b"a: \t c \r\n", b"Empty:\r\n", b"\xe9: x:y\r\n"]

    assert read_answer_head(lines) == (201, [(b"A", b"b"), (b"a", b"c"), (b"Empty", b""), (b"\xe9", b"x:y")], False)


def test_a_line_that_goes_on_belongs_to_the_one_before() -> None:
    lines = [b"HTTP/1.1 200 OK\r\n", b" lost\r\n", b"A: b\r\n", b"\tc\r\n", b"  d\r\n"]

    assert read_answer_head(lines) == (200, [(b"A", b"b c d")], False)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HTTP/1.0 404 Gone\r\n", 404), (b"HTTP/1.1 100 Continue\r\n", 100), (b"HTTP/2 204 \r\n", 204),
        (b"HTTP/3 500\r\n", 500), (b"HTTP/1.1 2x0 OK\r\n", 502), (b"HTTP/1.1 \r\n", 502), (b"nothing\r\n", 0),
    ],
)  # fmt: skip
def test_the_status_is_the_first_lines(line: bytes, status: int) -> None:
    assert read_answer_head([line, b"a: b\r\n"]) == (status, [(b"a", b"b")], False)


def test_no_line_at_all_has_no_status() -> None:
    assert read_answer_head([]) == (0, [], False)


@pytest.mark.parametrize(
    ("lines", "chunked"),
    [
        ([b"Transfer-Encoding: chunked\r\n"], True), ([b"transfer-encoding:gzip, Chunked \r\n"], True),
        ([b"Transfer-Encoding: gzip,\r\n", b" chunked\r\n"], True), ([b"Transfer-Encoding: chunked, gzip\r\n"], False),
        ([b"Transfer-Encoding: gzip\r\n", b"TRANSFER-ENCODING: chunked\r\n"], True),
        ([b"X-fer-Encodings!: chunked\r\n"], False),
        ([b"Transfer-Encoding: identity\r\n"], False),
        ([b"Transfer-Encoding: chunked\r\n", b"X-fer-Encodings!: y\r\n"], True),
        ([b"Transfer-Encoding: gzip\r\n", b"X-fer-Encodings!: chunked\r\n"], False),
    ],
)  # fmt: skip
def test_the_body_comes_in_chunks_where_that_is_the_last_coding(lines: list[bytes], chunked: bool) -> None:
    assert read_answer_head([b"HTTP/1.1 200 OK\r\n", *lines])[2] is chunked
