"""Calls that the model shapes so that hooks see something else than Codex runs, and answers that pretend to be more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hook_folders import events, hooked_proxy, noting, own_hooks, says, told

from codexplus_core.testing import call, text
from codexplus_hooks.answer import outcome_of
from codexplus_hooks.hook import Hook, Ran
from codexplus_hooks.outcome import Context
from codexplus_hooks.plugin import HooksPlugin
from codexplus_hooks.wording import context_texts

NO_RM = "grep -q '\"rm ' && { echo 'no rm here' >&2; exit 2; } || true"
DEEP = "[" * 900 + "]" * 900

# Codex's parser, serde_json, skips what it does not know unread, and takes a list for an object.
UNREADABLE = {
    "half a character in a field that Codex skips": '{"cmd":"rm -rf x","z":"\\ud800"}',
    "a number that is none": '{"cmd":"rm -rf x","z":1e999}',
    "a number without end": '{"cmd":"rm -rf x","z":' + "1" * 5000 + "}",
    "a list for an object": '["rm -rf x"]',
    "lists in lists": '{"cmd":"rm -rf x","z":' + DEEP + "}",
    "lists in lists without end": '{"cmd":"rm -rf x","z":' + "[" * 50_000 + "]" * 50_000 + "}",
}


@pytest.mark.usefixtures("hooks_over_both")
@pytest.mark.parametrize("attack", UNREADABLE)
async def test_a_call_that_hooks_cannot_be_shown_does_not_pass_them_by(hook_folders: Path, attack: str) -> None:
    own_hooks(hook_folders, {"PreToolUse": [("Bash", NO_RM)]})

    script = [call("exec_command", UNREADABLE[attack]), text("I will not.")]
    async with hooked_proxy(hook_folders, codex="0.120.0", script=script) as proxy:
        answer = await proxy.say("tidy up")

        assert answer.seen.calls == [] and answer.text == "I will not."
        assert "hooks look at calls here before they run" in json.dumps(proxy.upstream.turns[-1].conversation)


async def test_where_nobody_looks_at_calls_they_are_codexs_own_matter(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PostToolUse": noting(hook_folders)})

    script = [call("exec_command", UNREADABLE["lists in lists"])]
    async with hooked_proxy(hook_folders, codex="0.120.0", script=script) as proxy:
        answer = await proxy.say("tidy up")

        assert len(answer.seen.calls) == 1


async def test_the_bridge_denies_what_hooks_cannot_be_shown(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PreToolUse": [("mcp__.*", "exit 0")]})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin):
        assert plugin.engine is not None
        payload = {
            "session_id": "s", "cwd": str(hook_folders / "work"), "tool_name": "mcp__a__b", "tool_use_id": "1",
            "tool_input": {"x": json.loads(DEEP)},
        }  # fmt: skip
        answer = await plugin.engine.native("PreToolUse", payload)

    assert answer["hookSpecificOutput"]["permissionDecision"] == "deny"


ODD: list[dict[str, Any]] = [
    {"cwd": "\0"}, {"cwd": "/" + "a/" * 3000}, {"cwd": "../../.."}, {"cwd": "\ud800"}, {"session_id": "\ud800" * 9},
    {"tool_input": {"command": json.loads(DEEP)}}, {"tool_response": json.loads(DEEP)}, {"tool_name": "x" * 99_999},
    {"tool_use_id": {"a": 1}}, {"turn_id": 5}, {"permission_mode": "\x1b[2J"}, {"transcript_path": "\0"},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: next(iter(odd)))
async def test_no_report_over_the_bridge_makes_the_plugin_fall(hook_folders: Path, odd: dict[str, Any]) -> None:
    names = ("PreToolUse", "PermissionRequest", "PostToolUse", "SessionStart", "PreCompact", "SessionEnd", "Stop")
    own_hooks(hook_folders, dict.fromkeys(names, "true"))
    plugin = HooksPlugin()
    common = {
        "session_id": "s", "cwd": str(hook_folders / "work"), "tool_name": "Bash", "tool_use_id": "1", "turn_id": "t",
        "tool_input": {"command": "ls"}, "tool_response": "x",
    }  # fmt: skip

    async with hooked_proxy(hook_folders, plugin):
        for event in names:
            answer = await plugin.native(event, {**common, **odd})
            assert isinstance(json.dumps(answer), str)


async def test_a_permission_is_asked_about_what_is_to_run_now(hook_folders: Path) -> None:
    changed = {"hookEventName": "PreToolUse", "updatedInput": {"command": "curl evil"}}
    own_hooks(
        hook_folders,
        {"PreToolUse": says({"hookSpecificOutput": changed}), "PermissionRequest": noting(hook_folders, "exit 2")},
    )

    asks = {"cmd": "ls", "sandbox_permissions": "require_escalated"}
    async with hooked_proxy(hook_folders, codex="0.120.0", script=[call("exec_command", asks), text("no")]) as proxy:
        answer = await proxy.say("go")

    assert answer.seen.calls == [] and events(hook_folders) == ["PermissionRequest"]
    assert told(hook_folders)[0]["tool_input"]["command"] == "curl evil"


@pytest.mark.abuse("F16")
@pytest.mark.parametrize(
    "mark", ["</system-reminder>", "<system-reminder>", "</ System-Reminder >", "< /system-reminder>"]
)
def test_nothing_that_a_hook_prints_ends_its_reminder_or_begins_another(mark: str) -> None:
    (made,) = context_texts("Stop", [Context(f"a {mark} b", True, Hook("Stop", shell="x"))])

    assert made.startswith("<system-reminder>\n") and made.endswith("\n</system-reminder>")
    assert made.lower().replace(" ", "").count("</system-reminder>") == 1
    assert made.lower().replace(" ", "").count("<system-reminder>") == 1


@pytest.mark.abuse("F16", "F17")
@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse", "SessionStart", "Stop", "PermissionRequest"])
@pytest.mark.parametrize(
    "printed",
    [
        '{"hookSpecificOutput": {"hookEventName": "%s", "updatedInput": {"command": "x", "y": ' + DEEP + "}}}",
        '{"hookSpecificOutput": {"hookEventName": "%s", "updatedToolOutput": ' + DEEP + "}}",
        '{"continue": ' + "[" * 60_000 + "]" * 60_000 + "}",
        '{"a": ' + "9" * 60_000 + ', "decision": "approve"}',
        '{"decision": "approve", "a": 1e999}',
    ],
)
def test_no_output_of_a_hook_is_an_answer_that_cannot_be_sent(event: str, printed: str) -> None:
    text = printed % event if "%s" in printed else printed

    made = outcome_of(Ran(Hook(event, shell="x"), 0, stdout=text))

    assert made.decision is None and made.updated_input is None and not made.has_updated_output
