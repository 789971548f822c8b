"""What hooks see and do on the wire of tool calls, with every shape in which Codex has sent them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hook_folders import hooked_proxy, noting, own_hooks, says, sent, told

from codexplus_core.testing import custom_call, shell, text

WIRE = ("0.29.0", "0.60.1", "0.98.0", "0.120.0")
"""Versions whose shell calls can be seen on the wire."""
OUTPUTS = {
    "0.29.0": '{"output":"hi\\n","metadata":{"exit_code":0,"duration_seconds":0.0}}',
    "0.60.1": "Exit code: 0\nWall time: 0 seconds\nOutput:\nhi\n",
    "0.98.0": "Chunk ID: 1b\nWall time: 0.0 seconds\nProcess exited with code 0\nOutput:\nhi\n",
    "0.120.0": "Chunk ID: 1b\nProcess exited with code 0\nOriginal token count: 1\nOutput:\nhi\n",
}
NO_RM = "grep -q '\"rm ' && { echo 'no rm here' >&2; exit 2; } || true"
pytestmark = pytest.mark.usefixtures("hooks_over_both")


@pytest.mark.req("H1")
@pytest.mark.parametrize("codex", WIRE)
async def test_a_forbidden_shell_call_never_reaches_codex_and_the_model_reads_why(
    hook_folders: Path, codex: str
) -> None:
    own_hooks(hook_folders, {"PreToolUse": [("Bash", NO_RM)]})

    async with hooked_proxy(hook_folders, codex=codex, script=[shell("rm -rf x"), text("I will not.")]) as proxy:
        answer = await proxy.say("tidy up")

        assert answer.text == "I will not."
        assert answer.seen.calls == [] and len(proxy.upstream.turns) == 2
        assert f"PreToolUse:Bash hook error: [{NO_RM}]: no rm here" in _outputs(proxy)[-1]
        # The next turn brings it again, at the same place.
        await proxy.say("and now?")
        assert "no rm here" in _outputs(proxy)[-1]


@pytest.mark.req("H1")
@pytest.mark.parametrize("codex", WIRE)
async def test_a_tool_is_told_before_and_after_it_ran(hook_folders: Path, codex: str) -> None:
    own_hooks(hook_folders, {"PreToolUse": noting(hook_folders), "PostToolUse": noting(hook_folders)})

    async with hooked_proxy(hook_folders, codex=codex, script=[shell("echo hi"), text("done")]) as proxy:
        await proxy.say("go")
        await proxy.tool_outputs(OUTPUTS[codex])

    before, after = told(hook_folders)
    assert before["tool_name"] == "Bash" and before["tool_input"]["command"] == "echo hi"
    assert before["tool_use_id"] == after["tool_use_id"] and before["cwd"] == str(hook_folders / "work")
    assert after["tool_response"]["stdout"] == "hi"


@pytest.mark.req("H1")
@pytest.mark.parametrize("codex", WIRE)
async def test_a_failed_tool_is_told_as_a_failure(hook_folders: Path, codex: str) -> None:
    own_hooks(hook_folders, {"PostToolUse": noting(hook_folders), "PostToolUseFailure": noting(hook_folders)})
    output = OUTPUTS[codex].replace("code 0", "code 3").replace("code: 0", "code: 3").replace('code":0', 'code":3')

    async with hooked_proxy(hook_folders, codex=codex, script=[shell("false"), text("done")]) as proxy:
        await proxy.say("go")
        await proxy.tool_outputs(output)

    (failure,) = told(hook_folders)
    assert failure["hook_event_name"] == "PostToolUseFailure"
    assert failure["error"] == "Exit code 3\nhi" and failure["is_interrupt"] is False


@pytest.mark.req("H4")
@pytest.mark.parametrize("codex", WIRE)
async def test_a_changed_command_is_what_codex_runs(hook_folders: Path, codex: str) -> None:
    changed = {"hookEventName": "PreToolUse", "updatedInput": {"command": "echo safe"}}
    own_hooks(hook_folders, {"PreToolUse": says({"hookSpecificOutput": changed})})

    async with hooked_proxy(hook_folders, codex=codex, script=[shell("echo raw"), text("done")]) as proxy:
        answer = await proxy.say("go")

    (call_item,) = answer.seen.calls
    arguments = json.loads(call_item["arguments"])
    assert "echo safe" in json.dumps(arguments) and "raw" not in json.dumps(arguments)
    assert arguments.keys() == {"command"} or arguments.keys() == {"cmd"}


@pytest.mark.req("H1")
async def test_feedback_stands_behind_the_output_now_and_later(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PostToolUse": [("Bash", "printf %s 'format it' >&2; exit 2")]})

    async with hooked_proxy(
        hook_folders, codex="0.120.0", script=[shell("echo hi"), text("done"), text("later")]
    ) as proxy:
        await proxy.say("go")
        await proxy.tool_outputs(OUTPUTS["0.120.0"])
        first = _outputs(proxy)[-1]
        await proxy.say("next")

        assert first.startswith(OUTPUTS["0.120.0"]) and "hook blocking error from command" in first
        assert first.endswith("format it\n</system-reminder>")
        assert _outputs(proxy)[-1] == first


@pytest.mark.req("H1")
async def test_an_edit_is_told_with_its_path_for_each_file(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PostToolUse": [("Edit|Write", noting(hook_folders))]})
    patch = (
        "*** Begin Patch\n*** Add File: new.py\n+x = 1\n*** Update File: old.py\n@@\n-a\n+b\n"
        "*** Delete File: gone.py\n*** End Patch"
    )

    async with hooked_proxy(
        hook_folders, codex="0.120.0", script=[custom_call("apply_patch", patch), text("done")]
    ) as proxy:
        await proxy.say("go")
        await proxy.tool_outputs("Exit code: 0\nWall time: 0 seconds\nOutput:\nSuccess.\n")

    work = hook_folders / "work"
    assert [(each["tool_name"], each["tool_input"]["file_path"]) for each in told(hook_folders)] == [
        ("Write", str(work / "new.py")),
        ("Edit", str(work / "old.py")),
    ]


@pytest.mark.req("H1")
async def test_code_mode_is_told_by_its_own_name_where_nobody_tells_more(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PreToolUse": [("exec", noting(hook_folders)), ("Bash", "exit 2")]})

    async with hooked_proxy(hook_folders, script=[shell("echo hi"), text("done")]) as proxy:
        answer = await proxy.say("go")
        following = await proxy.tool_outputs("Script completed\nWall time 0.1 seconds\nOutput:\n\nhi")
        last = await proxy.say("next")

    (one,) = told(hook_folders)
    assert one["tool_name"] == "exec" and "tools.exec_command" in one["tool_input"]["code"]
    assert len(answer.seen.calls) == 1
    # The user reads once why the hook for Bash did not run.
    assert "codex-plus init --hooks" in following.text and "init --hooks" not in last.text


@pytest.mark.req("H4")
async def test_continue_false_behind_a_tool_ends_the_turn_without_the_model(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"PostToolUse": says({"continue": False, "stopReason": "enough"})})

    async with hooked_proxy(hook_folders, codex="0.120.0", script=[shell("echo hi"), text("next answer")]) as proxy:
        await proxy.say("go")
        answer = await proxy.tool_outputs(OUTPUTS["0.120.0"])
        upstream = len(proxy.upstream.turns)
        following = await proxy.say("go on")

        assert answer.text == "Operation stopped by hook: enough" and upstream == 1
        assert following.text == "next answer" and "stopped by hook" not in sent(proxy)


@pytest.mark.req("H4")
async def test_a_system_message_is_for_the_user_alone(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"UserPromptSubmit": says({"systemMessage": "on branch main"})})

    async with hooked_proxy(hook_folders, codex="0.120.0") as proxy:
        answer = await proxy.say("one")
        await proxy.say("two")

        assert answer.seen.streamed.startswith("UserPromptSubmit says: on branch main")
        assert "on branch main" not in sent(proxy)


async def test_a_broken_hook_is_told_once_and_stops_nothing(hook_folders: Path) -> None:
    own_hooks(hook_folders, {"UserPromptSubmit": "/no/such/program --flag", "PreToolUse": "/no/such/program"})

    async with hooked_proxy(
        hook_folders, codex="0.120.0", script=[shell("echo hi"), text("done"), text("again")]
    ) as proxy:
        first = await proxy.say("go")
        await proxy.tool_outputs(OUTPUTS["0.120.0"])
        second = await proxy.say("more")

        assert len(first.seen.calls) == 1 and "/no/such/program --flag" in first.seen.streamed
        assert second.text.endswith("again") and "--flag" not in second.seen.streamed


async def test_without_hooks_nothing_is_read_or_changed(hook_folders: Path) -> None:
    async with hooked_proxy(hook_folders) as proxy:
        request = proxy.codex.say("hello")
        answer = await proxy.send(request)

        assert answer.text == "Hello from the script."
        if proxy.transport == "http":
            assert proxy.upstream.turns[-1].raw == request.body


def _outputs(proxy: Any) -> list[str]:
    items = proxy.upstream.turns[-1].conversation
    return [str(item["output"]) for item in items if item["type"].endswith("_output")]
