"""Signing in to an MCP server, against a scripted one on this machine, and what of it must not get out."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from oauth_client import ask, follow, sign_in, stored
from oauth_server import Answer, OAuthServer, Seen, browse, core_in, entry, oauth_server

from codexplus_core import Problem
from codexplus_core.services.core import Services
from codexplus_mcp.connections import Connections
from codexplus_mcp.failure import NeedsLogin
from codexplus_mcp.oauth import auth_for, begin, keep_client_secret, login, status


@pytest.fixture
async def remote() -> AsyncIterator[OAuthServer]:
    async with asyncio.timeout(60), oauth_server() as server:
        yield server


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CODEX_PLUS_HOME", str(tmp_path / "state"))
    return core_in(tmp_path, {"mcp": {"oauth": {"store": "file"}}})


@pytest.mark.req("M3")
async def test_a_server_that_wants_a_login_says_so_and_works_after_it(core: Services, remote: OAuthServer) -> None:
    server = entry(remote)
    before = await auth_for(core, server)
    assert await ask(before, server.url) == 401
    assert before.needs_login.endswith("sign in: codex-plus mcp auth remote, or /mcp auth remote")

    odd = await auth_for(core, replace(server, name="my server"))
    assert await ask(odd, server.url) == 401
    assert odd.needs_login.endswith("sign in: codex-plus mcp auth 'my server', or /mcp auth 'my server'")

    found = await sign_in(core, server)

    assert (found.state, found.issuer, found.scopes) == ("signed in", remote.origin, ("read",))
    assert await ask(before, server.url) == 200
    assert before.needs_login == ""


async def test_the_sign_in_uses_pkce_a_state_the_resource_and_the_servers_scopes(
    core: Services, remote: OAuthServer
) -> None:
    under_way = await begin(core, entry(remote))
    under_way.close()

    asked = {name: values[0] for name, values in parse_qs(urlsplit(under_way.url).query).items()}

    assert under_way.url.startswith(f"{remote.origin}/authorize?")
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert len(asked["state"]) >= 43
    assert (asked["resource"], asked["scope"]) == (remote.url, "read")
    assert urlsplit(asked["redirect_uri"]).hostname == "127.0.0.1"


async def test_a_real_client_of_the_protocol_works_with_it(core: Services, remote: OAuthServer) -> None:
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    server = entry(remote)
    await sign_in(core, server)

    async with (
        httpx2.AsyncClient(auth=await auth_for(core, server), trust_env=False) as http,
        Client(streamable_http_client(server.url, http_client=http)) as client,
    ):
        answer = await client.call_tool("hi")

    assert answer.content[0].model_dump()["text"] == "hello"


@pytest.mark.req("M3")
async def test_a_connection_says_that_a_login_is_needed_and_works_after_it(core: Services, remote: OAuthServer) -> None:
    server, connections = entry(remote), Connections(core)
    connection = connections.get(server)
    with pytest.raises(NeedsLogin, match="wants you to sign in first; sign in: codex-plus mcp auth remote"):
        await connection.list_tools()

    await sign_in(core, server)

    assert [tool.name for tool in await connection.list_tools()] == ["hi"]
    await connections.close()


async def test_the_address_can_be_pasted_where_the_browser_is_elsewhere(core: Services, remote: OAuthServer) -> None:
    server = entry(remote)
    shown: list[str] = []
    typed: asyncio.Queue[str] = asyncio.Queue()

    async def somewhere_else(url: str) -> bool:
        async with httpx2.AsyncClient(trust_env=False) as client:
            back = (await client.get(url)).headers["location"]
        typed.put_nowait("what do I have to do?")
        typed.put_nowait(f"  {back}\n")
        return False

    found = await login(core, server, open_browser=somewhere_else, paste=typed.get, show=shown.append)

    assert found.state == "signed in"
    assert any("this is not the whole address" in line for line in shown)
    assert "/callback" not in remote.paths()


async def test_the_user_is_told_who_signs_them_in(core: Services, remote: OAuthServer) -> None:
    shown: list[str] = []

    await login(core, entry(remote), open_browser=follow, show=shown.append)

    assert shown[0] == "Signing in to remote (127.0.0.1) at 127.0.0.1."
    assert "/authorize?" in shown[1]


async def test_access_refused_in_the_browser_is_no_login(core: Services, remote: OAuthServer) -> None:
    def refuse(seen: Seen) -> Answer:
        back = f"{seen.body['redirect_uri']}?error=access_denied&state={seen.body['state']}"
        return 302, {"location": back}, None

    remote.answers["/authorize"] = refuse
    server = entry(remote)

    async def open_it(url: str) -> bool:
        return (await browse(url)).status_code == 409

    with pytest.raises(Problem, match="access was refused in the browser"):
        await login(core, server, open_browser=open_it)
    assert (await status(core, server)).state == "none"


async def test_nobody_coming_back_is_told_in_time_and_frees_the_port(core: Services, remote: OAuthServer) -> None:
    under_way = await begin(core, entry(remote))

    with pytest.raises(Problem, match="nobody came back from the browser within 0 s"):
        await under_way.wait(seconds=0)

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", urlsplit(under_way.redirect_uri).port)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_configured_client_is_used_with_its_secret_and_port(
    core: Services, remote: OAuthServer, method: str, unused_tcp_port: int
) -> None:
    remote.metadata["token_endpoint_auth_methods_supported"] = [method]
    back = f"http://localhost:{unused_tcp_port}/callback"
    remote.clients["mine"] = {"client_secret": "s3cret+/ %", "redirect_uris": [back]}
    server = entry(remote, oauth={"clientId": "mine", "callbackPort": unused_tcp_port})
    await keep_client_secret(core, server, "s3cret+/ %")

    found = await sign_in(core, server)

    assert found.state == "signed in"
    assert "/register" not in remote.paths()


async def test_the_specifications_scopes_are_asked_for(core: Services, remote: OAuthServer) -> None:
    server = entry(remote, oauth={"type": "oauth2", "scopes": ["repo:read", "issues:read"]})

    under_way = await begin(core, server)
    under_way.close()

    assert parse_qs(urlsplit(under_way.url).query)["scope"] == ["repo:read issues:read"]


async def test_a_server_that_registers_nobody_says_how_to_configure_a_client(
    core: Services, remote: OAuthServer
) -> None:
    del remote.metadata["registration_endpoint"]

    with pytest.raises(Problem, match=r"takes no registrations; .*oauth\.clientId and oauth\.callbackPort"):
        await begin(core, entry(remote))


async def test_a_server_with_a_header_of_its_own_is_not_signed_in_to(core: Services, remote: OAuthServer) -> None:
    server = entry(remote, headers={"AUTHORIZATION": "Bearer key"})

    with pytest.raises(Problem, match="its entry sets Authorization itself"):
        await begin(core, server)


async def test_a_secret_that_the_server_gave_with_the_registration_is_used(core: Services, remote: OAuthServer) -> None:
    remote.secret = "given-with-the-registration"

    found = await sign_in(core, entry(remote))

    assert found.state == "signed in"


async def test_a_sign_in_that_is_given_up_tells_whoever_waits(core: Services, remote: OAuthServer) -> None:
    under_way = await begin(core, entry(remote))
    waiting = asyncio.create_task(under_way.wait())
    await asyncio.sleep(0)

    under_way.close()

    with pytest.raises(Problem, match="it was given up"):
        await waiting


def test_nothing_is_loaded_before_it_is_needed() -> None:
    script = (
        "import sys, codexplus_mcp.oauth; print(*sorted({'httpx2', 'mcp', 'keyring', 'pydantic'} & {*sys.modules}))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == ""


@pytest.mark.abuse("G19")
async def test_the_token_goes_to_the_servers_own_origin_only(core: Services, remote: OAuthServer) -> None:
    server = entry(remote)
    await sign_in(core, server)
    async with oauth_server() as other:
        await ask(await auth_for(core, server), other.url)

        assert "authorization" not in other.seen[0].headers


@pytest.mark.abuse("G10")
async def test_no_secret_is_in_an_error_a_log_or_a_repr(core: Services, remote: OAuthServer, tmp_path: Path) -> None:
    server = entry(remote)
    await sign_in(core, server)
    kept = stored(tmp_path)
    secrets = [kept["access_token"], kept["refresh_token"]]

    def tell_all(seen: Seen) -> Answer:
        secrets.extend(str(seen.body[name]) for name in ("code", "code_verifier") if name in seen.body)
        return 400, {}, {"error": "invalid_grant", "error_description": f"bad: {' '.join(seen.body.values())}"}

    remote.answers["/token"] = tell_all
    remote.access.clear()
    auth = await auth_for(core, server)
    await ask(auth, server.url)
    with pytest.raises(Problem) as caught:
        await sign_in(core, server)

    told = [str(caught.value), repr(caught.value), auth.needs_login, auth.problem, *core.log.lines]
    told += [repr(await status(core, server)), repr(auth.__dict__)]
    assert len(secrets) == 4
    assert [secret for secret in secrets for text in told if secret[:12] in text] == []
    assert str(caught.value) == "127.0.0.1: gave no token: invalid_grant"


@pytest.mark.abuse("G12")
async def test_the_stored_login_is_readable_for_its_owner_alone(
    core: Services, remote: OAuthServer, tmp_path: Path
) -> None:
    await sign_in(core, entry(remote))

    folder = tmp_path / "state/mcp-logins"

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
