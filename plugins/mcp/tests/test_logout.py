"""Signing out of an MCP server, and what counts as another login."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from oauth_client import sign_in
from oauth_server import OAuthServer, core_in, entry, oauth_server

from codexplus_core.services.core import Services
from codexplus_mcp.oauth import forget, keep_client_secret, logout, status
from codexplus_mcp.server import Server


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
async def test_logout_revokes_and_forgets(core: Services, remote: OAuthServer, tmp_path: Path) -> None:
    server = entry(remote)
    await sign_in(core, server)

    said = await logout(core, server)

    assert said == "Signed out of remote."
    assert (remote.access, remote.refresh) == ({}, {})
    assert not list((tmp_path / "state/mcp-logins").glob("*.json"))
    assert await logout(core, server) == "You are not signed in to remote."


async def test_logout_forgets_even_where_the_server_cannot_be_told(core: Services, remote: OAuthServer) -> None:
    server = entry(remote)
    await sign_in(core, server)
    remote.answers["/revoke"] = (503, {}, None)

    said = await logout(core, server)

    assert said == "Signed out of remote on this machine; 127.0.0.1 was not told, so end the session there, too."
    assert (await status(core, server)).state == "none"


async def test_forgetting_a_server_leaves_no_secret_behind(core: Services, remote: OAuthServer, tmp_path: Path) -> None:
    server = entry(remote, oauth={"clientId": "mine"})
    await keep_client_secret(core, server, "s3cret")

    await forget(core, server)

    assert [file.suffix for file in (tmp_path / "state/mcp-logins").iterdir()] == [".lock"]


async def test_another_name_url_scope_or_client_is_another_login(core: Services, remote: OAuthServer) -> None:
    server = entry(remote)
    await sign_in(core, server)
    others = [
        Server("other", "user", "http", url=server.url),
        Server("remote", "project", "http", url=server.url),
        Server("remote", "user", "http", url=f"{server.url}/"),
        entry(remote, oauth={"clientId": "mine"}),
    ]

    assert [(await status(core, other)).state for other in others] == ["none"] * 4
