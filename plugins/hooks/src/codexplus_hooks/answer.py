"""What one run of a hook means: its exit code, and the JSON that it printed, as recorded of Claude Code 2.1."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .hook import POST_OUTPUT, PRE_INPUT, Ran
from .outcome import Block, Context, Decision, Outcome
from .unreadable import is_deep

NO_STDERR = "No stderr output"

_BLOCKING = frozenset({
    "PreToolUse", "PermissionRequest", "PostToolUse", "PostToolUseFailure", "UserPromptSubmit", "UserPromptExpansion",
    "Stop", "SubagentStop", "PreCompact",
})  # fmt: skip
_PRINTED_IS_CONTEXT = frozenset({"UserPromptSubmit", "SessionStart"})
_DECISIONS: Mapping[str, Decision] = {"allow": "allow", "deny": "deny", "ask": "ask"}
_SHOWN = 500
_BLOCKED = 2


def outcome_of(ran: Ran) -> Outcome:
    """What one run means. Never raises, whatever was printed."""
    made = _outcome(ran)
    if ran.truncated:
        made = replace(made, errors=(*made.errors, f"{_name(ran)} printed too much; the rest was dropped"))
    return replace(made, ran=(ran,))


def _outcome(ran: Ran) -> Outcome:
    if ran.problem:
        return Outcome(errors=(f"{_name(ran)} {ran.problem}",))
    if ran.hook.shape == "python":
        return _of_python(ran)
    if ran.code == _BLOCKED:
        return _blocked(ran)
    said = object_of(ran.stdout)
    if said is not None:
        try:
            return _of_object(ran, said)
        except _Unfit as unfit:
            return Outcome(errors=(f"{_name(ran)}: its JSON does not count: {unfit}",))
    if ran.truncated and ran.stdout.lstrip().startswith("{"):
        # Half a decision is none, and no text for the model either.
        return Outcome(errors=(f"{_name(ran)}: its JSON does not count: it was cut",))
    if ran.code != 0:
        return Outcome(errors=(_failed(ran),))
    if ran.hook.event in _PRINTED_IS_CONTEXT and ran.stdout.strip():
        return Outcome(context=(Context(ran.stdout.strip(), True, ran.hook),))
    return Outcome()


def object_of(printed: str) -> dict[str, Any] | None:
    """The one JSON object that a text is, None for any other text. No part of it is a lone surrogate or infinite.

    One that is nested too deeply to be sent on is none either.
    """
    text = printed.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        found = json.loads(text, parse_float=_finite, parse_constant=_no_constant)
        if "\\ud" in text.lower():
            # Half a pair can be written in JSON, and in nothing that is sent afterwards.
            found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and not is_deep(found) else None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("too large a number")
    return value


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _blocked(ran: Ran) -> Outcome:
    if ran.hook.event not in _BLOCKING:
        # As recorded: SessionEnd tells the user, the others say nothing at all.
        return Outcome(errors=(_failed(ran),) if ran.hook.event == "SessionEnd" else ())
    reason = f"[{ran.hook.command}]: {ran.stderr or NO_STDERR}"
    return Outcome("deny", reason, (Block(reason, True, ran.hook),))


# -- JSON


class _Unfit(Exception):
    """An object of which nothing counts: one value in it is of the wrong kind."""


def _of_object(ran: Ran, said: Mapping[str, Any]) -> Outcome:
    event = ran.hook.event
    goes_on = _flag(said, "continue", default=True)
    own = said.get("hookSpecificOutput")
    if own is not None:
        if not isinstance(own, Mapping):
            raise _Unfit("hookSpecificOutput is no object")
        if own.get("hookEventName") != event:
            raise _Unfit(f'hookSpecificOutput needs "hookEventName": "{event}"')
    made = Outcome(
        stopped=not goes_on,
        stop_reason=_text(said, "stopReason") if not goes_on else "",
        suppress=_flag(said, "suppressOutput", default=False),
        system_messages=tuple(each for each in (_text(said, "systemMessage"),) if each),
    )
    made = _decided(ran, made, said)
    if own is None:
        return made
    context = _text(own, "additionalContext")
    if context:
        made = replace(made, context=(Context(context, False, ran.hook),))
    reader = _OWN.get(event)
    return made if reader is None else reader(ran, made, own)


def _decided(ran: Ran, made: Outcome, said: Mapping[str, Any]) -> Outcome:
    word = said.get("decision")
    reason = _text(said, "reason")
    if word is None or word == "approve":
        return replace(made, decision="allow", reason=reason) if word and ran.hook.event == "PreToolUse" else made
    if word != "block":
        raise _Unfit('decision is neither "approve" nor "block"')
    return _denied(ran, made, reason) if ran.hook.event in _BLOCKING else made


def _denied(ran: Ran, made: Outcome, reason: str) -> Outcome:
    return replace(made, decision="deny", reason=reason, blocks=(Block(reason, False, ran.hook),))


def _of_tool_use(ran: Ran, made: Outcome, own: Mapping[str, Any]) -> Outcome:
    updated = own.get("updatedInput")
    if updated is not None:
        if not isinstance(updated, dict):
            raise _Unfit("updatedInput is no object")
        made = replace(made, updated_input=updated)
    word, reason = own.get("permissionDecision"), _text(own, "permissionDecisionReason")
    if word is None:
        return made
    if word == "defer":
        return replace(made, deferred=True)
    if not isinstance(word, str) or word not in _DECISIONS:
        raise _Unfit("permissionDecision is none of allow, deny, ask and defer")
    if word == "deny":
        return _denied(ran, made, reason)
    return replace(made, decision=_DECISIONS[word], reason=reason, blocks=())


def _of_permission_request(ran: Ran, made: Outcome, own: Mapping[str, Any]) -> Outcome:
    said = own.get("decision")
    if said is None:
        return made
    if not isinstance(said, Mapping) or said.get("behavior") not in ("allow", "deny"):
        raise _Unfit('decision needs "behavior": "allow" or "deny"')
    if said["behavior"] == "deny":
        return _denied(ran, made, _text(said, "message"))
    updated = said.get("updatedInput")
    return replace(made, decision="allow", updated_input=updated if isinstance(updated, dict) else None)


def _of_tool_result(_ran: Ran, made: Outcome, own: Mapping[str, Any]) -> Outcome:
    return replace(
        made,
        updated_output=own.get("updatedToolOutput"),
        has_updated_output=own.get("updatedToolOutput") is not None,
        updated_mcp_output=own.get("updatedMCPToolOutput"),
        has_updated_mcp_output=own.get("updatedMCPToolOutput") is not None,
    )


def _of_session_start(_ran: Ran, made: Outcome, own: Mapping[str, Any]) -> Outcome:
    return replace(made, initial_message=_text(own, "initialUserMessage"))


_OWN: Mapping[str, Callable[[Ran, Outcome, Mapping[str, Any]], Outcome]] = {
    "PreToolUse": _of_tool_use,
    "PermissionRequest": _of_permission_request,
    "PostToolUse": _of_tool_result,
    "SessionStart": _of_session_start,
}


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if value is not None and not isinstance(value, str):
        raise _Unfit(f"{name} is no text")
    return value or ""


def _flag(said: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = said.get(name, default)
    if not isinstance(value, bool):
        raise _Unfit(f"{name} is neither true nor false")
    return value


# -- the Python hooks


def _of_python(ran: Ran) -> Outcome:
    if ran.code == _BLOCKED and ran.hook.event == PRE_INPUT:
        reason = ran.stderr.strip() or NO_STDERR
        return Outcome("deny", reason, (Block(reason, True, ran.hook),))
    if ran.code != 0:
        return Outcome(errors=(_failed(ran),))
    if ran.truncated:
        # Half a prompt, or half an answer, is worse than the one there was.
        return Outcome()
    said = object_of(ran.stdout)
    try:
        if ran.hook.event == POST_OUTPUT:
            return _of_post_output(ran, said)
        return _of_pre_input(ran, said)
    except _Unfit as unfit:
        return Outcome(errors=(f"{_name(ran)}: its JSON does not count: {unfit}",))


def _of_pre_input(ran: Ran, said: Mapping[str, Any] | None) -> Outcome:
    if said is None or not said.keys() & {"prompt", "decision", "continue", "additionalContext", "systemMessage"}:
        return Outcome(prompt=_line(ran.stdout)) if ran.stdout.strip() else Outcome()
    prompt, context = _text(said, "prompt"), _text(said, "additionalContext")
    made = Outcome(
        prompt=prompt or None,
        context=(Context(context, False, ran.hook),) if context else (),
        system_messages=tuple(each for each in (_text(said, "systemMessage"),) if each),
        stopped=not _flag(said, "continue", default=True),
        stop_reason=_text(said, "stopReason"),
    )
    word = said.get("decision")
    if word not in (None, "approve", "block"):
        raise _Unfit('decision is neither "approve" nor "block"')
    return _denied(ran, made, _text(said, "reason")) if word == "block" else made


def _of_post_output(ran: Ran, said: Mapping[str, Any] | None) -> Outcome:
    if said is None or not said.keys() & {"append", "output", "systemMessage"}:
        return Outcome(appended=(_line(ran.stdout),)) if ran.stdout.strip() else Outcome()
    added, instead = _text(said, "append"), said.get("output")
    errors: tuple[str, ...] = ()
    if instead is not None and not ran.hook.buffers:
        errors = (f'{_name(ran)} prints "output" but holds nothing back; write BUFFERS = True at its top',)
    return Outcome(
        appended=(added,) if added else (),
        replaced=_text(said, "output") if instead is not None and ran.hook.buffers else None,
        system_messages=tuple(each for each in (_text(said, "systemMessage"),) if each),
        errors=errors,
    )


def _line(printed: str) -> str:
    """What was printed without the end that ``print`` gives it."""
    return printed.removesuffix("\n").removesuffix("\r")


# -- words for the user


def _name(ran: Ran) -> str:
    return f"{ran.hook.event} hook [{_cut(ran.hook.command)}]"


def _failed(ran: Ran) -> str:
    how = f"was ended by signal {-ran.code}" if ran.code is not None and ran.code < 0 else f"exit code {ran.code}"
    said = _cut(ran.stderr.strip())
    if ran.hook.event == "SessionEnd" and ran.code is not None and ran.code > 0:
        return f"{_name(ran)} failed: {said}"
    return f"{_name(ran)} failed ({how})" + (f": {said}" if said else "")


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
