"""What an MCP server and its authorization server may say about each other, and what is not believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oauth_server import OAuthServer, core_in, entry, oauth_server

from codexplus_core import ActionDenied, Problem
from codexplus_core.services.core import Services
from codexplus_mcp.discovery import Challenge, covers, discover, metadata_urls
from codexplus_mcp.oauth import begin
from codexplus_mcp.oauth_entry import OAuthEntry
from codexplus_mcp.outgoing import Outgoing
from codexplus_mcp.reach import Reach


@pytest.fixture
async def remote() -> AsyncIterator[OAuthServer]:
    async with asyncio.timeout(60), oauth_server() as server:
        yield server


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setenv("CODEX_PLUS_HOME", str(tmp_path / "state"))
    return core_in(tmp_path)


async def complaint(core: Services, remote: OAuthServer) -> str:
    """What signing in fails with; nothing may have been registered or sent by then."""
    with pytest.raises(Problem) as caught:
        await begin(core, entry(remote))
    assert not {"/register", "/token"} & set(remote.paths())
    return str(caught.value)


@pytest.mark.abuse("G04")
@pytest.mark.parametrize("methods", [None, [], ["plain"], "S256"])
async def test_a_server_without_s256_is_refused(core: Services, remote: OAuthServer, methods: Any) -> None:
    remote.metadata["code_challenge_methods_supported"] = methods

    assert "does not offer PKCE with S256" in await complaint(core, remote)


@pytest.mark.abuse("G03")
@pytest.mark.parametrize("issuer", [None, "https://auth.example.com", "http://127.0.0.1:1/path"])
async def test_metadata_in_the_name_of_another_issuer_are_refused(
    core: Services, remote: OAuthServer, issuer: Any
) -> None:
    remote.metadata["issuer"] = issuer

    assert "in the name of another issuer" in await complaint(core, remote)


@pytest.mark.abuse("G03")
@pytest.mark.parametrize("resource", [None, 7, "https://mcp.example.com/mcp", "{origin}/other", "urn:x", "{origin}/mc"])
async def test_metadata_about_another_resource_are_refused(core: Services, remote: OAuthServer, resource: Any) -> None:
    assert remote.resource is not None
    remote.resource["resource"] = resource.format(origin=remote.origin) if isinstance(resource, str) else resource

    assert "about another resource" in await complaint(core, remote)


@pytest.mark.abuse("G05")
@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "ftp://127.0.0.1/", "//127.0.0.1/authorize", "", 7],
)
async def test_an_address_to_sign_in_at_that_is_no_web_page_stops_everything(
    core: Services, remote: OAuthServer, url: Any
) -> None:
    remote.metadata["authorization_endpoint"] = url

    assert "authorization_endpoint of 127.0.0.1 is no plain http(s) URL" in await complaint(core, remote)
    assert "/authorize" not in remote.paths()


@pytest.mark.abuse("G06")
@pytest.mark.parametrize(
    "tail", [" --profile", '"&calc&"', "\n", "`id`", "\\\\host", "\x1b[2J", "|id", "^&calc", "<x>"]
)
async def test_an_address_with_characters_for_a_shell_is_refused(
    core: Services, remote: OAuthServer, tail: str
) -> None:
    remote.metadata["authorization_endpoint"] += tail

    assert "no plain http(s) URL" in await complaint(core, remote)


async def test_the_endpoints_own_query_cannot_change_what_we_ask(core: Services, remote: OAuthServer) -> None:
    remote.metadata["authorization_endpoint"] += "?tenant=a&client_id=evil&redirect_uri=https://evil.example&scope=all"

    under_way = await begin(core, entry(remote))
    under_way.close()

    assert "tenant=a" in under_way.url
    assert "evil" not in under_way.url
    assert "scope=all" not in under_way.url


@pytest.mark.abuse("G08")
@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"]
)
async def test_an_endpoint_on_another_site_is_refused_unless_the_user_trusts_it(
    core: Services, remote: OAuthServer, tmp_path: Path, name: str
) -> None:
    remote.metadata[name] = "https://login.example.net/x"

    assert "is on another site, login.example.net" in await complaint(core, remote)
    trusting = core_in(tmp_path, {"mcp": {"oauth": {"trustedHosts": ["login.example.net"]}}})
    outgoing = Outgoing(trusting, Reach.of(trusting, entry(remote)), source="test")
    found = await discover(outgoing, entry(remote), OAuthEntry())
    assert getattr(found.authority, name) == "https://login.example.net/x"


async def test_a_server_without_any_metadata_is_not_guessed_about(core: Services, remote: OAuthServer) -> None:
    remote.resource = None
    remote.answers["/.well-known/oauth-authorization-server"] = (404, {}, None)

    assert "has no authorization server metadata" in await complaint(core, remote)


async def test_a_server_of_the_first_protocol_is_its_own_authority(core: Services, remote: OAuthServer) -> None:
    remote.resource = None
    remote.challenge = "Bearer"

    under_way = await begin(core, entry(remote))
    under_way.close()

    assert under_way.issuer == remote.origin
    assert "resource=" not in under_way.url


async def test_a_server_that_asks_for_no_login_is_said_to_ask_for_none(core: Services, remote: OAuthServer) -> None:
    remote.resource = None
    remote.answers["/mcp"] = (200, {}, {})

    assert "asks for no login" in await complaint(core, remote)


@pytest.mark.parametrize(
    "path", ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"]
)
async def test_a_server_error_is_not_taken_for_an_answer(core: Services, remote: OAuthServer, path: str) -> None:
    remote.answers[path] = (502, {}, None)

    assert "cannot be had (status 502); try again later" in await complaint(core, remote)


@pytest.mark.parametrize("body", [b"[1, 2]", b"no json", b"{" * 90_000, b"\xff\xfe", b'{"issuer": NaN}'])
async def test_metadata_that_are_none_are_like_none(core: Services, remote: OAuthServer, body: bytes) -> None:
    remote.answers["/.well-known/oauth-authorization-server"] = (200, {}, body)

    assert await complaint(core, remote)


@pytest.mark.abuse("G17")
async def test_an_answer_without_measure_is_cut_off(core: Services, remote: OAuthServer) -> None:
    remote.answers["/.well-known/oauth-authorization-server"] = (200, {}, b" " * (3 << 20))

    assert "its answer is larger than 1024 KB" in await complaint(core, remote)


@pytest.mark.abuse("G17")
async def test_a_packed_answer_is_not_unpacked(core: Services, remote: OAuthServer) -> None:
    remote.answers["/.well-known/oauth-authorization-server"] = (200, {"content-encoding": "gzip"}, b"\x1f\x8b")

    assert "packed form" in await complaint(core, remote)


async def test_a_denied_host_is_not_asked(tmp_path: Path, remote: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEX_PLUS_HOME", str(tmp_path / "state"))
    core = core_in(tmp_path, {"permissions": {"deny": ["WebFetch(domain:127.0.0.1)"]}})

    with pytest.raises(ActionDenied):
        await begin(core, entry(remote))
    assert remote.seen == []


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Bearer resource_metadata="https://a/x", scope="b a"', Challenge("https://a/x", ("b", "a"))),
        ("Bearer scope=a,resource_metadata=https://a/x", Challenge("https://a/x", ("a",))),
        ('Basic realm="x", Bearer error="insufficient_scope"', Challenge(error="insufficient_scope")),
        ('Bearer realm="scope=evil", SCOPE="a"', Challenge(scopes=("a",))),
        ("", Challenge()),
    ],
)
def test_a_challenge_is_read(header: str, expected: Challenge) -> None:
    assert Challenge.parse(header) == expected


@given(st.text(max_size=300))
def test_no_challenge_breaks_the_reader(header: str) -> None:
    found = Challenge.parse(header)

    assert all(" " not in scope for scope in found.scopes)


def test_an_issuers_metadata_are_looked_for_in_this_order() -> None:
    assert metadata_urls("https://a.example/t/1/") == [
        "https://a.example/.well-known/oauth-authorization-server/t/1",
        "https://a.example/.well-known/openid-configuration/t/1",
        "https://a.example/t/1/.well-known/openid-configuration",
    ]


@pytest.mark.parametrize(
    ("resource", "url", "fits"),
    [
        ("https://a.example", "https://a.example/mcp", True),
        ("https://a.example/mcp/", "https://a.example/mcp", True),
        ("https://A.example:443/mcp", "https://a.example/mcp/x?y=z", True),
        ("https://a.example/mc", "https://a.example/mcp", False),
        ("https://a.example/mcp", "https://a.example/mcp/../other", False),
        ("https://a.example:99999/mcp", "https://a.example/mcp", False),
        ("http://a.example/mcp", "https://a.example/mcp", False),
    ],
)
def test_a_resource_covers_what_lies_below_it(resource: str, url: str, fits: bool) -> None:
    assert covers(resource, url) is fits
