"""A dry run: an event that did not happen, the hooks that it would reach, and what they say to it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codexplus_core import Core, Problem, Session, printable

from .hook import EVENTS, POST_OUTPUT, PRE_INPUT, Hook, Ran
from .hook_set import HookSet
from .listing import HookRow, row_of
from .matcher import names_of
from .outcome import NOTHING, Outcome
from .running import Runner
from .switched import is_off, switched_off
from .trust import Trust

NAMES = (*EVENTS, PRE_INPUT, POST_OUTPUT)
"""What can be rehearsed."""

_WITHOUT_MODE = frozenset(
    {
        "SessionStart",
        "SessionEnd",
        "Notification",
        "PreCompact",
        "PostCompact",
        "StopFailure",
        "MessageDisplay",
        "CwdChanged",
    }
)
_TOOL_EVENTS = frozenset({"PreToolUse", "PermissionRequest", "PostToolUse", "PostToolUseFailure"})
_ID = "rehearsal"
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "SessionStart": {"source": "startup"},
    "UserPromptExpansion": {
        "expansion_type": "slash_command", "command_name": "example", "command_args": "",
        "command_source": "projectSettings", "prompt": "/example",
    },
    "UserPromptSubmit": {"prompt": "Hello"},
    "PreToolUse": {"tool_name": "Bash", "tool_input": {"command": "true"}, "tool_use_id": _ID},
    "PermissionRequest": {"tool_name": "Bash", "tool_input": {"command": "true"}, "permission_suggestions": []},
    "PostToolUse": {
        "tool_name": "Bash", "tool_input": {"command": "true"}, "tool_use_id": _ID, "duration_ms": 0,
        "tool_response": {"stdout": "", "stderr": "", "interrupted": False, "isImage": False},
    },
    "PostToolUseFailure": {
        "tool_name": "Bash", "tool_input": {"command": "false"}, "tool_use_id": _ID, "error": "Exit code 1",
        "is_interrupt": False, "duration_ms": 0,
    },
    "PostToolBatch": {"tool_calls": []},
    "StopFailure": {"error": "unknown", "last_assistant_message": ""},
    "MessageDisplay": {"turn_id": _ID, "message_id": _ID, "index": 0, "final": True, "delta": "Done."},
    "CwdChanged": {"old_cwd": "/", "new_cwd": "/"},
    "Notification": {"message": "Codex needs your permission", "notification_type": "permission_prompt"},
    "SubagentStart": {"agent_id": _ID, "agent_type": "general-purpose"},
    "SubagentStop": {
        "agent_id": _ID, "agent_type": "general-purpose", "stop_hook_active": False, "agent_transcript_path": "",
        "last_assistant_message": "Done.",
    },
    "Stop": {"stop_hook_active": False, "last_assistant_message": "Done.", "background_tasks": [], "session_crons": []},
    "PreCompact": {"trigger": "manual", "custom_instructions": None},
    "PostCompact": {"trigger": "manual", "compact_summary": ""},
    "SessionEnd": {"reason": "other"},
    PRE_INPUT: {"prompt": "Hello"},
    POST_OUTPUT: {"output": "Done."},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fate:
    """A hook of the event: whether it ran, and why not; ``ran`` is how it ended."""

    row: HookRow
    why_not: str = ""
    ran: Ran | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a dry run showed. Nothing of the outcome has any effect."""

    event: str
    payload: dict[str, Any]
    fates: tuple[Fate, ...]
    outcome: Outcome

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {"event": self.event, "payload": self.payload, "hooks": [_shown(fate) for fate in self.fates],
                "outcome": outcome_words(self.outcome)}  # fmt: skip


def payload_of(event: str, session: Session, *, tool: str = "", given: str = "") -> dict[str, Any]:
    """What the hooks of an event would read on their standard input.

    ``tool`` is a tool's name; ``given`` is JSON: its input, or for events without a tool further fields. Raises
    Problem.
    """
    if event not in NAMES:
        raise Problem(f"{event}: is no event; one of {', '.join(NAMES)}", exit_code=2)
    fields = dict(_FIELDS[event])
    if tool and event not in _TOOL_EVENTS:
        raise Problem(f"{event}: has no tool; leave the tool out", exit_code=2)
    said = _object(given)
    if event in _TOOL_EVENTS:
        if tool:
            fields |= {"tool_name": tool, "tool_input": {}}
        fields |= {} if said is None else {"tool_input": said}
    else:
        fields |= said or {}
    who = {"session_id": session.id or _ID, "cwd": str(session.cwd or "")}
    if event in (PRE_INPUT, POST_OUTPUT):
        return {**fields, **who}
    common: dict[str, Any] = {"session_id": who["session_id"], "transcript_path": "", "cwd": who["cwd"]}
    if event not in _WITHOUT_MODE:
        common["permission_mode"] = "default"
    return {**common, "hook_event_name": event, **fields}


async def rehearse(
    core: Core, trust: Trust, runner: Runner, found: HookSet, event: str, payload: dict[str, Any], session: Session
) -> Rehearsal:
    """Run the hooks that the event would reach and that may run."""
    listed = [hook for hook in found.hooks if hook.event == event]
    matching = found.matching(core, event, payload, session)
    allowed = await trust.allowed(matching, found, session)
    outcome = await runner.run(allowed, payload, session=session, found=found, dry=True) if allowed else NOTHING
    states = [await trust.state(hook, found, session) for hook in listed]
    off = switched_off(core.config.for_project(found.project))
    fates = tuple(
        Fate(
            row_of(hook, "switched off" if is_off(hook, off) else state),
            "" if hook in allowed else _why_not(hook, found, payload, matching, off),
            next((ran for ran in outcome.ran if ran.hook == hook), None),
        )
        for hook, state in zip(listed, states, strict=True)
    )
    return Rehearsal(event, payload, fates, outcome)


def outcome_words(outcome: Outcome) -> dict[str, Any]:
    """What an outcome would do; only what it says."""
    said: dict[str, Any] = {
        "decision": outcome.decision,
        "reason": outcome.reason,
        "stopped": outcome.stopped,
        "stop_reason": outcome.stop_reason,
        "updated_input": outcome.updated_input,
        "updated_output": outcome.updated_output if outcome.has_updated_output else outcome.updated_mcp_output,
        "context": [context.text for context in outcome.context],
        "system_messages": list(outcome.system_messages),
        "initial_message": outcome.initial_message,
        "prompt": outcome.prompt,
        "appended": list(outcome.appended),
        "replaced": outcome.replaced,
        "errors": list(outcome.errors),
    }
    return {name: value for name, value in said.items() if value not in (None, "", [], False)}


def _object(given: str) -> dict[str, Any] | None:
    if not given.strip():
        return None
    try:
        said = json.loads(given)
    except (ValueError, RecursionError) as error:
        raise Problem(f'the input is no JSON ({error}); such as {{"command": "ls"}}', exit_code=2) from None
    if not isinstance(said, dict):
        raise Problem('the input is no JSON object; such as {"command": "ls"}', exit_code=2)
    return said


def _why_not(
    hook: Hook, found: HookSet, payload: Mapping[str, Any], matching: tuple[Hook, ...], off: tuple[str, ...]
) -> str:
    if is_off(hook, off):
        return "it is switched off"
    if found.signed.refuses(hook):
        return "it comes from no signed pack (security.requireSigned)"
    if hook not in found.of(hook.event):
        return found.disabled or "it does not count here"
    if hook in matching:
        project = shlex.quote(printable(str(found.project or ".")))
        return f"you have not allowed it; codex-plus approvals allow --project {project} does, or the next session asks"
    twin = next((other for other in matching if (other.shell, other.argv) == (hook.shell, hook.argv)), None)
    if twin is not None:
        return f"the same command stands in {twin.origin} and runs once"
    names = names_of(hook.event, payload)
    if hook.condition:
        return f"its matcher or its condition {hook.condition} does not hold"
    return f"its matcher does not mean {' or '.join(names)}" if names else "its matcher means nothing here"


def _shown(fate: Fate) -> dict[str, Any]:
    row = fate.row
    shown: dict[str, Any] = {
        "id": row.id, "event": row.event, "matcher": row.matcher, "command": row.command, "file": row.file,
        "key": row.key, "trust": row.trust, "ran": fate.ran is not None and fate.ran.started,
    }  # fmt: skip
    if fate.why_not:
        shown["why_not"] = fate.why_not
    if fate.ran is not None:
        shown |= {"exit_code": fate.ran.code, "stdout": fate.ran.stdout, "stderr": fate.ran.stderr,
                  "seconds": round(fate.ran.seconds, 4)}  # fmt: skip
        shown |= {"problem": fate.ran.problem} if fate.ran.problem else {}
    return shown
