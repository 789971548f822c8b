"""Codex's own hooks as a second source: what they tell alone, and what the wire has told before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hook_folders import events, hooked_proxy, noting, own_hooks, says, told

from codexplus_core.testing import shell, text
from codexplus_hooks.joining import Joining, content_of
from codexplus_hooks.plugin import HooksPlugin


def reported(event: str, folders: Path, session: str = "s1", **fields: Any) -> dict[str, Any]:
    """What Codex gives its hook."""
    return {
        "session_id": session, "transcript_path": "/rollout.jsonl", "cwd": str(folders / "work"), "model": "gpt-6",
        "permission_mode": "acceptEdits", "turn_id": "t1", "hook_event_name": event, **fields,
    }  # fmt: skip


def called(folders: Path, command: str, id: str = "exec-1", **more: Any) -> dict[str, Any]:
    return reported("PreToolUse", folders, tool_name="Bash", tool_input={"command": command}, tool_use_id=id, **more)


async def asked(plugin: HooksPlugin, payload: dict[str, Any]) -> dict[str, Any]:
    assert plugin.engine is not None
    return await plugin.engine.native(payload["hook_event_name"], payload)


@pytest.mark.req("H1")
async def test_a_call_within_code_mode_is_denied_in_the_words_that_codex_reads(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PreToolUse": [("Bash", "grep -q 'rm ' && { printf no >&2; exit 2; } || true")]})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin):
        denied = await asked(plugin, called(hook_folders, "rm -rf x"))
        allowed = await asked(plugin, called(hook_folders, "ls", "exec-2"))

    specific = denied["hookSpecificOutput"]
    assert specific["hookEventName"] == "PreToolUse" and specific["permissionDecision"] == "deny"
    assert specific["permissionDecisionReason"].endswith("]: no")
    assert allowed == {}


@pytest.mark.req("H1")
async def test_what_codex_knows_is_told(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PreToolUse": noting(hook_folders)})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin):
        await asked(plugin, called(hook_folders, "ls"))

    (one,) = told(hook_folders)
    assert one["transcript_path"] == "/rollout.jsonl" and one["permission_mode"] == "acceptEdits"
    assert one["session_id"] == "s1" and one["tool_input"] == {"command": "ls"}


@pytest.mark.req("H4")
async def test_a_changed_input_goes_back_in_codexs_shape(hook_folders: Path) -> None:
    changed = {"hookEventName": "PreToolUse", "updatedInput": {"command": "ls -l"}}
    own_hooks(hook_folders, {"PreToolUse": [("Bash", says({"hookSpecificOutput": changed}))]})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin):
        answer = await asked(plugin, called(hook_folders, "ls"))

    assert answer["hookSpecificOutput"]["updatedInput"] == {"command": "ls -l"}
    assert answer["hookSpecificOutput"]["permissionDecision"] == "allow"


async def test_a_patch_is_told_as_edits(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PreToolUse": [("Write", noting(hook_folders, "exit 2"))]})
    patch = "*** Begin Patch\n*** Add File: a.py\n+x\n*** End Patch"
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin):
        payload = reported(
            "PreToolUse", hook_folders, tool_name="apply_patch", tool_input={"command": patch}, tool_use_id="p1"
        )
        answer = await asked(plugin, payload)

    assert told(hook_folders)[0]["tool_input"]["file_path"] == str(hook_folders / "work/a.py")
    assert answer["hookSpecificOutput"]["permissionDecision"] == "deny"


@pytest.mark.req("H1")
async def test_feedback_to_an_output_goes_back_as_a_block(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PostToolUse": "printf 'format it' >&2; exit 2"})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin):
        payload = reported(
            "PostToolUse", hook_folders, tool_name="Bash", tool_input={"command": "ls"}, tool_response="hi",
            tool_use_id="e1",
        )  # fmt: skip
        answer = await asked(plugin, payload)
        again = await asked(plugin, payload)

    assert answer["decision"] == "block" and answer["reason"].endswith("format it")
    assert again == {}


@pytest.mark.req("H1")
async def test_a_call_that_passed_on_the_wire_is_not_told_again(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PreToolUse": noting(hook_folders), "PostToolUse": noting(hook_folders)})
    plugin = HooksPlugin()
    output = "Process exited with code 0\nOutput:\nhi\n"

    async with hooked_proxy(hook_folders, plugin, codex="0.120.0", script=[shell("ls"), text("done")]) as proxy:
        answer = await proxy.say("go")
        session, turn = proxy.codex.thread.session, proxy.codex.thread.turn
        same = {"session": session, "turn_id": turn}
        (call,) = answer.seen.calls
        payload = {**called(hook_folders, "ls", call["call_id"]), "session_id": session, "turn_id": turn}
        assert await asked(plugin, payload) == {}
        after = reported("PostToolUse", hook_folders, tool_name="Bash", tool_input={}, tool_response="hi", **same)
        assert await asked(plugin, {**after, "tool_use_id": call["call_id"]}) == {}
        await proxy.tool_outputs(output)

    assert events(hook_folders) == ["PreToolUse", "PostToolUse"]


async def test_another_id_for_the_same_call_is_known_by_its_command(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PreToolUse": noting(hook_folders), "PostToolUse": noting(hook_folders)})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin, codex="0.120.0", script=[shell("ls"), text("done")]) as proxy:
        await proxy.say("go")
        whose = {"session_id": proxy.codex.thread.session, "turn_id": proxy.codex.thread.turn}
        assert await asked(plugin, {**called(hook_folders, "ls", "own-1"), **whose}) == {}
        assert events(hook_folders) == ["PreToolUse"]
        # The next call of the same words is another one.
        await asked(plugin, {**called(hook_folders, "ls", "own-2"), **whose})

    assert events(hook_folders) == ["PreToolUse", "PreToolUse"]


@pytest.mark.req("H1")
async def test_with_codexs_own_hooks_the_javascript_around_a_call_is_left_alone(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PreToolUse": noting(hook_folders), "PostToolUse": noting(hook_folders)})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin, script=[shell("ls"), text("done")]) as proxy:
        session = proxy.codex.thread.session
        await asked(plugin, {**reported("SessionStart", hook_folders, source="startup"), "session_id": session})
        await proxy.say("go")
        await asked(plugin, {**called(hook_folders, "ls"), "session_id": session})
        await proxy.tool_outputs("Script completed\nWall time 0.1 seconds\nOutput:\n\nhi")

    assert [(one["hook_event_name"], one["tool_name"]) for one in told(hook_folders)] == [("PreToolUse", "Bash")]


@pytest.mark.req("H5")
@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse"])
async def test_a_hook_that_did_not_start_is_no_denial_and_is_told_once(hook_folders: Path, event: str) -> None:
    settings = hook_folders / "home/.codexplus/settings.json"
    settings.parent.mkdir()
    # An odd name would be read as a program there, so the hook is not started with it.
    flat = {"matcher": "Write", "command": 'sh -c "cat $file"; exit 2'}
    settings.write_text(json.dumps({"hooks": {event: [flat]}}), encoding="utf-8")
    patch = "*** Begin Patch\n*** Add File: a;id.py\n+x\n*** End Patch"
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin):
        told: dict[str, Any] = {"tool_name": "apply_patch", "tool_input": {"command": patch}, "tool_response": "Done"}
        answers = [
            await asked(plugin, reported(event, hook_folders, **told, tool_use_id=f"exec-{number}"))
            for number in range(2)
        ]

    assert set(answers[0]) == {"systemMessage"} and "did not start: $file" in answers[0]["systemMessage"]
    assert answers[1] == {}


@pytest.mark.req("H1")
async def test_the_tools_of_one_javascript_are_one_batch_when_its_output_comes(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PostToolBatch": noting(hook_folders)})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin, script=[shell("ls; pwd"), text("done")]) as proxy:
        session = proxy.codex.thread.session
        await asked(plugin, {**reported("SessionStart", hook_folders, source="startup"), "session_id": session})
        await proxy.say("go")
        whose = {"session_id": session, "turn_id": proxy.codex.thread.turn, "tool_response": "out"}
        for command in ("ls", "pwd"):
            call = called(hook_folders, command, f"exec-{command}", **whose)
            await asked(plugin, {**call, "hook_event_name": "PostToolUse"})
        await proxy.tool_outputs("Script completed\nWall time 0.1 seconds\nOutput:\n\nout")
        await proxy.say("more")

    (batch,) = told(hook_folders)
    assert [tool["tool_input"]["command"] for tool in batch["tool_calls"]] == ["ls", "pwd"]
    assert [tool["tool_response"] for tool in batch["tool_calls"]] == ["out", "out"]


@pytest.mark.req("H1")
async def test_a_session_begins_and_ends_once_whoever_tells_it(hook_folders: Path) -> None:
    own_hooks(hook_folders, {name: noting(hook_folders) for name in ("SessionStart", "SessionEnd")})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin) as proxy:
        session = {"session_id": proxy.codex.thread.session}
        await asked(plugin, {**reported("SessionStart", hook_folders, source="clear"), **session})
        await proxy.say("go")
        await proxy.say("on")
        await asked(plugin, {**reported("SessionEnd", hook_folders, reason="other"), **session})

    assert [(one["hook_event_name"], one.get("source")) for one in told(hook_folders)] == [
        ("SessionStart", "clear"),
        ("SessionEnd", None),
    ]


@pytest.mark.req("H4")
async def test_a_hook_within_code_mode_can_end_the_turn(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PreToolUse": says({"continue": False, "stopReason": "enough"})})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin, script=[shell("ls"), text("done")]) as proxy:
        session = {"session_id": proxy.codex.thread.session}
        await asked(plugin, {**reported("SessionStart", hook_folders, source="startup"), **session})
        await proxy.say("go")
        await asked(plugin, {**called(hook_folders, "ls"), **session})
        answer = await proxy.tool_outputs("Script completed\nWall time 0.1 seconds\nOutput:\n\nhi")

        assert answer.text == "Operation stopped by hook: enough" and len(proxy.upstream.turns) == 1


@pytest.mark.req("H5")
async def test_a_projects_hook_answers_codexs_own_only_after_a_yes(hook_folders: Path) -> None:
    settings = hook_folders / "work/.claude/settings.json"
    settings.parent.mkdir()
    hook = '{"type": "command", "command": "printf no >&2; exit 2"}'
    settings.write_text(f'{{"hooks": {{"PreToolUse": [{{"hooks": [{hook}]}}]}}}}', encoding="utf-8")
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin, tui=True) as proxy:
        session = {"session_id": proxy.codex.thread.session}
        before = await asked(plugin, {**called(hook_folders, "ls"), **session})
        await proxy.say("hello")
        await proxy.say("y")
        after = await asked(plugin, {**called(hook_folders, "ls", "exec-2"), **session})

    assert before == {}
    assert after["hookSpecificOutput"]["permissionDecision"] == "deny"


@pytest.mark.parametrize("payload", [{}, {"session_id": 5, "cwd": [], "tool_input": "x", "tool_name": None}])
async def test_odd_reports_are_answered_with_nothing(hook_folders: Path, payload: dict[str, Any]) -> None:
    own_hooks(hook_folders, {"PreToolUse": "true", "PostToolUse": "true", "PermissionRequest": "true"})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin):
        assert plugin.engine is not None
        for event in ("PreToolUse", "PostToolUse", "PermissionRequest", "SessionStart", "PreCompact", "Stop", "Nope"):
            assert await plugin.engine.native(event, payload) == {}


@pytest.mark.req("H4")
@pytest.mark.parametrize("behavior", ["allow", "deny"])
async def test_a_permission_request_is_answered(hook_folders: Path, behavior: str) -> None:
    decision = {"hookEventName": "PermissionRequest", "decision": {"behavior": behavior, "message": "why"}}
    own_hooks(hook_folders, {"PermissionRequest": says({"hookSpecificOutput": decision})})
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin):
        payload = reported("PermissionRequest", hook_folders, tool_name="Bash", tool_input={"command": "ls"})
        answer = await asked(plugin, payload)

    assert answer["hookSpecificOutput"]["decision"]["behavior"] == behavior


@pytest.mark.abuse("F16")
@pytest.mark.parametrize("whose", ["project", "own"])
@pytest.mark.parametrize("event", ["PreToolUse", "PermissionRequest"])
async def test_only_the_users_own_hooks_say_yes_in_the_users_place(hook_folders: Path, event: str, whose: str) -> None:
    said = {
        "PreToolUse": {"hookEventName": event, "permissionDecision": "allow"},
        "PermissionRequest": {"hookEventName": event, "decision": {"behavior": "allow"}},
    }
    own_hooks(hook_folders, {event: says({"hookSpecificOutput": said[event]})})
    if whose == "project":
        (hook_folders / "home/.claude").rename(hook_folders / "work/.claude")
    plugin = HooksPlugin()

    async with hooked_proxy(hook_folders, plugin, tui=True) as proxy:
        session = {"session_id": proxy.codex.thread.session}
        await proxy.say("hello")
        await proxy.say("y")
        call = {**called(hook_folders, "ls"), **session}
        answers = [await asked(plugin, call), await asked(plugin, {**call, "hook_event_name": "PermissionRequest"})]

    yes = {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": {"behavior": "allow"}}}
    assert answers == [{}, yes if whose == "own" else {}]


def test_an_event_is_claimed_once_and_sessions_are_apart() -> None:
    joining = Joining()

    assert joining.claim("PreToolUse", "a", "1") and not joining.claim("PreToolUse", "a", "1")
    assert joining.claim("PreToolUse", "b", "1") and joining.claim("PostToolUse", "a", "1")
    assert joining.taken("PreToolUse", "a", "1") and not joining.taken("PreToolUse", "c", "1")


def test_a_content_stands_for_one_call_only() -> None:
    joining, content = Joining(), content_of("PreToolUse", "t", "Bash", {"command": "ls", "description": "x"})
    joining.claim("PreToolUse", "a", "1", content=content)

    assert content == content_of("PreToolUse", "t", "Bash", {"command": "ls"})
    assert joining.taken("PreToolUse", "a", "x", content=content)
    assert not joining.taken("PreToolUse", "a", "y", content=content)


def test_what_is_remembered_has_an_end() -> None:
    joining = Joining()

    for at in range(5000):
        joining.claim("PreToolUse", f"s{at}", "1", content=f"c{at}")
        joining.claim("PreToolUse", "busy", str(at), content=f"c{at}")

    assert joining.claim("PreToolUse", "s0", "1"), "the oldest session is forgotten"
    assert joining.claim("PreToolUse", "busy", "0") and not joining.claim("PreToolUse", "busy", "4999")
