"""The WebSocket handshake's header lines, on either side of the proxy."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.utilities import RemoteProtocolError

from codexplus_core.proxy.handshake import accepted, agreed, http_headers, own_offer, tunnel_answer, tunnelled
from codexplus_core.proxy.transport import Headers

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
CODEX: Headers = [
    (b"host", b"127.0.0.1:3000"),
    (b"Connection", b"Upgrade"),
    (b"Upgrade", b"websocket"),
    (b"Sec-WebSocket-Version", b"13"),
    (b"Sec-WebSocket-Key", KEY),
    (b"openai-beta", b"responses_websockets=2026-02-06"),
    (b"authorization", b"Bearer k"),
    (b"session-id", b"s"),
    (b"x-codex-turn-metadata", b"{}"),
    (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits"),
]
UPSTREAM: Headers = [
    (b"Upgrade", b"websocket"),
    (b"Connection", b"Upgrade"),
    (b"Sec-WebSocket-Accept", b"theirs"),
    (b"Sec-WebSocket-Extensions", b"permessage-deflate; server_no_context_takeover"),
    (b"x-codex-turn-state", b"t"),
    (b"set-cookie", b"a=b"),
    (b"access-control-allow-origin", b"*"),
]


def names(headers: Headers) -> list[str]:
    return [name.decode().lower() for name, _ in headers]


def without(*left_out: str) -> Headers:
    return [line for line in CODEX if line[0].decode().lower() not in left_out]


def extensions(offer: bytes | None) -> tuple[bytes | None, Any]:
    given = [] if offer is None else [(b"Sec-WebSocket-Extensions", offer)]
    lines, deflate = accepted([*without("sec-websocket-extensions"), *given], [])
    return dict(lines).get(b"sec-websocket-extensions"), deflate


@pytest.mark.wire("W1")
def test_through_a_tunnel_the_upstream_gets_the_clients_own_key_and_offer() -> None:
    found = tunnelled(CODEX)

    assert sorted(found) == sorted(without("host", "connection", "upgrade"))


@pytest.mark.wire("W2")
@pytest.mark.abuse("A29")
def test_through_a_tunnel_the_client_gets_the_upstreams_own_acceptance_and_no_more_than_over_http() -> None:
    assert names(tunnel_answer(UPSTREAM)) == [
        "upgrade", "connection", "sec-websocket-accept", "sec-websocket-extensions", "x-codex-turn-state",
    ]  # fmt: skip


@pytest.mark.wire("W1")
def test_reading_along_the_session_goes_up_with_a_key_of_our_own() -> None:
    found = own_offer(CODEX)

    kept = [line for line in found if not line[0].lower().startswith(b"sec-websocket-")]
    assert kept == without("host", "connection", "upgrade", "sec-websocket-key", "sec-websocket-version",
                           "sec-websocket-extensions")  # fmt: skip
    keys = [value for name, value in found if name.lower() == b"sec-websocket-key"]
    assert keys != [KEY]
    assert len(base64.b64decode(keys[0])) == 16
    assert own_offer(CODEX) != found, "a key is used once"


@pytest.mark.parametrize("offer", [None, b"x-webkit-deflate-frame", b"\xff\xfe"])
def test_compression_goes_up_only_where_the_client_offers_it(offer: bytes | None) -> None:
    lines: Headers = [] if offer is None else [(b"sec-websocket-extensions", offer)]

    assert "sec-websocket-extensions" not in names(own_offer([*without("sec-websocket-extensions"), *lines]))
    assert "sec-websocket-extensions" in names(own_offer(CODEX))


@pytest.mark.wire("W2")
def test_reading_along_the_client_gets_our_acceptance_and_what_the_upstream_says_beside_its_own() -> None:
    lines, _ = accepted(CODEX, UPSTREAM)

    assert names(lines) == [
        "upgrade", "connection", "sec-websocket-accept", "sec-websocket-extensions", "x-codex-turn-state",
    ]  # fmt: skip
    assert dict(lines)[b"sec-websocket-accept"] == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert b"server_no_context_takeover" not in dict(lines)[b"sec-websocket-extensions"]


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (None, None),
        (b"", None),
        (b"permessage-bzip2", None),
        (b"permessage-deflate", b"permessage-deflate"),
        (b"permessage-bzip2, permessage-deflate", b"permessage-deflate"),
        (b"permessage-deflate; client_max_window_bits=15", b"permessage-deflate; client_max_window_bits=15"),
        (b"permessage-deflate; server_max_window_bits=8", None),
        (b"permessage-deflate; server_max_window_bits=99", None),
        (b"permessage-deflate; server_max_window_bits=many", None),
        (b"permessage-deflate; client_max_window_bits=", None),
        (b"permessage-deflate\xff", None),
        (b'permessage-deflate; client_max_window_bits="12"', b"permessage-deflate; client_max_window_bits=12"),
        (b"permessage-deflate; server_no_context_takeover", b"permessage-deflate; server_no_context_takeover"),
        (b"permessage-deflate; x-dictionary=7", None),
        (b"permessage-deflate; server_no_context_takeovers", None),
        (b"permessage-deflate; server_no_context_takeover=1", None),
        (b"permessage-deflate; server_max_window_bits", None),
        (b"permessage-deflate; client_max_window_bits=012", None),
        (b"permessage-deflate; client_max_window_bits; client_max_window_bits", None),
        (b"permessage-deflate;", None),
        (b"permessage-deflate; x=1, permessage-deflate", b"permessage-deflate"),
        (b"permessage-deflate; client_no_context_takeover; x, permessage-deflate", b"permessage-deflate"),
        (b"permessage-deflate, permessage-deflate; server_no_context_takeover", b"permessage-deflate"),
    ],
)
def test_compression_is_agreed_to_where_it_is_understood(offer: bytes | None, answer: bytes | None) -> None:
    found, deflate = extensions(offer)

    assert found == answer
    assert (deflate is None) == (answer is None)


_PARAMETERS = st.sampled_from(
    ["permessage-deflate", "client_no_context_takeover", "server_no_context_takeover", "client_max_window_bits",
     "client_max_window_bits=9", "server_max_window_bits=12", "server_max_window_bits=8", "=", "x=y", '"', "9", ""]
)  # fmt: skip


@pytest.mark.abuse("A12")
@given(st.lists(st.lists(_PARAMETERS, max_size=4).map("; ".join), max_size=3).map(", ".join) | st.text(max_size=30))
def test_no_offer_and_no_acceptance_breaks_the_handshake(words: str) -> None:
    value = words.encode("utf-8", "surrogatepass")

    own_offer([(b"sec-websocket-extensions", value)])
    answer, deflate = extensions(value)
    if deflate is not None:
        assert answer is not None
        assert answer.isascii()
    with contextlib.suppress(RemoteProtocolError):
        agreed([(b"sec-websocket-extensions", value)])


@pytest.mark.parametrize("answer", [b"x-other", b"permessage-deflate; client_max_window_bits",
                                    b"permessage-deflate; client_max_window_bits=99",
                                    b"permessage-deflate; client_max_window_bits=8",
                                    b"permessage-deflate; x-dictionary=7",
                                    b"permessage-deflate; server_no_context_takeover=yes",
                                    b"permessage-deflate; server_max_window_bits",
                                    b"permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
                                    b"permessage-deflate, permessage-deflate"])  # fmt: skip
def test_an_acceptance_of_what_was_not_offered_is_a_broken_handshake(answer: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        agreed([(b"sec-websocket-extensions", answer)])


def test_an_acceptance_says_how_either_side_compresses() -> None:
    words = b"permessage-deflate; server_no_context_takeover; client_max_window_bits=10; server_max_window_bits=8"

    found = agreed([(b"sec-websocket-extensions", words)])

    assert found is not None and found.enabled()
    assert (found.server_no_context_takeover, found.client_no_context_takeover) == (True, False)
    assert (found.client_max_window_bits, found.server_max_window_bits) == (10, 9), "zlib reads 8 with 9"


def test_an_offer_of_another_name_is_none_of_compression() -> None:
    offer = (b"sec-websocket-extensions", b"x-permessage-deflate-frame")

    assert "sec-websocket-extensions" not in names(own_offer([*without("sec-websocket-extensions"), offer]))


def test_without_an_acceptance_nothing_is_compressed() -> None:
    assert agreed([(b"upgrade", b"websocket")]) is None


def test_over_http_the_handshake_becomes_the_request_that_asks_the_same() -> None:
    notes = {
        "x-codex-turn-metadata": '{"turn_id":"7"}',
        "turn_id": "7",
        "ws_request_header_x_openai_internal_codex_responses_lite": "true",
    }

    assert http_headers(CODEX, notes) == [
        (b"host", b"127.0.0.1:3000"),
        (b"authorization", b"Bearer k"),
        (b"session-id", b"s"),
        (b"x-codex-turn-metadata", b'{"turn_id":"7"}'),
        (b"x-openai-internal-codex-responses-lite", b"true"),
        (b"content-type", b"application/json"),
        (b"accept", b"text/event-stream"),
    ]


@pytest.mark.abuse("A28")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorization", "Bearer other"),
        ("host", "evil.example"),
        ("session-id", "another"),
        ("x-codexplus-token", "t"),
        ("ws_request_header_x_forwarded_for", "1.2.3.4"),
        ("ws_request_header_x_codexplus_token", "t"),
        ("ws_request_header_authorization", "Bearer other"),
        ("ws_request_header_transfer_encoding", "chunked"),
        ("ws_request_header_x_api_key", "k"),
        ("x-codex-turn-metadata", "a\r\nx-evil: 1"),
        ("x-codex-turn-metadata", "a\0b"),
        ("x-codex-turn-metadata", "größer"),
        ("x-codex-turn-metadata", 7),
        ("x-codex-turn-metadata", None),
        ("ws_request_header_x_codex_a\r\nx-evil", "1"),
        ("ws_request_header_x_codex_ö", "1"),
    ],
)
def test_a_note_names_no_login_no_host_and_breaks_no_line(name: str, value: Any) -> None:
    assert http_headers(CODEX, {name: value}) == http_headers(CODEX, {})


@pytest.mark.abuse("A17")
def test_notes_become_no_more_headers_than_a_request_may_have() -> None:
    many = {f"ws_request_header_x_codex_{at}": "1" for at in range(10_000)}
    large = {"ws_request_header_x_codex_" + "a" * 100_000: "a", "x-codex-turn-metadata": "b" * 100_000}

    assert len(http_headers(CODEX, many)) <= 200 + len(CODEX)
    assert http_headers(CODEX, large) == http_headers(CODEX, {})
    assert dict(http_headers(CODEX, {"x-codex-turn-metadata": "b" * 10_000}))[b"x-codex-turn-metadata"] == b"b" * 10_000
