"""Signing in to an MCP server as a user does: `codex-plus mcp add`, `mcp auth`, Codex, a restart, `mcp logout`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from e2e.codex import NEWEST
from e2e.mcp_seen import gateway, seen
from e2e.proxies import COMMAND, ProxyProcess, python_env
from e2e.said import calls_in
from mcp_world import Place
from oauth_server import OAuthServer, browse, oauth_server

from codexplus_core.testing import call, text

pytestmark = [pytest.mark.e2e, pytest.mark.req("M3")]
BOUND_S = 40.0


class User:
    """A user at a shell in the project, whose home is the proxy's."""

    def __init__(self, running: ProxyProcess, project: Path) -> None:
        self.running = running
        self.project = project

    async def types(self, *words: str, opens: bool = False) -> str:
        """What ``codex-plus mcp WORDS`` prints; ``opens`` the address it shows in a browser."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "mcp", *words, env=python_env(self.running.home), cwd=self.project,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        printed = ""
        async with asyncio.timeout(BOUND_S):
            async for line in process.stdout:
                printed += line.decode()
                if opens and "/authorize?" in printed and printed.endswith("\n"):
                    opens = False
                    (await browse(next(word for word in printed.split() if "/authorize?" in word))).raise_for_status()
            await process.wait()
        assert process.returncode == 0, printed
        return printed

    async def calls(self) -> str:
        """What the server's tool answers."""
        answer = await gateway(self.running, self.project, "tools/call", name="remote__hi", arguments={})
        return " ".join(str(part.get("text")) for part in answer["content"])


@pytest.fixture
async def remote() -> AsyncIterator[OAuthServer]:
    async with oauth_server() as server:
        yield server


async def test_a_sign_in_from_the_shell_lasts_until_the_logout(codex, upstream, proxy, remote: OAuthServer) -> None:
    running = await proxy("mcp")
    one = codex(NEWEST).point_at(running.url)
    user = User(running, one.project)
    Place(one.home, running.home).write("home/.codexplus/settings.json", {"permissions": {"allow": ["mcp__remote"]}})
    added = await user.types("add", "--scope", "user", "--transport", "http", "remote", remote.url)
    listed = await user.types("list")
    signed_in = await user.types("auth", "remote", "--no-browser", opens=True)

    assert "remote" in added
    assert "Needs authentication" in listed
    assert "Signed in to remote." in signed_in

    await seen(running, one.project, "remote__hi")
    upstream.script = [call("mcp__remote__hi", {}, namespace="functions"), text("It said hello.")]
    ran = await one.exec("ask it", json=True)
    assert ran.messages == ["It said hello."]
    assert ("function_call_output", "hello") in calls_in(upstream.turns[1])

    # A restart, after which the server takes the old token no more: renewed without the user.
    await running.stop()
    remote.access.clear()
    await running.start()
    assert await user.calls() == "hello"
    assert _grants(remote) == ["authorization_code", "refresh_token"]

    # The authorization server has lost its clients.
    remote.clients.clear()
    remote.access.clear()
    assert "your sign-in has ended" in await user.calls()
    await user.types("auth", "remote", "--no-browser", opens=True)
    assert remote.paths().count("/register") == 2
    assert await user.calls() == "hello"

    await user.types("logout", "remote")
    assert remote.paths()[-1] == "/revoke"
    assert "codex-plus mcp auth remote" in await user.calls()
    kept = "".join(path.read_text(errors="replace") for path in running.home.rglob("*") if path.is_file())
    assert not any(token in kept + running.log for token in _tokens(remote))


def _grants(remote: OAuthServer) -> list[Any]:
    return [seen.body["grant_type"] for seen in remote.seen if seen.path == "/token"]


def _tokens(remote: OAuthServer) -> set[str]:
    """Every secret that was ever given away."""
    codes = {seen.body[name] for seen in remote.seen for name in ("code", "code_verifier", "refresh_token", "token")
             if name in seen.body}  # fmt: skip
    bearers = {
        seen.headers["authorization"].partition(" ")[2] for seen in remote.seen if "authorization" in seen.headers
    }
    return codes | bearers
