"""What hooks see and do on the wire of prompts, turns, sub-agents and compactions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hook_folders import events, hooked_proxy, noting, own_hooks, says, sent, told

from codexplus_core.testing import call, failed, text

WIRE = ("0.29.0", "0.60.1", "0.98.0", "0.120.0")
"""Versions whose shell calls can be seen on the wire."""
pytestmark = pytest.mark.usefixtures("hooks_over_both")


@pytest.mark.req("H1")
async def test_a_prompt_is_seen_as_typed_and_can_be_stopped_for_good(hook_folders: Path) -> None:
    stop = "grep -q secret && { printf %s 'keep it' >&2; exit 2; } || true"
    own_hooks(hook_folders, {"UserPromptSubmit": stop})

    async with hooked_proxy(hook_folders, codex="0.120.0") as proxy:
        answer = await proxy.say("my secret")
        await proxy.say("hello")

        words = f"UserPromptSubmit operation blocked by hook:\n[{stop}]: keep it\n\nOriginal prompt: my secret"
        assert answer.error == words
        assert len(proxy.upstream.turns) == 1 and "secret" not in sent(proxy)


@pytest.mark.req("H1", "H3")
async def test_context_stands_before_the_prompt_now_later_and_after_a_resume(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"UserPromptSubmit": "echo branch main", "SessionStart": "echo be kind"})

    async with hooked_proxy(hook_folders, codex="0.120.0") as proxy:
        await proxy.say("one")
        first = _user(proxy)[-1]
        await proxy.say("two")
        later = _user(proxy)
        proxy.resume()
        await proxy.say("three")

        assert first == [
            "<system-reminder>\nSessionStart:startup hook success: be kind\n</system-reminder>\n",
            "<system-reminder>\nUserPromptSubmit hook success: branch main\n</system-reminder>\n",
            "one",
        ]
        assert later[-2] == first and later[-1][-1] == "two" and len(later[-1]) == 2
        assert first in _user(proxy)


@pytest.mark.req("H1")
async def test_a_retry_runs_no_hook_again(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"UserPromptSubmit": noting(hook_folders, "echo ctx"), "Stop": noting(hook_folders)})

    async with hooked_proxy(
        hook_folders, codex="0.120.0", script=[text("broken off here").cut(4), text("whole")]
    ) as proxy:
        await proxy.say("go")
        await proxy.retry()

        assert events(hook_folders) == ["UserPromptSubmit", "Stop"]
        assert "UserPromptSubmit hook success: ctx" in sent(proxy)


@pytest.mark.req("H1")
async def test_stop_makes_the_model_go_on_and_knows_that_it_did(hook_folders: Path) -> None:
    once = "grep -q '\"stop_hook_active\":true' || { echo 'run the tests' >&2; exit 2; }"
    own_hooks(hook_folders, {"Stop": once})

    async with hooked_proxy(hook_folders, script=[text("done"), text("tests ran")]) as proxy:
        answer = await proxy.say("go")

        assert answer.text.endswith("tests ran") and len(proxy.upstream.turns) == 2
        assert f"Stop hook feedback:\\n[{once}]: run the tests".replace('"', '\\"') in sent(proxy)
        await proxy.say("next")
        assert len(proxy.upstream.turns) == 4, "a new turn may be made to go on again"


@pytest.mark.req("H1")
async def test_stop_makes_the_model_go_on_eight_times_at_most(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"Stop": noting(hook_folders, "echo again >&2; exit 2")})

    async with hooked_proxy(hook_folders) as proxy:
        answer = await proxy.say("go")

        assert answer.seen.completed and len(proxy.upstream.turns) == 9
        assert [each["stop_hook_active"] for each in told(hook_folders)] == [False, *[True] * 8]


@pytest.mark.req("H1")
async def test_a_whole_session_tells_each_event_once(hook_folders: Path) -> None:
    names = [
        "SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure", "PostToolBatch",
        "SubagentStart", "SubagentStop", "Stop", "PreCompact", "PostCompact", "SessionEnd",
    ]  # fmt: skip
    own_hooks(hook_folders, {name: noting(hook_folders) for name in names})
    calls = [call("list_agents", {}, "collaboration") for _ in range(5)]

    async with hooked_proxy(
        hook_folders, script=[*calls, call("spawn_agent", {"message": "look"}, "collaboration")]
    ) as proxy:
        await proxy.say("go")
        for _ in range(5):
            await proxy.tool_outputs("[]")
        proxy.upstream.script[:] = [text("I looked."), text("all done"), text("after")]
        child, request = proxy.codex.subagent("look")
        await proxy.send(request, child)
        title = proxy.codex.title_request("go")
        await proxy.send(title)
        await proxy.tool_outputs("started")
        await proxy.send(proxy.codex.compact())
        await proxy.say("and now?")

    seen = events(hook_folders)
    once = {name: seen.count(name) for name in names}
    assert once == {
        "SessionStart": 2, "UserPromptSubmit": 2, "PreToolUse": 6, "PostToolUse": 6, "PostToolUseFailure": 0,
        "PostToolBatch": 6, "SubagentStart": 1, "SubagentStop": 1, "Stop": 2, "PreCompact": 1, "PostCompact": 1,
        "SessionEnd": 1,
    }  # fmt: skip
    sources = [each["source"] for each in told(hook_folders) if each["hook_event_name"] == "SessionStart"]
    assert sources == ["startup", "compact"]
    (agent,) = [each for each in told(hook_folders) if each["hook_event_name"] == "SubagentStop"]
    assert agent["agent_type"] == "helper" and agent["last_assistant_message"] == "I looked."


@pytest.mark.req("H1")
async def test_a_subagent_is_made_to_go_on(hook_folders: Path) -> None:
    once = "grep -q '\"stop_hook_active\":true' || { echo 'look again' >&2; exit 2; }"
    own_hooks(hook_folders, {"SubagentStop": once, "SubagentStart": says(_context("SubagentStart", "agents read"))})

    async with hooked_proxy(
        hook_folders, script=[call("spawn_agent", {"message": "look"}, "collaboration"), text("A"), text("B")]
    ) as proxy:
        await proxy.say("go")
        child, request = proxy.codex.subagent("look")
        answer = await proxy.send(request, child)

        assert answer.text.endswith("B")
        assert "SubagentStop hook feedback:" in sent(proxy) and "agents read" in sent(proxy)


@pytest.mark.req("H1")
async def test_a_compaction_can_be_stopped(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PreCompact": "echo 'not now' >&2; exit 2"})

    async with hooked_proxy(hook_folders) as proxy:
        await proxy.say("one")
        before = len(proxy.upstream.requests)
        answer = await proxy.send(proxy.codex.compact())

        assert "Compaction blocked by PreCompact hook: [echo 'not now' >&2; exit 2]: not now" in (answer.error or "")
        assert len(proxy.upstream.requests) == before


@pytest.mark.req("H1")
@pytest.mark.parametrize("codex", [*WIRE, "0.169.0"])
async def test_a_compaction_is_told_once_however_codex_asks_for_it(hook_folders: Path, codex: str) -> None:
    own_hooks(hook_folders, {name: noting(hook_folders) for name in ("PreCompact", "PostCompact", "SessionStart")})

    async with hooked_proxy(hook_folders, codex=codex) as proxy:
        await proxy.say("one")
        answer = await proxy.send(proxy.codex.compact())
        if proxy.codex.version.compaction == "endpoint":
            proxy.codex.compacted(answer.body)
        await proxy.say("two")
        await proxy.say("three")

    events = [(each["hook_event_name"], each.get("source")) for each in told(hook_folders)]
    assert events[:2] == [("SessionStart", "startup"), ("PreCompact", None)]
    # The next prompt may come before the end of the compaction's own exchange.
    assert set(events[2:]) == {("PostCompact", None), ("SessionStart", "compact")} and len(events) == 4


async def test_a_failed_answer_is_told_in_the_place_of_stop(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"Stop": noting(hook_folders), "StopFailure": noting(hook_folders)})

    async with hooked_proxy(hook_folders, script=[failed("server_error", "mock bad")]) as proxy:
        await proxy.say("go")

    assert events(hook_folders) == ["StopFailure"]


def _context(event: str, words: str) -> dict[str, Any]:
    return {"hookSpecificOutput": {"hookEventName": event, "additionalContext": words}}


def _user(proxy: Any) -> list[list[str]]:
    items = proxy.upstream.turns[-1].conversation
    users = [item for item in items if item.get("role") == "user"]
    return [[part["text"] for part in item["content"]] for item in users]
