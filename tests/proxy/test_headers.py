from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.proxy.headers import client_headers, upstream_headers, view

CODEX = [
    (b"Authorization", b"Bearer sk-x"),
    (b"chatgpt-account-id", b"acct"),
    (b"Content-Type", b"application/json"),
    (b"content-encoding", b"zstd"),
    (b"session-id", b"s"),
    (b"x-codex-turn-metadata", b'{"a":1}'),
    (b"x-codex-routing-hint", b"model=a"),
    (b"x-openai-internal-codex-responses-lite", b"true"),
    (b"X-Something-New", b"kept"),
    (b"x-something-new", b"twice"),
    (b"user-agent", b"codex_exec/0.169.0"),
]


@pytest.mark.req("P5")
@pytest.mark.wire("W1")
def test_what_codex_sends_goes_up_in_its_order_and_case_and_with_its_duplicates() -> None:
    sent = [(b"Host", b"127.0.0.1:3000"), *CODEX, (b"Content-Length", b"12")]

    assert upstream_headers(sent) == CODEX


@pytest.mark.wire("W1")
@pytest.mark.parametrize("lines", [[], [(b"Accept-Encoding", b"br;q=1, zstd")]])
def test_accept_encoding_is_the_clients_or_absent(lines: list[tuple[bytes, bytes]]) -> None:
    assert upstream_headers(lines) == lines


@pytest.mark.abuse("A28")
@pytest.mark.parametrize(
    "name",
    [
        b"Connection", b"Keep-Alive", b"Proxy-Connection", b"Proxy-Authorization", b"TE", b"Trailer", b"Upgrade",
        b"Transfer-Encoding", b"HTTP2-Settings", b"Expect", b"Forwarded", b"X-Forwarded-For", b"x-forwarded-host",
        b"X-Real-IP",
        b"X-CodexPlus-Token", b"x-codexplus-anything", b"Sec-WebSocket-Key", b"Sec-WebSocket-Extensions",
    ],
)  # fmt: skip
def test_what_belongs_to_our_own_connection_stays_here(name: bytes) -> None:
    assert upstream_headers([(name, b"x"), (b"accept", b"y")]) == [(b"accept", b"y")]


def test_what_connection_names_stays_here() -> None:
    sent = [
        (b"Connection", b"close, X-One"),
        (b"x-one", b"1"),
        (b"connection", b"x-two"),
        (b"X-Two", b"2"),
        (b"x-3", b"3"),
    ]

    assert upstream_headers(sent) == [(b"x-3", b"3")]
    assert client_headers(sent) == [(b"x-3", b"3")]


@pytest.mark.abuse("A28")
@pytest.mark.parametrize("line", CODEX[:8])
def test_connection_cannot_take_away_what_a_request_was_judged_by(line: tuple[bytes, bytes]) -> None:
    assert upstream_headers([(b"Connection", b"keep-alive, " + line[0].upper()), line]) == [line]


def test_a_changed_request_body_loses_what_described_its_bytes() -> None:
    sent = [*CODEX, (b"Digest", b"sha-256=x")]

    assert upstream_headers(sent, body_changed=True) == [line for line in CODEX if line[0] != b"content-encoding"]
    digests = [(name, b"x") for name in (b"Content-MD5", b"Digest", b"Content-Digest", b"Repr-Digest")]
    assert upstream_headers(digests) == digests
    assert upstream_headers(digests, body_changed=True) == []


@pytest.mark.wire("W15")
def test_a_value_is_replaced_in_its_place_and_never_added() -> None:
    sent = [(b"X-Codex-Routing-Hint", b"model=a"), (b"accept", b"*/*"), (b"drop-me", b"")]

    found = upstream_headers(sent, replace={b"x-codex-routing-hint": b"model=b", b"x-absent": b"1", b"drop-me": None})

    assert found == [(b"X-Codex-Routing-Hint", b"model=b"), (b"accept", b"*/*")]
    assert client_headers([(b"OpenAI-Model", b"a")], replace={b"openai-model": b"b"}) == [(b"OpenAI-Model", b"b")]


@pytest.mark.req("P5")
@pytest.mark.wire("W2", "W8")
def test_what_means_something_to_codex_comes_down_as_it_is() -> None:
    answered = [
        (b"content-type", b"text/event-stream"), (b"Retry-After", b"3"), (b"x-codex-primary-used-percent", b"7"),
        (b"OpenAI-Model", b"m"), (b"x-request-id", b"r"), (b"server", b"cloudflare"), (b"date", b"d"), (b"cf-ray",
        b"1"),
        (b"content-encoding", b"gzip"), (b"content-length", b"5"), (b"etag", b"e"), (b"www-authenticate", b"Bearer"),
    ]  # fmt: skip

    assert client_headers(answered) == answered


def test_a_changed_answer_loses_its_length_and_encoding() -> None:
    answered = [(b"Content-Length", b"5"), (b"Content-Encoding", b"gzip"), (b"ETag", b"e"), (b"x-request-id", b"r")]

    assert client_headers(answered, body_changed=True) == [(b"x-request-id", b"r")]


@pytest.mark.abuse("A29")
@pytest.mark.parametrize(
    "name",
    [
        b"Set-Cookie", b"Alt-Svc", b"Strict-Transport-Security", b"Access-Control-Allow-Origin", b"Clear-Site-Data",
        b"access-control-allow-private-network", b"Report-To", b"NEL", b"x-codexplus-token", b"Transfer-Encoding",
        b"Connection",
    ],
)  # fmt: skip
def test_what_would_act_on_a_browser_or_on_our_connection_does_not_come_down(name: bytes) -> None:
    assert client_headers([(name, b"x")]) == []


@pytest.mark.abuse("A29")
@pytest.mark.parametrize(
    "line",
    [
        (b"x-a", b"b\r\nset-cookie: c"), (b"x-a", b"b\nc"), (b"x-a", b"b\rc"), (b"x-a", b"b\0c"), (b"x-a\r\nx-b", b"c"),
        (b"x a", b"b"), (b"", b"b"), (b":status", b"200"), (b"x-a:", b"b"), (b"x-a", b"\0"),
    ],
)  # fmt: skip
def test_a_line_that_would_be_two_crosses_in_neither_direction(line: tuple[bytes, bytes]) -> None:
    assert client_headers([line, (b"x-request-id", b"r")]) == [(b"x-request-id", b"r")]
    assert upstream_headers([line, (b"accept", b"r")]) == [(b"accept", b"r")]


@pytest.mark.abuse("A29")
def test_a_replacement_cannot_break_a_line_either() -> None:
    assert upstream_headers([(b"x-a", b"b")], replace={b"x-a": b"b\r\nc: d"}) == []


@pytest.mark.abuse("A29")
@pytest.mark.parametrize("values", [[b"5", b"6"], [b"5", b"5"], [b"-1"], [b"5, 5"], [b""], [b"+5"]])
def test_a_length_that_is_not_one_number_is_left_out(values: list[bytes]) -> None:
    answered = [*((b"Content-Length", value) for value in values), (b"x", b"y")]

    assert client_headers(answered) == [(b"x", b"y")]


@pytest.mark.abuse("A12")
def test_a_length_beside_chunks_is_left_out() -> None:
    assert client_headers([(b"Content-Length", b"3"), (b"Transfer-Encoding", b"chunked")]) == []


@pytest.mark.abuse("I14")
@pytest.mark.req("P12")
def test_plugins_see_no_credentials() -> None:
    sent = [
        (b"AUTHORIZATION", b"Bearer secret"), (b"Cookie", b"secret"), (b"cookie", b"secret"), (b"X-Api-Key", b"secret"),
        (b"Api-Key", b"secret"), (b"Proxy-Authorization", b"secret"), (b"X-CodexPlus-Token", b"secret"), (b"Accept",
        b"a"),
        (b"accept", b"b"), (b"x-latin", b"\xe9"),
    ]  # fmt: skip

    assert dict(view(sent)) == {"accept": "a, b", "x-latin": "é"}


def test_plugins_cannot_change_what_they_see() -> None:
    seen: Any = view([(b"accept", b"a")])

    with pytest.raises(TypeError):
        seen["accept"] = "b"


names = st.sampled_from(
    [
        b"Connection", b"Host", b"X-A", b"x-b", b"Authorization", b"X-CodexPlus-Token", b"Set-Cookie", b"a b",
        b"Content-Length", b"content-length", b"Transfer-Encoding",
    ]
)  # fmt: skip
values = st.binary(max_size=12) | st.sampled_from([b"x-a, x-b", b"keep-alive", b"close", b"7", b"12", b"+1"])
lines = st.lists(st.tuples(names | st.binary(max_size=8), values), max_size=12)
plain_lines = st.lists(st.tuples(names, values), max_size=6)


@given(lines)
def test_what_crosses_is_a_part_of_what_came_in_the_same_order(sent: list[tuple[bytes, bytes]]) -> None:
    for found in (upstream_headers(sent), client_headers(sent)):
        rest = iter(sent)

        assert all(line in rest for line in found)
        assert not any(set(b"\r\n\0") & set(name + value) for name, value in found)


@given(lines)
def test_sending_on_what_was_sent_on_changes_nothing(sent: list[tuple[bytes, bytes]]) -> None:
    assert upstream_headers(upstream_headers(sent)) == upstream_headers(sent)
    assert client_headers(client_headers(sent)) == client_headers(sent)


@given(plain_lines | lines, st.booleans())
def test_lines_that_are_judged_together_are_judged_as_each_of_them_is(
    sent: list[tuple[bytes, bytes]], changed: bool
) -> None:
    each = {b"not-among-them": None}  # whoever replaces something has each line looked at

    for headers in (upstream_headers, client_headers):
        assert headers(sent, body_changed=changed) == headers(sent, body_changed=changed, replace=each)
