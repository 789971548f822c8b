"""Hooks and permission rules over the calls of MCP tools that are answered in the model's own stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from home_and_work import folders as hook_folders
from home_and_work import over_both as hooks_over_both
from hook_folders import noting, own_hooks, says, sent, told
from mcp_pretend import Pretend, World, plugin, server, tool

from codexplus_core.services.config import Config
from codexplus_core.testing import Harness, call, text
from codexplus_hooks.plugin import HooksPlugin

__all__ = ["hook_folders", "hooks_over_both"]
pytestmark = pytest.mark.usefixtures("hooks_over_both")

CODEX = pytest.mark.parametrize("codex", ["0.120.0", "0.169.0"])
NO = "echo 'not that server' >&2; exit 2"


def both(folders: Path, codex: str = "0.169.0", *, script: list[Any], **settings: Any) -> Harness:
    """A proxy with both plugins, for a Codex that works in the project."""
    config, cwd = Config(folders / "home", settings), str(folders / "work")
    return Harness({"mcp": plugin(), "hooks": HooksPlugin()}, config=config, cwd=cwd, codex=codex, script=script)


def rules(folders: Path, **rules: list[str]) -> None:
    path = folders / "home/.claude/settings.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**found, "permissions": rules}), encoding="utf-8")


def offered(proxy: Harness) -> str:
    return json.dumps(proxy.upstream.turns[0].body)


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """A server `s` with a tool that only reads, `echo`, and one that may do anything, `write`."""
    one = Pretend(server(), [tool("echo"), tool("write", read_only=False)])
    World(one).install(monkeypatch)
    return one


@pytest.mark.req("H1", "M4")
@CODEX
async def test_hooks_are_told_of_a_call_before_and_after_it(hook_folders: Path, echo: Pretend, codex: str) -> None:
    pairs = [("mcp__s__.*", noting(hook_folders)), ("mcp__other", "exit 2"), ("Bash", "exit 2")]
    own_hooks(hook_folders, {"PreToolUse": pairs, "PostToolUse": pairs})

    script = [call("mcp__s__echo", {"text": "hi"}), text("done"), text("later")]
    async with both(hook_folders, codex, script=script) as proxy:
        reply = await proxy.say("go")
        await proxy.say("and now?")

    before, after = told(hook_folders)
    assert reply.text == "done" and b"mcp__s__echo" not in reply.body
    assert (before["hook_event_name"], before["tool_name"]) == ("PreToolUse", "mcp__s__echo")
    assert before["tool_input"] == {"text": "hi"} and before["cwd"] == str(hook_folders / "work")
    assert (after["hook_event_name"], after["tool_name"]) == ("PostToolUse", "mcp__s__echo")
    assert after["tool_use_id"] == before["tool_use_id"] and "echo: hi" in json.dumps(after["tool_response"])
    assert echo.calls == [("echo", {"text": "hi"})]


@pytest.mark.req("H1", "M4")
@CODEX
@pytest.mark.parametrize("matcher", ["mcp__s__echo", "mcp__s__.*", "mcp__.*", ""])
async def test_what_a_hook_forbids_never_reaches_the_server(
    hook_folders: Path, echo: Pretend, codex: str, matcher: str
) -> None:
    own_hooks(hook_folders, {"PreToolUse": [(matcher, NO)]})

    script = [call("mcp__s__echo", {"text": "hi"}), text("I will not."), text("later")]
    async with both(hook_folders, codex, script=script) as proxy:
        reply = await proxy.say("go")
        first = sent(proxy)
        await proxy.say("and now?")
        second = sent(proxy)

    assert reply.text == "I will not." and b"mcp__s__echo" not in reply.body
    assert echo.calls == []
    assert "not that server" in first and "not that server" in second


@pytest.mark.req("H4")
async def test_a_hook_changes_what_the_server_gets_and_what_the_model_reads(hook_folders: Path, echo: Pretend) -> None:
    changed = {"hookEventName": "PreToolUse", "updatedInput": {"text": "safe"}}
    after = {"hookEventName": "PostToolUse", "updatedMCPToolOutput": "kept back"}
    own_hooks(
        hook_folders,
        {"PreToolUse": says({"hookSpecificOutput": changed}), "PostToolUse": says({"hookSpecificOutput": after})},
    )

    async with both(hook_folders, script=[call("mcp__s__echo", {"text": "raw"}), text("done")]) as proxy:
        await proxy.say("go")

        assert echo.calls == [("echo", {"text": "safe"})]
        assert "kept back" in sent(proxy) and "echo: safe" not in sent(proxy)


async def test_a_call_about_which_a_hook_asks_is_not_made(hook_folders: Path, echo: Pretend) -> None:
    asks = {"hookEventName": "PreToolUse", "permissionDecision": "ask", "permissionDecisionReason": "look first"}
    own_hooks(hook_folders, {"PreToolUse": says({"hookSpecificOutput": asks})})

    async with both(hook_folders, script=[call("mcp__s__echo", {}), text("done")]) as proxy:
        await proxy.say("go")

        assert echo.calls == [] and "look first" in sent(proxy)


async def test_of_calls_in_a_row_only_the_forbidden_one_is_left_out(hook_folders: Path, echo: Pretend) -> None:
    own_hooks(hook_folders, {"PreToolUse": [("mcp__s__write", NO)]})
    rules(hook_folders, allow=["mcp__s"])
    row = call("mcp__s__echo", {"text": "a"}) + call("mcp__s__write", {}) + call("mcp__s__echo", {"text": "b"})

    async with both(hook_folders, script=[row, text("done")]) as proxy:
        await proxy.say("go")

        outputs = [item["output"] for item in proxy.upstream.turns[-1].conversation if "output" in item]
    assert sorted(given["text"] for _, given in echo.calls) == ["a", "b"]
    assert outputs[0] == "echo: a" and "not that server" in outputs[1] and outputs[2] == "echo: b"


@pytest.mark.req("H1", "M4")
@pytest.mark.parametrize("forbidden", [True, False])
async def test_a_tool_that_is_called_by_way_of_another_is_told_by_its_own_name(
    hook_folders: Path, echo: Pretend, forbidden: bool
) -> None:
    note = noting(hook_folders, NO if forbidden else "")
    own_hooks(hook_folders, {"PreToolUse": [("", note)], "PostToolUse": [("", noting(hook_folders))]})
    given = {"name": "mcp__s__echo", "arguments": {"text": "hi"}}

    script = [call("mcp__codexplus__call_tool", given), text("done")]
    async with both(hook_folders, script=script, mcp={"toolSearch": "on"}) as proxy:
        await proxy.say("go")

    assert "mcp__s__echo" not in offered(proxy)
    assert [each["tool_name"] for each in told(hook_folders)] == ["mcp__s__echo"] * (1 if forbidden else 2)
    assert told(hook_folders)[0]["tool_input"] == {"text": "hi"}
    assert echo.calls == ([] if forbidden else [("echo", {"text": "hi"})])


@pytest.mark.req("M4", "X3")
@pytest.mark.parametrize("rule", ["mcp__s", "mcp__s__echo", "mcp__s__*"])
@pytest.mark.parametrize("search", ["on", "off"])
async def test_a_denied_tool_is_neither_shown_nor_called_whatever_a_hook_says(
    hook_folders: Path, echo: Pretend, rule: str, search: str
) -> None:
    allows = {"hookEventName": "PreToolUse", "permissionDecision": "allow"}
    own_hooks(hook_folders, {"PreToolUse": says({"hookSpecificOutput": allows})})
    rules(hook_folders, deny=[rule], allow=["mcp__s"])
    direct, through = call("mcp__s__echo", {}), {"name": "mcp__s__echo", "arguments": {}}
    script = [direct if search == "off" else call("mcp__codexplus__call_tool", through), text("done"), text("done")]

    async with both(hook_folders, script=script, mcp={"toolSearch": search}) as proxy:
        await proxy.say("go")

    assert "mcp__s__echo" not in offered(proxy)
    assert echo.calls == []


@pytest.mark.req("M4")
@pytest.mark.parametrize(
    ("given", "calls"),
    [
        ({}, 0),
        ({"allow": ["mcp__s"]}, 1),
        ({"allow": ["mcp__s__write"]}, 1),
        ({"allow": ["mcp__other"]}, 0),
        ({"allow": ["mcp__s"], "ask": ["mcp__s__write"]}, 0),
    ],
)
async def test_a_tool_that_may_change_things_needs_a_rule_or_a_yes(
    hook_folders: Path, echo: Pretend, given: dict[str, list[str]], calls: int
) -> None:
    rules(hook_folders, **given)

    async with both(hook_folders, script=[call("mcp__s__write", {"text": "x"}), text("done")]) as proxy:
        await proxy.say("go")

        assert len(echo.calls) == calls
        assert ("needs the user's permission" in sent(proxy)) is not bool(calls)
