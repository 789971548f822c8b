from __future__ import annotations

import pytest

from codexplus_core.proxy.target import Targets, endpoint, is_responses


@pytest.mark.req("P1")
@pytest.mark.wire("W5")
@pytest.mark.parametrize("path", [b"/v1/responses", b"/responses"])
def test_the_account_decides_the_upstream_and_the_base_path_is_replaced(path: bytes) -> None:
    targets = Targets()

    assert targets.url(path, b"", chatgpt=False) == "https://api.openai.com/v1/responses"
    assert targets.url(path, b"", chatgpt=True) == "https://chatgpt.com/backend-api/codex/responses"


@pytest.mark.req("P5")
@pytest.mark.wire("W4")
@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        (b"/v1/models", b"client_version=0.169.0", "/models?client_version=0.169.0"),
        (b"/v1/files/a%20b%C3%A9", b"x=%7e&y=//..&z={a|b}", "/files/a%20b%C3%A9?x=%7e&y=//..&z={a|b}"),
        (b"/v1", b"", ""),
        (b"/v1/", b"", "/"),
        (b"/", b"", "/"),
        (b"/v1beta/x", b"", "/v1beta/x"),
        (b"/v1/v1/x", b"", "/v1/x"),
        (b"/v1/x/", b"?", "/x/??"),
    ],
)
def test_beyond_the_base_path_and_query_stay_byte_for_byte(path: bytes, query: bytes, expected: str) -> None:
    assert Targets().url(path, query, chatgpt=False) == "https://api.openai.com/v1" + expected


@pytest.mark.req("P1")
@pytest.mark.parametrize("chatgpt", [True, False])
def test_an_override_is_the_base_for_both(chatgpt: bool) -> None:
    targets = Targets(override="http://127.0.0.1:9/base/")

    assert targets.url(b"/v1/responses", b"", chatgpt=chatgpt) == "http://127.0.0.1:9/base/responses"


@pytest.mark.abuse("A15", "A16")
@pytest.mark.parametrize(
    "url",
    ["chatgpt.com", "ftp://x/y", "https://", "https://u:p@x/v1", "https://x/v1?a=b", "https://x/v1#a", "file:///etc"],
)
def test_a_base_that_is_no_plain_http_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="upstream"):
        Targets(override=url)


@pytest.mark.parametrize(
    ("path", "below"), [(b"/v1/a", b"/a"), (b"/a", b"/a"), (b"/v1", b""), (b"/v10/a", b"/v10/a"), (b"/", b"/")]
)
def test_the_endpoint_is_the_path_below_our_base(path: bytes, below: bytes) -> None:
    assert endpoint(path) == below


def test_model_requests_are_recognised_under_both_bases() -> None:
    assert all(map(is_responses, (b"/v1/responses", b"/responses", b"/v1/responses/compact", b"/responses/")))
    assert not any(map(is_responses, (b"/v1/models", b"/v1/responsesx", b"/v1", b"/x/responses")))
