"""The MCP servers of signed packs in a proxy: offered like the user's own; others refused where that is demanded."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pack_folders import PackWorld, Signer, put

from codexplus_core.cli.main import main
from codexplus_core.testing import Harness, call, text
from codexplus_mcp.library import load

PROGRAM = (Path(__file__).parents[1] / "compat/mcp/srv.py").read_text(encoding="utf-8")
ENTRY = {"command": sys.executable, "args": ["-I", "${CLAUDE_PLUGIN_ROOT}/lib/server.py"]}
FILES = {".mcp.json": json.dumps({"mcpServers": {"docs": ENTRY}}), "lib/server.py": PROGRAM}
ECHO = "mcp__team-tools_docs__echo"
PLAIN = {"command": sys.executable, "args": ["-I", "-c", "raise SystemExit(3)"]}

pytestmark = pytest.mark.usefixtures("over_both", "mcp_there")


@pytest.fixture(scope="module")
def mcp_there() -> None:
    """The first request waits no longer for an import than for a server."""
    asyncio.run(load())


def proxy(world: PackWorld, *script: Any) -> Harness:
    from codexplus_enterprise.plugin import Enterprise
    from codexplus_mcp.plugin import Plugin

    return Harness(
        {"mcp": Plugin(), "enterprise": Enterprise()}, config=world.config(), cwd=str(world.root / "work"),
        script=list(script),
    )  # fmt: skip


def trusted(world: PackWorld, signer: Signer, **more: object) -> None:
    """The user trusts the key, and lets the tools of the pack's server be called."""
    keys = {"packs": {"keys": {"team-tools": signer.public}}, "permissions": {"allow": ["mcp__team-tools_docs"]}}
    world.settings("home", {**keys, **more})


def sent(harness: Harness) -> str:
    return json.dumps([turn.body for turn in harness.upstream.turns], ensure_ascii=False)


@pytest.mark.req("X4")
async def test_a_packs_server_is_offered_and_called_like_the_users_own(world: PackWorld, signer: Signer) -> None:
    trusted(world, signer)
    world.install(signer, FILES)

    async with proxy(world, call(ECHO, {"text": "hi"}), text("done")) as running:
        reply = await running.say("go")
        listed = await running.say(" /mcp list")

        assert reply.text == "done" and ECHO in json.dumps(running.upstream.turns[0].body)
        assert "ECHO:hi" in sent(running)
        assert "team-tools:docs" in listed.text and "Connected" in listed.text


@pytest.mark.abuse("I01", "B06")
async def test_a_server_of_a_pack_that_was_changed_does_not_start(world: PackWorld, signer: Signer) -> None:
    trusted(world, signer)
    folder = world.install(signer, FILES)
    put(folder / "lib/server.py", f"open({str(world.root / 'harm')!r}, 'w').close()\n")

    async with proxy(world, text("done")) as running:
        await running.say("go")
        listed = await running.say(" /mcp list")

        assert ECHO not in sent(running) and not (world.root / "harm").exists()
        assert "lib/server.py is not the file that was signed" in listed.text


@pytest.mark.abuse("I01", "B06")
def test_a_pack_that_is_changed_between_the_offer_and_the_start_does_not_start(
    world: PackWorld, signer: Signer
) -> None:
    from codexplus_core import open_core
    from codexplus_mcp.failure import Unavailable
    from codexplus_mcp.settings import Servers
    from codexplus_mcp.trust import allow

    trusted(world, signer)
    folder = world.install(signer, FILES)

    with open_core() as core:
        server = Servers(core).of(world.root / "work").get("team-tools:docs")
        assert server is not None
        asyncio.run(allow(core, server))
        put(folder / "lib/server.py", "another program\n")

        with pytest.raises(Unavailable, match="its pack team-tools is not on disk as it was signed"):
            asyncio.run(allow(core, server))


@pytest.mark.abuse("I07")
async def test_servers_of_no_pack_are_refused_by_name_where_signatures_are_demanded(
    world: PackWorld, signer: Signer
) -> None:
    world.policy(signed=True, team_tools=signer)
    world.install(signer, FILES)
    put(world.root / "home/.codexplus/mcp.json", json.dumps({"mcpServers": {"mine": PLAIN}}))
    # Nobody takes the name of a pack's server.
    theirs = {"theirs": PLAIN, "team-tools:docs": PLAIN, "team-tools_docs": PLAIN}
    put(world.root / "work/.mcp.json", json.dumps({"mcpServers": theirs}))

    async with proxy(world, text("done")) as running:
        await running.say("go")
        listed = await running.say(" /mcp list")

        offered = json.dumps(running.upstream.turns[0].body)
        assert ECHO in offered and "mcp__mine" not in offered and "mcp__theirs" not in offered
        for name in ("mine", "theirs"):
            (row,) = [line for line in listed.text.splitlines() if line.startswith(f"- `{name}` ")]
            assert "Refused, not signed" in row
        assert "security.requireSigned" in listed.text
        assert listed.text.count("would be called like") == 2


@pytest.mark.abuse("I07")
def test_the_command_line_and_the_doctor_name_the_servers_that_are_refused(
    world: PackWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world.root / "work")
    world.settings("home", {"security": {"requireSigned": True}})
    put(world.root / "home/.codexplus/mcp.json", json.dumps({"mcpServers": {"mine": PLAIN}}))

    main(["mcp", "list"])
    listed = capsys.readouterr().out
    main(["doctor", "--json"])
    found = {row["name"]: row["text"] for row in json.loads(capsys.readouterr().out)["checks"]}

    assert "Refused, not signed" in listed and "comes from no signed pack" in listed
    assert "mine: " in found["unsigned mcp servers"] and "mcp.json" in found["unsigned mcp servers"]


@pytest.mark.abuse("I06")
async def test_a_project_that_demands_signatures_does_not_switch_off_its_readers_servers(
    world: PackWorld, signer: Signer
) -> None:
    program = put(world.root / "home/server.py", PROGRAM)
    mine = {"command": sys.executable, "args": ["-I", str(program)]}
    put(world.root / "home/.codexplus/mcp.json", json.dumps({"mcpServers": {"mine": mine}}))
    put(world.root / "work/.mcp.json", json.dumps({"mcpServers": {"theirs": PLAIN}}))
    world.settings("work", {"security": {"requireSigned": True}})

    async with proxy(world, text("done")) as running:
        await running.say("go")
        listed = await running.say(" /mcp list")

        assert "mcp__mine__echo" in sent(running)
        assert "`theirs`" in listed.text and listed.text.count("Refused, not signed") == 1


async def test_an_entry_that_is_none_and_one_that_lacks_a_variable_are_told(world: PackWorld, signer: Signer) -> None:
    entries = {
        "half": {"args": ["x"]},
        "lacking": {"command": "x", "env": {"KEY": "${SURELY_NOT_SET_HERE}"}},
        "fine": {"command": "x", "env": {"KEY": "${SURELY_NOT_SET_HERE:-a default}"}},
    }
    trusted(world, signer)
    world.install(signer, {".mcp.json": json.dumps({"mcpServers": entries})})

    async with proxy(world) as running:
        listed = await running.say(" /mcp list")

        assert "has neither command nor url" in listed.text
        assert "${SURELY_NOT_SET_HERE} is not set" in listed.text.replace("\\", "")
