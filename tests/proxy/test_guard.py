"""The guard's verdict on who asks, and the words in which it says no."""

from __future__ import annotations

import json
from typing import Any

import pytest
from proxy.guarded import ME, OTHER, PORT, ROOT, TOKEN, Lines, admitted, denied, guard, scope

from codexplus_core.proxy.guard import NOBODY, Address, Admitted, Denied, Guard

# --- who


def test_the_same_user_needs_no_token() -> None:
    verdict = admitted(guard(ME).check(scope(query=b"a=%2e&b")))

    assert verdict == Admitted(b"/v1/responses", b"a=%2e&b", own=False, credentials=False)


def test_root_is_another_user_unless_the_proxy_is_roots() -> None:
    of_root = Guard(port=PORT, uid_of=lambda client, server: ROOT, own_uid=ROOT)

    assert denied(guard(ROOT).check(scope())) == (403, "other_user")
    admitted(of_root.check(scope()))


@pytest.mark.abuse("A01")
def test_without_a_known_user_a_request_without_the_token_is_refused() -> None:
    assert denied(guard(None).check(scope())) == (401, "token")


@pytest.mark.abuse("A01")
def test_without_user_check_and_without_token_nobody_is_admitted() -> None:
    assert denied(Guard(port=PORT, own_uid=None).check(scope())) == (401, "token")


def test_the_token_in_the_header_admits_where_the_user_is_unknown() -> None:
    admitted(guard(None).check(scope(headers=[(b"X-CodexPlus-Token", TOKEN)])))


def test_the_token_in_the_path_admits_and_is_stripped() -> None:
    verdict = admitted(guard(None).check(scope(b"/" + TOKEN + b"/v1/models", query=b"client_version=1")))

    assert (verdict.path, verdict.query) == (b"/v1/models", b"client_version=1")


@pytest.mark.abuse("A02")
@pytest.mark.parametrize("uid", [None, ME])
@pytest.mark.parametrize(
    "path",
    [
        b"/" + TOKEN + b"x/v1/responses",
        b"/" + b"B" * 43 + b"/v1/responses",
        b"/" + TOKEN[:-1] + b"/v1/responses",
        b"/" + TOKEN,
    ],
)
def test_a_wrong_token_in_the_path_is_refused_and_not_sent_up(path: bytes, uid: int | None) -> None:
    assert denied(guard(uid).check(scope(path))) == (401, "token")


@pytest.mark.abuse("A02")
@pytest.mark.parametrize("uid", [None, ME])
@pytest.mark.parametrize("value", [b"", b"x", TOKEN + b"x", TOKEN[:-1], TOKEN.lower()])
def test_a_wrong_token_in_the_header_is_refused_even_from_the_same_user(value: bytes, uid: int | None) -> None:
    assert denied(guard(uid).check(scope(headers=[(b"x-codexplus-token", value)]))) == (401, "token")


@pytest.mark.abuse("A02")
def test_a_token_is_refused_where_none_was_made() -> None:
    assert denied(guard(ME, token=None).check(scope(headers=[(b"x-codexplus-token", TOKEN)]))) == (401, "token")


@pytest.mark.abuse("A23")
@pytest.mark.parametrize(
    "request_",
    [
        scope(query=b"key=" + TOKEN),
        scope(b"/v1/files/" + TOKEN),
        scope(b"/" + TOKEN + b"/v1/" + TOKEN),
        scope(headers=[(b"Authorization", b"Bearer " + TOKEN)]),
        scope(headers=[(b"Cookie", b"a=" + TOKEN)]),
        scope(headers=[(b"X-Api-Key", TOKEN)]),
        scope(headers=[(b"x-codexplus-token", TOKEN), (b"User-Agent", b"codex/" + TOKEN)]),
        scope(b"/" + TOKEN + b"/v1/responses", headers=[(b"X-Original-Url", b"/" + TOKEN + b"/v1/responses")]),
        scope(b"/_codexplus/metrics", headers=[(b"Authorization", b"Bearer " + TOKEN), (b"Cookie", b"a=" + TOKEN)]),
    ],
)
def test_the_token_goes_nowhere_from_where_it_would_reach_the_upstream(request_: dict[str, Any]) -> None:
    assert denied(guard(ME).check(request_)) == (401, "token")


@pytest.mark.abuse("A20")
@pytest.mark.parametrize("headers", [[], [(b"x-codexplus-token", TOKEN)], [(b"Authorization", b"Bearer sk-x")]])
def test_another_user_is_refused_even_with_a_stolen_token(headers: Lines) -> None:
    assert denied(guard(OTHER).check(scope(headers=headers))) == (403, "other_user")


@pytest.mark.abuse("A20")
@pytest.mark.parametrize(
    "request_",
    [
        scope(),
        scope(headers=[(b"x-codexplus-token", TOKEN)]),
        scope(b"/" + TOKEN + b"/v1/responses"),
        scope(b"/_codexplus/metrics", headers=[(b"Authorization", b"Bearer " + TOKEN)]),
    ],
)
def test_a_stolen_token_admits_nobody_whose_connection_is_closed_already(request_: dict[str, Any]) -> None:
    assert denied(guard(NOBODY).check(request_)) == (403, "unknown_user")


@pytest.mark.parametrize("below", [b"", b"/_codexplus/mcp"])
@pytest.mark.parametrize("name", [b"oauth-protected-resource", b"oauth-authorization-server", b"openid-configuration"])
def test_whether_our_routes_want_a_login_is_no_question_for_the_upstream(name: bytes, below: bytes) -> None:
    assert admitted(guard(ME).check(scope(b"/.well-known/" + name + below))).own
    assert not admitted(guard(ME).check(scope(b"/v1/.well-known/" + name + below))).own


def test_the_user_is_looked_up_by_both_ends_of_the_connection() -> None:
    asked: list[tuple[Address, Address]] = []

    def uid_of(client: Address, server: Address) -> int:
        asked.append((client, server))
        return ME

    admitted(Guard(port=PORT, uid_of=uid_of, own_uid=ME).check(scope()))

    assert asked == [(("127.0.0.1", 40000), ("127.0.0.1", PORT))]


@pytest.mark.abuse("A25")
def test_our_own_routes_are_guarded_like_the_others() -> None:
    assert denied(guard(None).check(scope(b"/_codexplus/metrics"))) == (401, "token")
    assert denied(guard(OTHER).check(scope(b"/_codexplus/metrics"))) == (403, "other_user")
    assert denied(guard(ME).check(scope(b"/_codexplus/metrics", headers=[(b"Origin", b"null")]))) == (403, "browser")
    assert admitted(guard(ME).check(scope(b"/_codexplus/metrics"))).own


@pytest.mark.parametrize("uid", [None, OTHER, ME])
def test_our_own_routes_take_the_token_as_bearer_also_from_another_user(uid: int | None) -> None:
    headers = [(b"Authorization", b"bearer " + TOKEN)]

    verdict = admitted(guard(uid).check(scope(b"/_codexplus/metrics", headers=headers)))

    assert verdict.path == b"/_codexplus/metrics"


def test_another_user_only_reads_our_own_routes() -> None:
    headers = [(b"Authorization", b"Bearer " + TOKEN)]

    assert denied(guard(OTHER).check(scope(b"/_codexplus/hooks/Stop", method="POST", headers=headers)))[0] == 403


def test_a_wrong_bearer_on_our_own_routes_admits_nobody() -> None:
    headers = [(b"Authorization", b"Bearer " + TOKEN[:-1])]

    assert denied(guard(None).check(scope(b"/_codexplus/metrics", headers=headers))) == (401, "token")


def test_bearer_does_not_open_a_path_that_only_looks_like_ours() -> None:
    headers = [(b"Authorization", b"Bearer " + TOKEN)]

    assert denied(guard(None).check(scope(b"/_codexplusx/metrics", headers=headers))) == (401, "token")


@pytest.mark.abuse("A26")
@pytest.mark.parametrize(("headers", "brought"), [([], False), ([(b"authorization", b"Bearer sk-x")], True)])
def test_the_verdict_says_whether_the_client_brought_credentials(headers: Lines, brought: bool) -> None:
    assert admitted(guard().check(scope(headers=headers))).credentials is brought


def test_a_short_token_is_not_accepted_as_a_setting() -> None:
    with pytest.raises(ValueError, match="shorter than 16"):
        Guard(port=PORT, token=b"short", own_uid=ME)


# --- the words


def test_a_refusal_is_json_that_names_code_and_message_and_ends_the_connection() -> None:
    verdict = guard().check(scope(host=b"evil.example"))

    assert isinstance(verdict, Denied)
    error = json.loads(verdict.body())["error"]
    assert (error["type"], error["code"]) == ("codex_plus_refused", "host")
    assert "loopback" in error["message"]
    assert (b"connection", b"close") in verdict.headers()
    assert dict(verdict.headers())[b"content-length"] == str(len(verdict.body())).encode()


@pytest.mark.abuse("A23")
def test_no_refusal_repeats_the_token_or_a_header_value() -> None:
    headers = [(b"x-codexplus-token", TOKEN + b"x"), (b"Authorization", b"Bearer sk-secret")]

    verdicts = [
        guard(uid).check(scope(path, headers=lines, host=host))
        for uid in (None, OTHER)
        for path in (b"/v1/responses", b"/" + TOKEN + b"x/v1/responses")
        for lines in (headers, headers * 2)
        for host in (b"127.0.0.1:3000", b"secret.example")
    ]

    for verdict in verdicts:
        assert isinstance(verdict, Denied)
        assert TOKEN not in verdict.body() and b"secret" not in verdict.body()


@pytest.mark.abuse("A23")
@pytest.mark.parametrize("path", [b"/_codexplusx", b"/_codexplus-metrics", b"/_codexplu"])
def test_the_token_as_bearer_does_not_go_upstream_on_a_path_that_is_almost_ours(path: bytes) -> None:
    guard = Guard(port=PORT, token=TOKEN, uid_of=lambda *_: 1000, own_uid=1000)

    verdict = guard.check(scope(path=path, headers=[(b"authorization", b"Bearer " + TOKEN)]))

    assert isinstance(verdict, Denied)
    assert verdict.status == 401
