"""Exit codes and JSON mean what was recorded of Claude Code 2.1, and nothing that is printed raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_hooks.answer import object_of, outcome_of
from codexplus_hooks.hook import EVENTS, POST_OUTPUT, PRE_INPUT, Hook, Ran
from codexplus_hooks.outcome import Outcome


def of(event: str, code: int | None = 0, out: Any = "", err: str = "", *, command: str = "check") -> Outcome:
    printed = out if isinstance(out, str) else json.dumps(out)
    return outcome_of(Ran(Hook(event, shell=command), code, printed, err))


def own(event: str, **fields: Any) -> dict[str, Any]:
    return {"hookSpecificOutput": {"hookEventName": event, **fields}}


def changes_nothing(outcome: Outcome) -> bool:
    told = (outcome.decision, outcome.context, outcome.stopped, outcome.updated_input, outcome.system_messages)
    return told == (None, (), False, None, ()) and not outcome.has_updated_output


# -- exit codes


@pytest.mark.req("H4")
@pytest.mark.parametrize(
    "event", ["PreToolUse", "PostToolUse", "UserPromptSubmit", "Stop", "SubagentStop", "PreCompact"]
)
def test_exit_code_2_is_a_no_with_the_command_and_what_it_said_on_stderr(event: str) -> None:
    outcome = of(event, 2, "STDOUT", "line1\nline2\n")

    assert outcome.denied
    assert outcome.reason == "[check]: line1\nline2\n"
    assert [block.by_exit_code for block in outcome.blocks] == [True]
    assert of(event, 2, "only stdout").reason == "[check]: No stderr output"


@pytest.mark.parametrize("event", ["SessionStart", "SessionEnd", "Notification", "SubagentStart"])
def test_exit_code_2_stops_nothing_where_there_is_nothing_to_stop(event: str) -> None:
    assert changes_nothing(of(event, 2, "STDOUT", "STDERR"))


def test_the_user_is_told_of_a_session_end_hook_that_failed() -> None:
    assert of("SessionEnd", 2, err="E").errors == ("SessionEnd hook [check] failed: E",)


@pytest.mark.req("H4")
@pytest.mark.parametrize("code", [1, 3, 126, 127, 255, -9, -15])
@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse", "UserPromptSubmit", "Stop", "SessionStart"])
def test_another_exit_code_or_a_signal_blocks_nothing_and_is_reported(event: str, code: int) -> None:
    outcome = of(event, code, "STDOUT", "STDERR")

    assert changes_nothing(outcome)
    assert "STDERR" in outcome.errors[0]


@pytest.mark.parametrize("event", ["UserPromptSubmit", "SessionStart"])
def test_plain_output_is_context_for_a_prompt_and_a_session(event: str) -> None:
    (context,) = of(event, 0, "ctx line 1\nctx line 2\n").context

    assert (context.text, context.printed) == ("ctx line 1\nctx line 2", True)
    assert of(event, 0, " \n").context == ()


@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse", "Stop", "PreCompact", "SessionEnd"])
def test_plain_output_means_nothing_elsewhere(event: str) -> None:
    assert changes_nothing(of(event, 0, "STDOUT-TEXT", "STDERR-TEXT"))
    assert of(event, 0, "STDOUT-TEXT").errors == ()


@pytest.mark.req("H6")
def test_what_did_not_start_or_took_too_long_is_reported_and_never_a_no() -> None:
    for problem in ("did not start: nothing there", "took longer than 5 s"):
        outcome = outcome_of(Ran(Hook("PreToolUse", shell="x"), 2, '{"decision":"block"}', "E", problem))

        assert changes_nothing(outcome)
        assert problem in outcome.errors[0]


# -- JSON


@pytest.mark.req("H4")
@pytest.mark.parametrize(
    ("printed", "decision", "reason"),
    [
        (own("PreToolUse", permissionDecision="deny", permissionDecisionReason="REASON-D"), "deny", "REASON-D"),
        (own("PreToolUse", permissionDecision="deny"), "deny", ""),
        (own("PreToolUse", permissionDecision="allow"), "allow", ""),
        (own("PreToolUse", permissionDecision="ask", permissionDecisionReason="ASKR"), "ask", "ASKR"),
        ({"decision": "block", "reason": "R"}, "deny", "R"),
        ({"decision": "approve", "reason": "fine"}, "allow", "fine"),
        ('\n  {"decision": "block", "reason": "R"}  \n', "deny", "R"),
    ],
)
def test_a_tool_is_decided_about(printed: Any, decision: str, reason: str) -> None:
    outcome = of("PreToolUse", 0, printed)

    assert (outcome.decision, outcome.reason) == (decision, reason)
    assert all(not block.by_exit_code for block in outcome.blocks)


@pytest.mark.req("H4")
@pytest.mark.parametrize(
    "printed",
    [
        {"decision": "deny", "reason": "R"},
        {"hookSpecificOutput": {"permissionDecision": "deny", "permissionDecisionReason": "R"}},
        own("PostToolUse", additionalContext="X"),
        own("PreToolUse", permissionDecision="maybe", additionalContext="X"),
        own("PreToolUse", permissionDecision=["deny"]),
        {"continue": "no", "decision": "block"},
        {"hookSpecificOutput": "deny"},
        {"foo": "bar"},
        {},
        {"suppressOutput": True},
        'log line\n{"decision": "block", "reason": "R"}',
        '{"decision": "block"}{"decision": "block"}',
        '[{"decision": "block"}]',
        '{"decision": "block"',
        '{"decision": NaN, "reason": 1e999}',
    ],
)
def test_this_output_changes_nothing(printed: Any) -> None:
    assert changes_nothing(of("PreToolUse", 0, printed))


def test_json_counts_with_exit_code_1_and_stderr_wins_with_2() -> None:
    assert of("PreToolUse", 1, {"decision": "block", "reason": "R"}, "E").reason == "R"
    assert of("PreToolUse", 2, own("PreToolUse", permissionDecision="allow"), "E").reason == "[check]: E"


def test_a_changed_input_counts_without_a_decision() -> None:
    outcome = of("PreToolUse", 0, own("PreToolUse", updatedInput={"command": "echo CHANGED"}))

    assert (outcome.decision, outcome.updated_input) == (None, {"command": "echo CHANGED"})


def test_a_tool_result_is_replaced_or_commented_on() -> None:
    replaced = of("PostToolUse", 0, own("PostToolUse", updatedToolOutput={"stdout": "REPLACED"}))
    from_mcp = of("PostToolUse", 0, own("PostToolUse", updatedMCPToolOutput="REPLACED"))
    blocked = of("PostToolUse", 0, {"decision": "block", "reason": "REASON-PB"})

    assert (replaced.has_updated_output, replaced.updated_output) == (True, {"stdout": "REPLACED"})
    assert (from_mcp.has_updated_output, from_mcp.updated_mcp_output) == (False, "REPLACED")
    assert (blocked.decision, blocked.blocks[0].reason) == ("deny", "REASON-PB")


def test_what_every_event_may_say() -> None:
    printed = {"continue": False, "stopReason": "STOP", "systemMessage": "SYS", "suppressOutput": True}
    for event in EVENTS:
        outcome = of(event, 0, printed)

        assert (outcome.stopped, outcome.stop_reason, outcome.system_messages) == (True, "STOP", ("SYS",))
        assert outcome.suppress


def test_context_comes_in_json_for_every_event_that_takes_it() -> None:
    for event in ("PreToolUse", "PostToolUse", "UserPromptSubmit", "SessionStart", "SubagentStart"):
        (context,) = of(event, 0, own(event, additionalContext="EXTRA-CTX")).context

        assert (context.text, context.printed) == ("EXTRA-CTX", False)


def test_a_session_may_begin_with_a_message_and_a_permission_request_be_answered() -> None:
    assert of("SessionStart", 0, own("SessionStart", initialUserMessage="HI")).initial_message == "HI"
    allowed = of("PermissionRequest", 0, own("PermissionRequest", decision={"behavior": "allow"}))
    denied = of("PermissionRequest", 0, own("PermissionRequest", decision={"behavior": "deny", "message": "M"}))
    assert (allowed.decision, denied.decision, denied.reason) == ("allow", "deny", "M")
    assert changes_nothing(of("PermissionRequest", 0, own("PermissionRequest", decision={"behavior": "x"})))


def test_a_cut_output_is_reported() -> None:
    ran = Ran(Hook("UserPromptSubmit", shell="x"), 0, "text", truncated=True)

    assert "too much" in outcome_of(ran).errors[0]


@pytest.mark.abuse("F17")
def test_json_that_was_cut_is_no_decision_and_no_context() -> None:
    for event in ("PreToolUse", "UserPromptSubmit"):
        outcome = outcome_of(Ran(Hook(event, shell="x"), 0, '{"decision": "block", "reason": "RRR', truncated=True))

        assert changes_nothing(outcome)
        assert "it was cut" in outcome.errors[0]


# -- the Python hooks


def of_python(event: str, out: Any = "", code: int = 0, err: str = "", **more: Any) -> Outcome:
    hook = Hook(event, argv=("python", "x.py"), shape="python", buffers=more.pop("buffers", False))
    return outcome_of(Ran(hook, code, out if isinstance(out, str) else json.dumps(out), err, **more))


@pytest.mark.req("H3")
def test_pre_input_prints_a_new_prompt_or_json_or_nothing() -> None:
    assert of_python(PRE_INPUT, "new prompt\n").prompt == "new prompt"
    assert of_python(PRE_INPUT, "").prompt is None
    assert of_python(PRE_INPUT, {"prompt": "from JSON"}).prompt == "from JSON"
    assert of_python(PRE_INPUT, {"decision": "block", "reason": "R"}).reason == "R"
    assert of_python(PRE_INPUT, {"additionalContext": "C"}).context[0].text == "C"
    assert of_python(PRE_INPUT, '{"a prompt": "that is JSON"}\n').prompt == '{"a prompt": "that is JSON"}'
    assert of_python(PRE_INPUT, "ignored", 2, "no").reason == "no"


@pytest.mark.req("H3")
def test_post_output_prints_what_to_append_and_replaces_only_what_it_holds_back() -> None:
    assert of_python(POST_OUTPUT, "more\n").appended == ("more",)
    assert of_python(POST_OUTPUT, {"append": "more"}).appended == ("more",)
    assert of_python(POST_OUTPUT, {"output": "instead"}, buffers=True).replaced == "instead"
    unheld = of_python(POST_OUTPUT, {"output": "instead"})
    assert unheld.replaced is None and "BUFFERS = True" in unheld.errors[0]


def test_a_python_hook_that_failed_or_was_cut_changes_nothing() -> None:
    for outcome in (
        of_python(PRE_INPUT, "half", 1, "Traceback"),
        of_python(PRE_INPUT, "half", truncated=True),
        of_python(POST_OUTPUT, "half", truncated=True),
    ):
        assert (outcome.prompt, outcome.appended, outcome.decision) == (None, (), None)
        assert outcome.errors


# -- anything


@given(
    st.sampled_from([*EVENTS, PRE_INPUT, POST_OUTPUT]),
    st.one_of(st.none(), st.integers(-64, 255)),
    st.binary(max_size=200),
    st.binary(max_size=50),
)
def test_no_bytes_raise(event: str, code: int | None, out: bytes, err: bytes) -> None:
    shape: Any = "python" if event in (PRE_INPUT, POST_OUTPUT) else "nested"
    hook = Hook(event, shell="x", shape=shape)

    outcome_of(Ran(hook, code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")))


_KEYS = st.sampled_from([
    "continue", "stopReason", "decision", "reason", "systemMessage", "suppressOutput", "hookSpecificOutput",
    "hookEventName", "permissionDecision", "updatedInput", "additionalContext", "updatedToolOutput", "behavior",
    "message", "initialUserMessage", "prompt", "append", "output", "permissionDecisionReason",
])  # fmt: skip
_VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
        st.sampled_from(["block", "approve", "allow", "deny", "ask", "defer", "PreToolUse", "PermissionRequest"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=5)),
    max_leaves=12,
)  # fmt: skip


@given(st.sampled_from([*EVENTS, PRE_INPUT, POST_OUTPUT]), st.dictionaries(_KEYS, _VALUES, max_size=6))
def test_no_json_raises_and_what_is_taken_from_it_can_be_sent(event: str, said: dict[str, Any]) -> None:
    shape: Any = "python" if event in (PRE_INPUT, POST_OUTPUT) else "nested"
    outcome = outcome_of(Ran(Hook(event, shell="x", shape=shape, buffers=True), 0, json.dumps(said)))

    texts = [context.text for context in outcome.context]
    assert isinstance(outcome.reason, str) and isinstance(outcome.stop_reason, str)
    json.dumps([outcome.updated_input, outcome.updated_output, texts], ensure_ascii=False, allow_nan=False).encode()


def test_half_a_character_and_bottomless_json_do_not_get_through() -> None:
    found = object_of('{"reason": "\\ud800x"}')

    assert found == {"reason": "?x"}
    assert object_of('{"a":' * 100_000 + "1" + "}" * 100_000) is None
    assert object_of('{"a": ' + "9" * 5000 + "}") is None
