"""All four plugins under one policy with the real Codex: what is refused, what is kept over a kill, the rest."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from e2e.codex import NEWEST
from e2e.proxies import COMMAND, python_env
from e2e.said import calls_in, tool_names, words_of
from pack_folders import put

from codexplus_core.testing import call, text
from codexplus_enterprise.audit.reading import records

pytestmark = pytest.mark.e2e

ALL = "slash,hooks,mcp,enterprise"
SERVER = Path(__file__).parents[1] / "compat/mcp/srv.py"
ELSEWHERE = "https://mcp.elsewhere.example/mcp"


def policy(home: Path, **more: Any) -> None:
    """One policy for all of them, and something for each to do."""
    said: dict[str, Any] = {
        "security": {"endpointAllowlist": ["127.0.0.1", "api.openai.com"]},
        "audit": {"enabled": True, "required": True},
        "permissions": {"allow": ["mcp__one"]},
        "hooks": {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": "echo The hook was here."}]}]},
    }
    put(home / ".codexplus/settings.json", json.dumps({**said, **more})).chmod(0o600)
    put(home / ".codexplus/commands/deploy.md", "Deploy the $1 with care.")


def servers(home: Path, **entries: Any) -> None:
    put(home / ".codexplus/mcp.json", json.dumps({"mcpServers": entries})).chmod(0o600)


@pytest.mark.req("E2", "E3")
async def test_everything_on_works_and_a_server_elsewhere_is_refused(codex, upstream, proxy, tmp_path: Path) -> None:
    one = {"command": sys.executable, "args": ["-I", str(SERVER)]}
    policy(tmp_path / "proxy")
    servers(tmp_path / "proxy", one=one, far={"type": "http", "url": ELSEWHERE})
    running = await proxy(ALL)
    asked = codex(NEWEST).point_at(running.url)
    listed = await asked.exec("/mcp list")
    upstream.script = [call("mcp__one__echo", {"text": "hi"}, namespace="functions"), text("It is done."), text("Yes.")]

    ran = await asked.exec("/deploy site")
    again = await asked.resume("was it?", json=True)

    assert "mcp.elsewhere.example" in listed.stdout and "This workspace reaches only" in listed.stdout, listed
    assert "It is done." in ran.stdout and again.messages == ["Yes."]
    first, second, third = upstream.turns
    assert "mcp__one__echo" in tool_names(first) and not [name for name in tool_names(first) if "far" in name]
    said = "\n".join(words_of(first, "user", "developer"))
    assert "Deploy the site with care." in said and "The hook was here." in said
    for turn in (second, third):
        assert ("function_call_output", '{"result":"ECHO:hi"}') in calls_in(turn)
    await running.stop()
    kept = list(records(running.home / ".codexplus/audit"))
    actions = {record["event.action"] for record in kept}
    assert {"model.request", "hook.run", "command.use", "mcp.begin", "mcp.call", "network.connect"} <= actions
    (refused,) = {
        record["codexplus.source"] for record in kept
        if record["event.action"] == "network.connect" and record.get("codexplus.verdict") == "denied"
    }  # fmt: skip
    assert "far" in refused


@pytest.mark.req("E3")
@pytest.mark.abuse("H09")
async def test_the_chain_holds_after_a_kill_under_load(codex, upstream, proxy, tmp_path: Path) -> None:
    policy(tmp_path / "proxy")
    running = await proxy(ALL)
    upstream.script = [text("One."), text("Two.")]
    many = [codex(NEWEST, name=f"home{number}").point_at(running.url) for number in range(3)]
    await many[0].exec("say one")
    for one in many:
        one.in_trouble = True
    upstream.script = [text("Never to be heard in whole. " * 400)] * 40
    asking = [asyncio.create_task(one.exec(f"number {number}")) for number, one in enumerate(many)]

    await upstream.until(lambda: len(upstream.turns) >= 3)
    await running.kill()
    await running.start()
    await asyncio.gather(*asking)
    upstream.script = [text("After all.")]
    after = await many[0].exec("say it")
    await running.stop()
    verified = await many[0].run("audit", "verify", program=COMMAND, env=python_env(running.home))

    assert "After all." in after.stdout
    assert verified.code == 0 and "whole" in verified.stdout, verified
    starts = [one for one in records(running.home / ".codexplus/audit") if one["event.action"] == "audit.start"]
    assert len(starts) == 2


async def test_what_the_model_gets_is_the_same_as_with_nothing(codex, upstream, proxy, tmp_path: Path) -> None:
    """With all on, and nothing that changes a request, nothing is changed."""
    put(tmp_path / "proxy/.codexplus/settings.json", json.dumps({"audit": {"enabled": True, "required": True}}))
    bare, full = await proxy("none"), await proxy(ALL)
    upstream.script = [text("Hello."), text("Hello.")]

    ran = [await codex(NEWEST, name=name).point_at(one.url).exec("hi", json=True)
           for name, one in (("bare", bare), ("full", full))]  # fmt: skip

    assert [one.messages for one in ran] == [["Hello."], ["Hello."]]
    without, with_all = upstream.turns
    assert words_of(without, "user", "developer")[-1:] == words_of(with_all, "user", "developer")[-1:]
    assert tool_names(without) == tool_names(with_all) and set(without.body) == set(with_all.body)
