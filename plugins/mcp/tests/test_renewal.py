"""What becomes of a login: tokens renewed, refused, shared by processes, and asked more of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from oauth_client import ask, sign_in, stored
from oauth_server import Answer, OAuthServer, Seen, core_in, entry, oauth_server

from codexplus_core import Problem
from codexplus_core.services.core import Services
from codexplus_mcp.oauth import auth_for, logout, status
from codexplus_mcp.server_auth import MOST_SCOPES
from codexplus_mcp.tokens import Tokens
from codexplus_mcp.vault import FileVault

CALL = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "hi"}}


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
@pytest.mark.abuse("G09")
async def test_a_restart_with_an_ended_token_renews_it_without_a_browser(
    core: Services, remote: OAuthServer, tmp_path: Path
) -> None:
    server = entry(remote)
    remote.lifetime = 0.001
    await sign_in(core, server)
    old = stored(tmp_path)["refresh_token"]
    remote.lifetime = 3600
    again = core_in(tmp_path, {"mcp": {"oauth": {"store": "file"}}})

    assert await ask(await auth_for(again, server), server.url) == 200

    assert remote.paths().count("/authorize") == 1
    assert remote.seen[-2].body["grant_type"] == "refresh_token"
    assert stored(tmp_path)["refresh_token"] not in ("", old)


async def test_a_refused_token_is_renewed_once_and_the_request_repeated(core: Services, remote: OAuthServer) -> None:
    server = entry(remote)
    await sign_in(core, server)
    remote.access.clear()

    assert await ask(await auth_for(core, server), server.url) == 200

    assert remote.paths()[-3:] == ["/mcp", "/token", "/mcp"]


@pytest.mark.abuse("G11")
async def test_many_that_find_the_token_ended_renew_it_once(core: Services, remote: OAuthServer) -> None:
    server = entry(remote)
    remote.lifetime = 0.001
    await sign_in(core, server)
    remote.lifetime = 3600
    # Two proxies, each with requests at the same time; a rotated token that is used twice is refused.
    ours, theirs = await auth_for(core, server), await auth_for(core, server)

    answers = await asyncio.gather(*(ask(auth, server.url) for auth in (ours, theirs) for _ in range(5)))

    assert answers == [200] * 10
    assert [seen.body["grant_type"] for seen in remote.seen if seen.path == "/token"] == [
        "authorization_code",
        "refresh_token",
    ]


async def test_a_request_that_is_given_up_loses_no_rotated_token(core: Services, remote: OAuthServer) -> None:
    server = entry(remote)
    remote.lifetime = 0.001
    await sign_in(core, server)
    remote.lifetime = 3600
    auth, asked = await auth_for(core, server), asyncio.Event()

    def answer(seen: Seen) -> Answer:
        asked.set()
        del remote.answers["/token"]
        remote.seen.pop()
        return remote.answer(seen)

    remote.answers["/token"] = answer

    request = asyncio.create_task(ask(auth, server.url))
    await asked.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert await ask(auth, server.url) == 200
    assert remote.paths().count("/token") == 2


async def test_a_renewed_token_counts_even_where_it_cannot_be_kept(
    core: Services, remote: OAuthServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = entry(remote)
    remote.lifetime = 0.001
    await sign_in(core, server)
    remote.lifetime = 3600
    auth = await auth_for(core, server)

    def full(self: FileVault, key: str, text: str) -> None:
        raise Problem("the disk is full")

    monkeypatch.setattr(FileVault, "write", full)

    assert [await ask(auth, server.url) for _ in range(2)] == [200, 200]
    assert remote.paths().count("/token") == 2
    assert any("the disk is full" in line for line in core.log.lines)


async def test_a_server_that_knows_the_client_no_more_gets_a_new_registration_at_the_next_login(
    core: Services, remote: OAuthServer, tmp_path: Path
) -> None:
    server = entry(remote)
    await sign_in(core, server)
    remote.clients.clear()
    remote.access.clear()
    auth = await auth_for(core, server)

    assert await ask(auth, server.url) == 401
    assert "your sign-in has ended" in auth.needs_login
    ended = await status(core, server)
    assert (ended.state, ended.detail) == ("ended", "127.0.0.1: gave no token: invalid_client")
    assert (stored(tmp_path)["access_token"], stored(tmp_path)["refresh_token"]) == ("", "")

    await sign_in(core, server)

    assert remote.paths().count("/register") == 2
    assert await ask(auth, server.url) == 200


async def test_an_authorization_server_that_is_away_ends_no_login(core: Services, remote: OAuthServer) -> None:
    server = entry(remote)
    await sign_in(core, server)
    good = dict(remote.access)
    remote.access.clear()
    remote.answers["/token"] = (503, {}, None)
    auth = await auth_for(core, server)

    assert [await ask(auth, server.url) for _ in range(3)] == [401] * 3
    assert auth.problem == "127.0.0.1: gave no token (status 503); try again later"
    assert auth.needs_login == ""
    assert remote.paths().count("/token") == 2  # the login's, and one; then it is left in peace for a while
    assert (await status(core, server)).state == "signed in"

    remote.access.update(good)
    assert await ask(auth, server.url) == 200
    assert auth.problem == ""


async def test_a_login_by_another_process_counts_at_once(core: Services, remote: OAuthServer, tmp_path: Path) -> None:
    server = entry(remote)
    auth = await auth_for(core, server)
    assert await ask(auth, server.url) == 401

    await sign_in(core_in(tmp_path, {"mcp": {"oauth": {"store": "file"}}}), server)

    assert await ask(auth, server.url) == 200
    await logout(core, server)
    assert await ask(auth, server.url) == 401


async def test_missing_rights_are_asked_for_at_the_next_login_besides_those_given(
    core: Services, remote: OAuthServer
) -> None:
    server = entry(remote)
    await sign_in(core, server)
    remote.needed = "write"
    auth = await auth_for(core, server)

    assert await ask(auth, server.url, CALL) == 403
    assert "wants more rights" in auth.needs_login
    assert await ask(auth, server.url) == 200
    found = await sign_in(core, server)

    assert found.scopes == ("read", "write")
    assert await ask(auth, server.url, CALL) == 200


async def test_a_server_that_misses_ever_more_rights_makes_no_list_without_end(
    core: Services, remote: OAuthServer
) -> None:
    server = entry(remote)
    await sign_in(core, server)
    auth = await auth_for(core, server)
    for number in range(3):
        remote.needed = " ".join(f"s{number}_{each}" for each in range(30))
        assert await ask(auth, server.url, CALL) == 403
    kept = await (await Tokens.of(core)).load(server)

    assert kept is not None
    assert len(kept.wanted) == MOST_SCOPES
    assert kept.wanted[0] == "s0_0"


async def test_a_token_with_a_short_life_is_not_renewed_with_every_request(core: Services, remote: OAuthServer) -> None:
    server = entry(remote)
    remote.lifetime = 20
    await sign_in(core, server)
    auth = await auth_for(core, server)

    assert [await ask(auth, server.url) for _ in range(3)] == [200] * 3

    assert remote.paths().count("/token") == 1
