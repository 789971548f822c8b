"""The endpoint allowlist: one reading of every URL, and refusals at the start, per request and per connection."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import Action
from codexplus_core.services.config.governed import endpoint as shape
from codexplus_core.services.config.shapes import BAD
from codexplus_enterprise import plugin
from codexplus_enterprise.policy.endpoints import BadEndpoint, Endpoints, endpoint_of, entry_of

BOTH = pytest.mark.parametrize("transport", ["http", "websocket"])
LISTED = Endpoints(
    ["api.openai.com", "*.example.com", "https://host.test:8443", "localhost", "192.0.2.7", "[2001:db8::1]"]
)


@pytest.mark.req("E2")
@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1", "https://API.OpenAI.com./v1", "wss://api.openai.com:443/v1",
        "https://a.b.example.com", "https://host.test:8443/x", "http://localhost:5173/mcp", "https://192.0.2.7/",
        "https://[2001:DB8:0::1]/", "https://\uff41pi.openai.com/",
    ],
)  # fmt: skip
def test_what_is_listed_may_be_reached_however_it_is_spelled(url: str) -> None:
    assert LISTED.problem(url) == ""


@pytest.mark.req("E2")
@pytest.mark.abuse("I10")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/", "http://api.openai.com/", "https://api.openai.com:8443/", "https://example.com/",
        "https://api.openai.com@evil.test/", "https://api.openai.com:443@evil.test/",
        "https://evil.test\\@api.openai.com/", "https://api.openai.com.evil.test/", "https://evilexample.com/",
        "https://evil.test#.example.com/", "https://evil.test?.example.com/", "https://evil.test/.example.com",
        "https://\tapi.openai.com/", "https://3221225991/", "https://0xC0000207/", "https://192.0.2.07/",
        "https://192.0.519/", "https://127.1/", "http://2130706433/", "https://[::ffff:192.0.2.9]/",
        "https://[fe80::1%25eth0]/", "https://", "ftp://api.openai.com/", "https://api.openai.com:0/",
        "https://api.openai.com:99999/", "https://a..example.com/", "https://-a.example.com/",
        "https://\u0430pi.openai.com/", "api.openai.com", "//api.openai.com", "https://gla\u00df.example.com/",
        "https://gla\u1e9e.example.com/", "https://\u03bb\u03cc\u03b3\u03bf\u03c2.example.com/",
    ],
)  # fmt: skip
def test_no_other_spelling_gets_past_the_list(url: str) -> None:
    assert LISTED.problem(url).startswith("This workspace reaches only: api.openai.com, *.example.com")


@pytest.mark.parametrize(
    "bad", ["*.*.com", "a b", "host:0", "host:70000", "user@host", "https://host/path", "*.192.0.2.1", ""]
)
def test_an_entry_that_is_none_allows_nothing(bad: str) -> None:
    with pytest.raises(BadEndpoint):
        entry_of(bad)
    assert Endpoints([bad]).problem("https://host/")


@given(st.from_regex(r"(https?://)?(\*\.)?[a-z0-9.*\[\]:@/-]{0,20}(:[0-9*]{1,5})?", fullmatch=True))
def test_an_entry_that_can_be_read_has_the_shape_that_the_settings_ask_for(text: str) -> None:
    try:
        entry_of(text)
    except BadEndpoint:
        return
    assert shape(text).value is not BAD


@given(st.text(max_size=30))
def test_any_text_is_an_endpoint_or_a_bad_one(text: str) -> None:
    try:
        found = endpoint_of(f"https://{text}")
    except BadEndpoint:
        return
    assert found.host == found.host.lower()
    assert not set(found.host) & set("@/\\?# ")


@BOTH
@pytest.mark.req("E2")
async def test_an_upstream_that_is_not_listed_gets_nothing_and_the_user_reads_why(
    workspace: Any, transport: Any
) -> None:
    workspace.policy("security: {endpointAllowlist: [api.openai.com]}\n")

    async with workspace.proxy(transport=transport) as proxy:
        answer = await proxy.say("hello")
        other = await proxy.request("GET", "/v1/models")

    assert answer.error is not None
    assert answer.error.startswith("This workspace reaches only: api.openai.com. chatgpt.com is not one of them")
    assert other.status == 403
    assert json.loads(other.body)["error"]["code"] == "endpoint_not_allowed"
    assert proxy.upstream.requests == []


@BOTH
@pytest.mark.req("E2")
async def test_a_listed_upstream_is_used(workspace: Any, transport: Any) -> None:
    workspace.policy("security: {endpointAllowlist: [chatgpt.com]}\n")

    async with workspace.proxy(transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert answer.text == "Hello from the script."


@pytest.mark.req("E2")
async def test_without_an_upstream_of_its_own_the_login_decides_which_is_judged(workspace: Any) -> None:
    workspace.policy("security: {endpointAllowlist: [api.openai.com]}\n")

    async with workspace.proxy(upstream=None) as chatgpt:
        refused = await chatgpt.say("hello")
    async with workspace.proxy(upstream=None, auth="api") as api:
        passed = await api.say("hello")

    assert refused.error is not None and "chatgpt.com is not one of them" in refused.error
    assert passed.text == "Hello from the script."


@pytest.mark.req("E2")
async def test_a_connection_of_the_proxy_is_judged(workspace: Any) -> None:
    workspace.policy("security: {endpointAllowlist: [chatgpt.com, mcp.example.com]}\n")

    async with workspace.proxy() as proxy:
        listed = await proxy.app.dispatcher.action(Action("connect", url="https://mcp.example.com/mcp"))
        other = await proxy.app.dispatcher.action(Action("connect", url="https://mcp.evil.test/mcp"))

    assert listed is None
    assert other is not None and "mcp.evil.test is not one of them" in other.message


@pytest.mark.req("E2")
@pytest.mark.parametrize(
    ("upstreams", "refused"),
    [
        (("https://evil.test/v1",), True),
        (("https://api.openai.com/v1",), False),
        (("https://api.openai.com/v1", "https://chatgpt.com/backend-api/codex"), False),
        (("https://chatgpt.com/backend-api/codex",), True),
    ],
)
def test_nothing_is_served_where_no_upstream_is_listed(workspace: Any, upstreams: Any, refused: bool) -> None:
    workspace.policy("security: {endpointAllowlist: [api.openai.com]}\n")

    said = plugin.OBJECTIONS(workspace.config(), upstreams)

    assert bool(said) is refused
    assert not refused or said[0].startswith("the upstream cannot be reached: This workspace reaches only: ")


@pytest.mark.req("E2")
@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://API.example.com:443/a/../b", True),
        ("https://api.example.com./%2e%2e/x", True),
        ("https://api.example.com?x", True),
        ("https://api.example.com:444/", False),
        ("https://api.example.com%2eevil.test/", False),
        ("https://api.example.com@evil.test/", False),
        ("https://u:p@api.example.com/", False),
        ("https://evil.test/../api.example.com", False),
        ("https://evil.test#https://api.example.com/", False),
        ("https:///api.example.com/", False),
        ("https://api.example.com\\@evil.test/", False),
    ],
)
def test_a_url_is_judged_by_the_host_that_it_leads_to_however_it_is_written(url: str, allowed: bool) -> None:
    listed = Endpoints(["api.example.com"])

    # The second answer is the one that was remembered.
    assert [listed.problem(url) == "", listed.problem(url) == ""] == [allowed, allowed]
