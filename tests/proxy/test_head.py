"""What is read on the connection itself, and that it is read as the server's own parser would."""

from __future__ import annotations

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codexplus_core.proxy.head import LIMIT, Head, header_lines, read_head

GET = b"GET /v1/models?a=b HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nAccept: */*\r\n\r\n"
POST = (
    b"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1:3000\r\nContent-Type: application/json\r\n"
    b"x-MiXed:\tb\xe9ta  gamma\r\ncontent-length: 12\r\nConnection: keep-alive\r\n\r\n"
)
UPGRADE = (
    b"GET /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def test_a_head_is_taken_apart_with_names_and_values_as_they_came() -> None:
    head = read_head(POST)

    assert head == Head(
        method="POST",
        path=b"/v1/responses",
        query=b"",
        headers=[
            (b"host", b"127.0.0.1:3000"),
            (b"Content-Type", b"application/json"),
            (b"x-MiXed", b"b\xe9ta  gamma"),
            (b"content-length", b"12"),
            (b"Connection", b"keep-alive"),
        ],
        length=12,
    )


def test_the_query_is_what_stands_behind_the_first_question_mark() -> None:
    head = read_head(GET.replace(b"?a=b", b"?a=b?c"))

    assert head is not None
    assert (head.path, head.query) == (b"/v1/models", b"a=b?c")


@pytest.mark.parametrize(("value", "close"), [(b"close", True), (b"Close", True), (b"Keep-Alive", False), (b"", False)])
def test_only_close_ends_the_connection(value: bytes, close: bool) -> None:
    head = read_head(b"GET / HTTP/1.1\r\nHost: x\r\nConnection:" + value + b"\r\n\r\n")

    assert head is not None
    assert head.close is close


@pytest.mark.parametrize("name", [b"websocket", b"WebSocket"])
def test_a_websocket_handshake_is_one(name: bytes) -> None:
    head = read_head(UPGRADE.replace(b"websocket", name))

    assert head is not None
    assert head.websocket


@pytest.mark.abuse("A11", "A12", "A13", "A15")
@pytest.mark.parametrize(
    "line",
    [
        b"Transfer-Encoding: chunked", b"transfer-encoding:", b"Transfer-Encoding : chunked", b"Expect: 100-continue",
        b"TE: trailers", b"Trailer: x", b"HTTP2-Settings: AAMAAABkAAQAAP__", b"Host: x", b"Content-Length: 12",
        b"Content-Length: 13", b"Connection: close", b"Upgrade: h2c", b"Upgrade: websocket", b"X-A: a ", b"X-A: a\t",
        b"X-A: ", b"X A: a", b"X-A : a", b": a", b"X-A", b" folded", b"\tfolded", b"X-A: a\nX-B: b", b"X-A: a\rX-B: b",
        b"X-A: a\0b", b"X-A: a\x01b", b"X-A: a\x7fb", b"X-A: a\x0bb", b"X-A: a\x0cb", b"X\xe9: a", b"",
    ],
)  # fmt: skip
def test_a_line_that_is_out_of_the_ordinary_leaves_the_head_to_the_servers_own_parser(line: bytes) -> None:
    block = POST[:-2] + line + b"\r\n\r\n"
    first, _, rest = POST.partition(b"\r\n")

    assert read_head(block) is None
    assert read_head(first + b"\r\n" + line + b"\r\n" + rest) is None


@pytest.mark.abuse("A12")
@pytest.mark.parametrize(
    "value", [b"-1", b"+2", b"0x2", b"1_0", b"", b"2, 2", b"2,3", b"2 2", b"\xb2", b"2.0", b"9" * 16]
)
def test_a_length_that_is_no_plain_number_is_not_read_here(value: bytes) -> None:
    assert read_head(POST.replace(b"12", value)) is None


@pytest.mark.abuse("A04", "A14", "A15")
@pytest.mark.parametrize(
    "first",
    [
        b"GET http://x/ HTTP/1.1", b"GET x HTTP/1.1", b"GET * HTTP/1.1", b"GET  / HTTP/1.1", b"GET /  HTTP/1.1",
        b"GET / HTTP/1.1 ", b" GET / HTTP/1.1", b"GET\t/ HTTP/1.1", b"GET / HTTP/1.0", b"GET / HTTP/1.2", b"GET /",
        b"GET / HTTP/2.0", b"GET / http/1.1", b"get / HTTP/1.1", b"GET /\xe9 HTTP/1.1", b"GET /\x7f HTTP/1.1",
        b"GET /\0 HTTP/1.1", b"GET / HTTP/1.1\nX: y", b"\r\nGET / HTTP/1.1", b"PRI * HTTP/2.0", b"X / HTTP/1.1",
        b"CONNECT /x HTTP/1.1",
    ],
)  # fmt: skip
def test_a_first_line_that_is_out_of_the_ordinary_is_not_read_here(first: bytes) -> None:
    assert read_head(first + b"\r\nHost: x\r\n\r\n") is None


@pytest.mark.abuse("A04")
def test_a_head_without_a_host_is_not_read_here() -> None:
    assert read_head(b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n") is None
    assert read_head(b"GET / HTTP/1.1\r\n\r\n") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"keep-alive, Upgrade", b"keep-alive"), (b"keep-alive, Upgrade", b"Upgrade, close"),
        (b"keep-alive, Upgrade", b"Upgrade, HTTP2-Settings"), (b"keep-alive, Upgrade", b"Upgrade,"),
        (b"GET", b"POST"), (b": websocket", b": websocket, h2c"), (b"Upgrade: websocket\r\n", b""),
        (b"Sec-WebSocket-Version: 13", b"Content-Length: 0"),
    ],
)  # fmt: skip
def test_a_handshake_that_is_out_of_the_ordinary_is_not_read_here(old: bytes, new: bytes) -> None:
    assert old in UPGRADE
    assert read_head(UPGRADE.replace(old, new)) is None


@pytest.mark.parametrize("headers", [[(b"a", b"b\r\nc: d")], [(b"a\n", b"b")], [(b"a", b"b\r")], [(b"a", b"\0")]])
def test_an_answers_header_that_would_break_its_line_is_an_error(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(ValueError, match="line break"):
        header_lines([(b"x", b"y"), *headers])
    with pytest.raises(ValueError, match="line break"):
        header_lines([(b"\0", b""), (b"x", b"y")])


NAMES = st.sampled_from(
    [
        b"Host", b"host", b"Content-Length", b"content-length", b"Content_Length", b"Transfer-Encoding", b"TE",
        b"Expect", b"Trailer", b"Connection", b"Upgrade", b"HTTP2-Settings", b"X-A", b"Keep-Alive", b"", b"X A",
        b"a\xe9",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        [
            b"x", b"", b"2", b"02", b"+2", b"2, 2", b"2 ", b"999999999999999", b"9999999999999999", b"chunked",
            b"close", b"keep-alive", b"upgrade", b"Upgrade, keep-alive", b"websocket", b"WebSocket", b"h2c",
            b"100-continue", b"a" * 5000,
        ]
    ),
    st.binary(max_size=6),
    st.text("\t \r\n\0\x0b\x0c\x1f\x7f\x85\xa0\xe9a:", max_size=6).map(lambda text: text.encode("latin-1")),
)  # fmt: skip
COLONS = st.sampled_from([b": ", b":", b":\t", b" : ", b":  \t"])
ENDS = st.sampled_from([b"\r\n"] * 50 + [b"\n", b"\r", b"\r\r\n", b" \r\n", b"\t\r\n", b"\r\n ", b"\r\n\r\n"])
TARGETS = st.one_of(
    st.sampled_from([b"/", b"/v1/responses?a=b", b"//x", b"/a%2e%2e", b"http://x/", b"x:1", b"*", b"/a#b", b"/a?b?c"]),
    st.binary(max_size=5).map(lambda tail: b"/" + tail),
)
METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT", b"PRI", b"get", b"G\xe9T", b""])
VERSIONS = st.sampled_from([b"HTTP/1.1"] * 20 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 "])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A head as no two programs write it."""
    out = [draw(METHODS), b" ", draw(TARGETS), b" ", draw(VERSIONS), draw(ENDS), b"Host: x", draw(ENDS)]
    for _ in range(draw(st.integers(0, 4))):
        out += [draw(NAMES), draw(COLONS), draw(VALUES), draw(ENDS)]
    return b"".join(out) + b"\r\n"


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good head with some of its bytes replaced, added or taken away."""
    block = bytearray(draw(st.sampled_from([GET, POST, UPGRADE])))
    pieces = st.one_of(
        st.binary(max_size=2), st.sampled_from([b" ", b"\t", b"\r\n", b"\n", b"\r", b":", b"\0", b",", b"0", b"\xa0"])
    )
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(block)))
        block[at : at + draw(st.integers(0, 2))] = draw(pieces)
    return bytes(block)


def read_by_h11(data: bytes) -> tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes, bytes]:
    """Method, target, header lines, body, and what is left for the next request."""
    server = h11.Connection(h11.SERVER, max_incomplete_event_size=LIMIT)
    server.receive_data(data)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    assert request.http_version == b"1.1"
    assert not server.they_are_waiting_for_100_continue
    body = b""
    while isinstance(event := server.next_event(), h11.Data):
        body += event.data
    assert event is h11.NEED_DATA or (isinstance(event, h11.EndOfMessage) and not list(event.headers))
    return request.method, request.target, request.headers.raw_items(), body, server.trailing_data[0]


@pytest.mark.abuse("A11", "A12", "A13")
@settings(max_examples=2000)
@given(st.one_of(heads(), damaged()))
@example(GET)
@example(POST)
@example(UPGRADE)
def test_what_is_read_here_is_read_by_h11_as_the_same_one_request(data: bytes) -> None:
    end = data.find(b"\r\n\r\n") + 4
    block = data[:end]

    head = read_head(block)

    if head is None:
        return
    names = [name.lower() for name, _ in head.headers]
    assert not {b"transfer-encoding", b"expect", b"te", b"trailer", b"http2-settings"} & set(names)
    assert names.count(b"host") == 1
    assert all(names.count(name) <= 1 for name in (b"content-length", b"connection", b"upgrade"))
    # Bytes for a body of any length up to this one, and then some that are the next request's.
    behind = bytes(min(head.length, 32))
    following = b"" if head.length > 32 else b"GET /next HTTP/1.1\r\n"
    method, target, headers, body, left = read_by_h11(block + behind + following)
    assert method.decode() == head.method
    assert target == head.path + (b"?" + head.query if b"?" in target else b"")
    assert headers == head.headers
    assert (body, left) == (behind, following)


@settings(max_examples=500)
@given(st.one_of(heads(), damaged()))
def test_whether_the_client_wants_to_end_is_read_as_by_h11(data: bytes) -> None:
    head = read_head(data[: data.find(b"\r\n\r\n") + 4])

    if head is None or head.length:
        return
    server = h11.Connection(h11.SERVER, max_incomplete_event_size=LIMIT)
    server.receive_data(data[: data.find(b"\r\n\r\n") + 4])
    server.next_event()
    server.next_event()
    assert head.close is (server.their_state is h11.MUST_CLOSE)
    assert head.websocket is (server.next_event() is h11.PAUSED)
