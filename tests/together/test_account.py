"""What the enterprise plugin counts and keeps of the others: MCP calls and breakers, hooks, commands, sign-ins."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from mcp_world import BOUND, Keeper, Place, odd
from oauth_server import OAuthServer, browse, entry, oauth_server
from pack_folders import PackWorld, put, world

from codexplus_core import AuditEvent, Core, Refusal, hookimpl, open_core
from codexplus_core.testing import Harness, call, text
from codexplus_enterprise.audit.reading import records
from codexplus_mcp.breaker import Breaker
from codexplus_mcp.failure import Unavailable
from codexplus_mcp.library import load

__all__ = ["world"]


@pytest.fixture(scope="module", autouse=True)
def mcp_there() -> None:
    """The first request waits no longer for an import than for a server."""
    asyncio.run(load())


def everything(world: PackWorld, *script: Any) -> Harness:
    from codexplus_enterprise.plugin import Enterprise
    from codexplus_hooks.plugin import HooksPlugin
    from codexplus_mcp.plugin import Plugin
    from codexplus_slash.plugin import Slash

    plugins = {"hooks": HooksPlugin(), "slash": Slash(), "mcp": Plugin(), "enterprise": Enterprise()}
    return Harness(plugins, config=world.config(), cwd=str(world.root / "work"), script=list(script))


def kept(world: PackWorld, action: str) -> list[dict[str, Any]]:
    folder = world.root / "home/.codexplus/audit"
    return [dict(one) for one in records(folder) if one["event.action"] == action]


async def counted(proxy: Harness, name: str) -> list[str]:
    """The samples of a metric."""
    lines = (await proxy.request("GET", "/_codexplus/metrics")).body.decode().splitlines()
    return [line.removeprefix(f"codexplus_{name}") for line in lines if line.startswith(f"codexplus_{name}" + "{")]


def set_up(world: PackWorld, *allowed: str) -> None:
    world.settings("home", {"audit": {"enabled": True}, "permissions": {"allow": list(allowed)}})
    put(world.root / "home/.codexplus/mcp.json", json.dumps({"mcpServers": {"odd": odd()}}))


@pytest.mark.req("E3", "E4")
async def test_calls_of_mcp_servers_hooks_and_commands_are_counted_and_kept(world: PackWorld) -> None:
    set_up(world, "mcp__odd__echo")
    hooks = {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": "true"}]}]}
    put(world.root / "home/.claude/settings.json", json.dumps({"hooks": hooks}))
    put(world.root / "home/.codexplus/commands/mine.md", "Call it.")

    both = call("mcp__odd__echo", {"text": "a secret"}) + call("mcp__odd__die", {})
    async with everything(world, both, text("done")) as proxy:
        reply = await proxy.say("/mine")
        calls, hooked = await counted(proxy, "mcp_calls_total"), await counted(proxy, "hooks_total")
        used = await counted(proxy, "commands_total")

    assert reply.text.endswith("done")
    assert calls == ['{server="odd",outcome="denied"} 1', '{server="odd",outcome="success"} 1']
    assert hooked == ['{event="UserPromptSubmit",outcome="success"} 1'] and used == ['{outcome="success"} 1']
    (begun,) = kept(world, "mcp.begin")
    denied, made = sorted(kept(world, "mcp.call"), key=lambda one: one["codexplus.tool.name"])
    assert begun["codexplus.tool.name"] == made["codexplus.tool.name"] == "echo"
    assert made["event.outcome"] == "success" and made["event.duration"] > 0
    assert denied["codexplus.verdict"] == "denied" and "permission" in denied["event.reason"]
    assert {one["codexplus.server"] for one in (begun, denied, made)} == {"odd"}
    assert len(kept(world, "hook.run")) == 1 and len(kept(world, "command.use")) == 1
    assert "a secret" not in json.dumps([begun, denied, made])


@pytest.mark.req("E4")
async def test_a_server_that_fails_again_and_again_is_seen_to_rest(world: PackWorld) -> None:
    set_up(world, "mcp__odd")

    async with everything(world, *[call("mcp__odd__die", {})] * 3, text("done")) as proxy:
        await proxy.say("go")
        breakers, calls = await counted(proxy, "mcp_breaker"), await counted(proxy, "mcp_calls_total")

    assert breakers == ['{server="odd"} 2'] and calls == ['{server="odd",outcome="failure"} 3']
    (opened,) = kept(world, "mcp.breaker")
    assert opened["codexplus.state"] == "open" and "odd" in opened["event.reason"]


@pytest.mark.abuse("H09")
async def test_no_tool_is_called_whose_call_could_not_be_kept_where_everything_must_be(world: PackWorld) -> None:
    from codexplus_mcp.plugin import Plugin

    class Full:
        """An account that has no room for calls."""

        @hookimpl
        async def on_audit(self, event: AuditEvent) -> Refusal | None:
            return Refusal("the disk is full") if event.action == "mcp.begin" else None

    noted = world.root / "noted"
    program = Path(__file__).parents[1] / "compat/mcp/srv.py"
    entry = odd() | {"args": ["-I", str(program), str(noted)]}
    world.settings("home", {"permissions": {"allow": ["mcp__notes"]}})
    put(world.root / "home/.codexplus/mcp.json", json.dumps({"mcpServers": {"notes": entry}}))

    plugins = {"mcp": Plugin(), "full": Full()}
    script = [call("mcp__notes__echo", {"text": "hi"}), text("done")]
    async with Harness(plugins, config=world.config(), cwd=str(world.root / "work"), script=script) as proxy:
        await proxy.say("go")

        assert "the disk is full" in json.dumps(proxy.upstream.turns[-1].body)
    assert '"echo"' not in noted.read_text(encoding="utf-8")


@pytest.mark.req("E3")
async def test_a_sign_in_from_the_chat_is_kept_and_one_that_is_given_up(world: PackWorld) -> None:
    from codexplus_enterprise.plugin import Enterprise
    from codexplus_mcp.sign_in import SignIns

    world.settings("home", {"audit": {"enabled": True}, "mcp": {"oauth": {"store": "file"}}})
    keeper = Keeper()

    proxy = Harness({"keeper": keeper, "enterprise": Enterprise()}, config=world.config())
    async with asyncio.timeout(60), oauth_server() as remote, proxy:
        signing = SignIns(keeper.core)
        await anext(signing.begin(entry(remote)))
        await asyncio.sleep(0)  # it waits for the browser now
        pieces = signing.begin(entry(remote))
        await browse(address_in(await anext(pieces)))
        said = await anext(pieces)
        await signing.close()

    given_up, done = kept(world, "login")
    assert said.startswith("You are signed in") and done["event.outcome"] == "success"
    assert done["codexplus.server"] == entry(remote).name and done["codexplus.issuer"] == remote.origin
    assert given_up["event.outcome"] == "failure" and given_up["event.reason"] == "it was given up"


@pytest.mark.req("E3")
def test_a_sign_in_in_a_terminal_and_its_end_are_kept(world: PackWorld) -> None:
    from codexplus_mcp import oauth

    async def opened(url: str) -> bool:
        await browse(url)
        return True

    async def signed_in(core: Core) -> OAuthServer:
        async with asyncio.timeout(60), oauth_server() as remote:
            await oauth.login(core, entry(remote), open_browser=opened)
            await oauth.logout(core, entry(remote))
            await oauth.login(core, entry(remote), open_browser=opened)
            await oauth.forget(core, entry(remote))
            return remote

    world.settings("home", {"audit": {"enabled": True}, "mcp": {"oauth": {"store": "file"}}})

    with open_core() as core:
        remote = asyncio.run(signed_in(core))

    done, _ = kept(world, "login")
    revoked, forgotten = kept(world, "logout")
    assert done["event.outcome"] == "success" and done["codexplus.issuer"] == remote.origin
    assert [one["codexplus.revoked"] for one in (revoked, forgotten)] == [True, False]
    assert revoked["codexplus.issuer"] == remote.origin and revoked["event.category"] == ["authentication"]
    kept_words = [path.read_text(encoding="utf-8") for path in (world.root / "home/.codexplus/audit").rglob("*.jsonl")]
    assert kept_words and "access_token" not in "".join(kept_words)


def address_in(words: str) -> str:
    (found,) = [line.strip() for line in words.splitlines() if line.startswith("    http")]
    return found


class Told(Keeper):
    """Notes what is reported, and is the time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.states: list[str] = []

    def clock(self) -> float:
        return self.now

    @hookimpl
    async def on_audit(self, event: AuditEvent) -> None:
        if event.action == "mcp.breaker":
            self.states.append(event.fields["state"])


@pytest.mark.req("E4")
async def test_a_breaker_is_told_half_open_while_a_probe_is_under_way_and_closed_after_it(
    tmp_path: Path, private_home: Path
) -> None:
    place = Place(tmp_path, private_home)
    place.mine(odd=odd())
    place.keeper = told = Told()

    async with asyncio.timeout(BOUND), place.connections() as connections:
        connection = connections.get(place.server())
        connection.breaker = Breaker(failures=1, clock=told.clock)
        with pytest.raises(Unavailable):
            await connection.call_tool("die")
        told.now = 61.0
        await connection.call_tool("echo", {"text": "hi"})

    assert told.states == ["open", "half_open", "closed"]
