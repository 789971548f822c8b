"""The guard's verdict on where a request is sent to, what form it has and what it carries."""

from __future__ import annotations

from typing import Any

import pytest
from proxy.guarded import ME, TOKEN, Lines, admitted, denied, guard, scope

from codexplus_core.proxy.guard import Denied, Guard, _places


@pytest.mark.parametrize("host", [b"127.0.0.1:3000", b"localhost:3000", b"LocalHost:3000", b"[::1]:3000"])
def test_loopback_names_with_our_port_are_ours(host: bytes) -> None:
    admitted(guard().check(scope(host=host)))


@pytest.mark.abuse("A03", "A04")
@pytest.mark.parametrize(
    "host",
    [
        b"evil.example:3000", b"127.0.0.1.evil.example:3000", b"127.0.0.1:3000@evil", b"evil@127.0.0.1:3000",
        b"0.0.0.0:3000",
        b"127.0.0.1", b"127.0.0.1:3001", b"127.0.0.1:03000", b"127.0.0.1:", b"localhost", b"localhost.:3000", b"[::1]",
        b"::1:3000", b"[::]:3000", b"127.0.0.1:3000, evil", b"127.1:3000", b"2130706433:3000",
    ],
)  # fmt: skip
def test_other_hosts_are_refused_even_from_the_same_user(host: bytes) -> None:
    assert denied(guard().check(scope(host=host, headers=[(b"x-codexplus-token", TOKEN)]))) == (421, "host")


@pytest.mark.abuse("A04")
@pytest.mark.parametrize("host", [None, b""])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_missing_host_is_refused(host: bytes | None, version: str) -> None:
    assert denied(guard().check(scope(host=host, version=version))) == (400, "host")


def test_configured_hosts_are_admitted_with_our_port_or_with_their_own() -> None:
    with_hosts = guard(hosts=("devbox", "localhost:8080", "[fe80::1]"))

    admitted(with_hosts.check(scope(host=b"devbox:3000")))
    admitted(with_hosts.check(scope(host=b"LOCALHOST:8080")))
    admitted(with_hosts.check(scope(host=b"[fe80::1]:3000")))
    assert denied(with_hosts.check(scope(host=b"devbox:8080")))[0] == 421


def test_port_80_may_be_left_out() -> None:
    on_80 = Guard(port=80, uid_of=lambda client, server: ME, own_uid=ME)

    admitted(on_80.check(scope(host=b"localhost")))


@pytest.mark.abuse("A05", "A06")
@pytest.mark.parametrize(
    "line",
    [
        (b"Origin", b"https://evil.example"), (b"Origin", b"null"), (b"origin", b""), (b"ORIGIN",
        b"http://127.0.0.1:3000"),
        (b"Referer", b"http://127.0.0.1:3000/"), (b"Sec-Fetch-Site", b"cross-site"), (b"Sec-Fetch-Site", b"same-site"),
        (b"Sec-Fetch-Site", b"same-origin"), (b"sec-fetch-site", b"none"), (b"Sec-Fetch-Mode", b"navigate"),
        (b"Sec-Fetch-Dest", b"document"),
    ],
)  # fmt: skip
def test_what_only_browsers_send_is_refused_even_with_the_right_token(line: tuple[bytes, bytes]) -> None:
    headers = [line, (b"x-codexplus-token", TOKEN)]

    assert denied(guard().check(scope(headers=headers))) == (403, "browser")


@pytest.mark.abuse("A09")
def test_a_websocket_of_a_web_page_is_refused() -> None:
    headers = [(b"Origin", b"https://evil.example"), (b"Upgrade", b"websocket")]

    assert denied(guard().check(scope(kind="websocket", headers=headers))) == (403, "browser")


@pytest.mark.abuse("A10")
def test_a_websocket_of_codex_is_admitted() -> None:
    headers = [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Key", b"x"), (b"x-codexplus-token", TOKEN)]

    admitted(guard(None).check(scope(kind="websocket", headers=headers)))


@pytest.mark.abuse("A07", "A15")
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT"])
def test_preflights_and_tunnels_are_refused_without_a_cors_header(method: str) -> None:
    headers = [(b"Access-Control-Request-Method", b"POST"), (b"Access-Control-Request-Private-Network", b"true")]

    verdict = guard().check(scope(method=method, headers=headers))

    assert denied(verdict) == (405, "method")
    assert isinstance(verdict, Denied)
    assert not [name for name, _ in verdict.headers() if name.lower().startswith(b"access-control")]


@pytest.mark.abuse("A11")
@pytest.mark.parametrize(
    "name",
    [
        b"host", b"authorization", b"content-length", b"content-type", b"content-encoding", b"transfer-encoding",
        b"x-codexplus-token", b"chatgpt-account-id",
    ],
)  # fmt: skip
def test_a_header_that_is_judged_may_come_once_only(name: bytes) -> None:
    headers = [(name, b"x"), (name.title(), b"x")]

    assert denied(guard().check(scope(headers=headers))) == (400, "duplicate_header")


def test_other_headers_may_come_twice() -> None:
    admitted(guard().check(scope(headers=[(b"accept", b"a"), (b"Accept", b"b")])))


@pytest.mark.abuse("A12")
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_body_with_two_lengths_is_refused(version: str) -> None:
    headers = [(b"content-length", b"4"), (b"transfer-encoding", b"chunked")]

    assert denied(guard().check(scope(method="POST", headers=headers, version=version))) == (400, "framing")


@pytest.mark.abuse("A12")
def test_http_1_0_knows_no_chunks() -> None:
    headers = [(b"transfer-encoding", b"chunked"), (b"content-type", b"application/json")]

    assert denied(guard().check(scope(method="POST", headers=headers, version="1.0"))) == (400, "framing")


@pytest.mark.abuse("A14")
@pytest.mark.parametrize("version", ["2", "3", "1.2", "0.9"])
def test_only_http_1_is_spoken(version: str) -> None:
    assert denied(guard().check(scope(version=version))) == (505, "http_version")


@pytest.mark.abuse("A17")
@pytest.mark.parametrize("headers", [[(b"x-%d" % n, b"") for n in range(1000)], [(b"x", b"a" * 70_000)]])
def test_very_large_heads_are_refused(headers: Lines) -> None:
    assert denied(guard().check(scope(headers=headers))) == (431, "headers")


@pytest.mark.abuse("A15")
@pytest.mark.parametrize(
    "target", [b"http://evil.example/v1/responses", b"*", b"evil.example:443", b"", b"v1/responses"]
)
def test_targets_that_are_no_path_are_refused(target: bytes) -> None:
    assert denied(guard().check(scope(target))) == (400, "path")


@pytest.mark.abuse("A16")
@pytest.mark.parametrize(
    "path",
    [
        b"/v1/../admin", b"/..", b"/v1/..", b"/./v1", b"/v1/.", b"/v1/..;/admin", b"//evil.example/v1",
        b"/v1//responses",
        b"/v1/%2e%2e/admin", b"/v1/.%2e/admin", b"/v1/%2E%2E/admin", b"/v1%2fresponses", b"/v1%2Fresponses",
        b"/v1/a\\..\\b",
        b"/v1/%5c..%5cadmin", b"/v1/%5C", b"/v1/%00", b"/v1/%0d%0aX:y", b"/v1/%7f", b"/v1/%252e%252e/admin",
        b"/v1/%c0%ae%c0%ae/admin", b"/v1/%e0%80%ae", b"/v1/%ff", b"/v1/%", b"/v1/%2", b"/v1/%zz", b"/v1/%+1",
        b"/v1/r%65sponses", b"/%5fcodexplus/metrics", b"/v1/models#x", b"/v1/\xc3\xa9", b"/v1/a b",
    ],
)  # fmt: skip
def test_paths_that_could_mean_another_path_are_refused(path: bytes) -> None:
    assert denied(guard().check(scope(path))) == (400, "path")


@pytest.mark.abuse("A16")
@pytest.mark.abuse("A16")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        b"/v1/responses/", b"/responses/", b"/Responses", b"/v1/RESPONSES", b"/V1/responses", b"/v1/responses;a",
        b"/v1/responses/;a", b"/responses%3Ba", b"/v1/responses%20", b"/v1/v1/responses", b"/v1/V1/v1/responses",
        b"/v1/re%C5%BFponses", b"/v1/responses/compact/", b"/v1/responses/Compact", b"/v1/v1/responses/compact",
        b"/v1/Responses/resp_1", b"/v1;a/responses", b"/" + TOKEN + b"/v1/responses/",
    ],
)  # fmt: skip
def test_a_model_request_is_spelled_in_one_way(path: bytes, method: str) -> None:
    request = scope(path, method=method, headers=[(b"content-type", b"application/json"), (b"content-length", b"2")])

    assert denied(guard().check(request)) == (400, "path")


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/responses/compact", b"/responses/compact", b"/v1/responses/resp_1", b"/v1/responses/resp_1/cancel",
        b"/v1/responses/input_tokens", b"/v1/threads/Responses", b"/v1/responses_v2", b"/v1/my/responses/",
    ],
)  # fmt: skip
def test_what_only_sounds_like_a_model_request_passes(path: bytes) -> None:
    assert admitted(guard().check(scope(path))).path == path


def test_a_fragment_in_the_query_is_refused() -> None:
    assert denied(guard().check(scope(query=b"a=b#c"))) == (400, "path")


@pytest.mark.req("P5")
@pytest.mark.wire("W4")
@pytest.mark.parametrize(
    "path",
    [
        b"/", b"/v1", b"/v1/", b"/responses", b"/v1/models/ft:gpt-4o:org::id", b"/v1/models/ft%3Agpt-4o",
        b"/v1/files/a%20b",
        b"/v1/files/%C3%A9", b"/v1/files/100%25", b"/v1/files/a.b..c", b"/v1/files/.hidden", b"/v1/files/...",
        b"/v1/a;b=c",
        b"/v1/files/%7Euser", b"/v1/@x!$&'()*+,=~-_", b"/v1/threads/thread_abcdefghijklmnopqrstuvwxyz0123456789/runs",
    ],
)  # fmt: skip
def test_every_other_path_passes_as_it_is(path: bytes) -> None:
    assert admitted(guard().check(scope(path))).path == path


@pytest.mark.wire("W4")
def test_every_query_passes_as_it_is() -> None:
    query = b"client_version=0.169.0&x=%2e%2e%2f//..\\&y=%zz"

    assert admitted(guard().check(scope(b"/v1/models", query=query))).query == query


def test_a_query_left_in_the_raw_path_is_split_off() -> None:
    verdict = admitted(guard().check(scope(b"/v1/models?a=b")))

    assert (verdict.path, verdict.query) == (b"/v1/models", b"a=b")


SIMPLE = [
    b"text/plain",
    b"Text/Plain; charset=utf-8",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data",
    None,
]


def post(path: bytes, kind: bytes | None, *extra: tuple[bytes, bytes], method: str = "POST") -> dict[str, Any]:
    lines = [] if kind is None else [(b"Content-Type", kind)]
    return scope(path, method=method, headers=[*lines, (b"Content-Length", b"10"), *extra])


@pytest.mark.abuse("A08")
@pytest.mark.parametrize("kind", SIMPLE)
@pytest.mark.parametrize("path", [b"/v1/responses", b"/responses", b"/v1/responses/compact", b"/_codexplus/hooks/Stop"])
def test_what_a_form_can_send_is_no_model_request(path: bytes, kind: bytes | None) -> None:
    request = post(path, kind, (b"Authorization", b"Bearer sk-x"))

    assert denied(guard().check(request)) == (415, "content_type")


@pytest.mark.abuse("A08")
@pytest.mark.parametrize("kind", SIMPLE)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_elsewhere_a_simple_type_needs_an_authorization(method: str, kind: bytes | None) -> None:
    request = post(b"/v1/files", kind, method=method)
    with_key = post(b"/v1/files", kind, (b"Authorization", b"Bearer sk-x"), method=method)

    assert denied(guard().check(request)) == (415, "content_type")
    admitted(guard().check(with_key))


@pytest.mark.abuse("A08")
def test_a_chunked_body_is_judged_like_one_with_a_length() -> None:
    request = scope(method="POST", headers=[(b"transfer-encoding", b"chunked"), (b"content-type", b"text/plain")])

    assert denied(guard().check(request)) == (415, "content_type")


@pytest.mark.parametrize("kind", [b"application/json", b"application/json; charset=utf-8", b"APPLICATION/JSON"])
def test_json_passes(kind: bytes) -> None:
    admitted(guard().check(post(b"/v1/responses", kind)))


def test_a_post_without_a_body_needs_no_content_type() -> None:
    admitted(guard().check(scope(method="POST", headers=[(b"content-length", b"0")])))


def test_the_names_of_a_request_with_very_many_are_not_remembered() -> None:
    asked = _places.cache_info()

    admitted(guard().check(scope(headers=[(b"x-%d" % number, b"v") for number in range(100)])))

    assert _places.cache_info() == asked
