"""Events of Codex's own hooks, and the answer in the shape that Codex 0.169 reads.

The wire sees sessions, prompts, turns and compactions, and can do more about them, so those events only tell what it
cannot know. What happens within code mode is seen here alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexplus_core import Core, Session, ToolCall, ToolResult

from .answer import outcome_of
from .calls import unasked
from .events import (
    permission_request,
    post_tool_batch,
    post_tool_use,
    post_tool_use_failure,
    pre_tool_use,
    session_end,
)
from .firing import Firing, Where
from .joining import content_of
from .outcome import Outcome
from .results import Answered, answered, replacement, response_of
from .rewriting import CannotExpress
from .tools import Tool, rewritten, tools_of
from .unreadable import why_unreadable
from .wording import stopped

Answer = dict[str, Any]


class Native:
    """Answers what the bridge hands over."""

    def __init__(self, core: Core, firing: Firing) -> None:
        self._core = core
        self._firing = firing

    async def answer(self, event: str, payload: Mapping[str, Any]) -> Answer:
        """The JSON object for Codex; empty where there is nothing to say."""
        where = _where(payload)
        joining = self._firing.joining
        joining.heard(where.id, payload)
        if event == "SessionStart":
            joining.begins(where.id, str(payload.get("source") or ""))
        elif event == "PreCompact":
            joining.compacts(where.id, str(payload.get("trigger") or ""))
        elif event == session_end.EVENT:
            if joining.claim(session_end.EVENT, where.id, ""):
                await session_end.fire(self._firing, where)
        elif event == pre_tool_use.EVENT:
            return await self._before(where, payload)
        elif event == permission_request.EVENT:
            return await self._permission(where, payload)
        elif event == post_tool_use.EVENT:
            return await self._after(where, payload)
        return {}

    async def _before(self, where: Where, payload: Mapping[str, Any]) -> Answer:
        event, id = pre_tool_use.EVENT, str(payload.get("tool_use_id") or "")
        call, tools = _call(payload, where)
        turn = str(payload.get("turn_id") or "")
        seen = content_of(event, turn, tools[0].name, tools[0].input) if tools else ""
        if self._firing.joining.taken(event, where.id, id, content=seen):
            self._firing.joining.claim(event, where.id, f"wire:{id}")
            return {}
        if why := why_unreadable(call):
            return _denied(f"hooks look at calls here before they run, and {why}", [])
        changed, texts, lines = call, list[str](), list[str]()
        for tool in tools:
            outcome = await pre_tool_use.fire(self._firing, where, tool, id)
            lines += [*outcome.system_messages, *self._firing.joining.untold(where.id, outcome.errors)]
            no = pre_tool_use.denial(outcome, tool) if outcome.denied else ""
            if outcome.decision == "ask":
                no = unasked(self._core, outcome, tool, where)
            if no:
                return _denied(no, lines)
            if outcome.stopped:
                self._firing.joining.stop(where.id, stopped(outcome))
            if _grants(outcome):
                # Codex refuses a plain yes here; it is for the question that may follow.
                content = _asked(payload, tool)
                self._firing.joining.claim(permission_request.EVENT, where.id, f"{id}#{tool.at}", content=content)
            texts += [each.text for each in outcome.context if not each.printed]
            if outcome.updated_input is None:
                continue
            try:
                changed = rewritten(changed, tool, outcome.updated_input)
            except CannotExpress as trouble:
                return _denied(f"a PreToolUse hook changed the input of {tool.name}: {trouble}", lines)
            if pre_tool_use.changed_by_project(outcome) and (no := await self._objection(where, payload, changed)):
                return _denied(no, lines)
        specific: Answer = {}
        if changed != call:
            # Codex takes a changed input only along with a yes, and refuses the whole answer for a yes without one.
            specific["updatedInput"] = _input(payload, changed)
            specific["permissionDecision"] = "allow"
        if texts:
            specific["additionalContext"] = "\n".join(texts)
        return _answer(event, specific, lines)

    async def _objection(self, where: Where, payload: Mapping[str, Any], changed: ToolCall) -> str:
        """What the user's own hooks have against what a project's hook has made of a call."""
        told = {**payload, "tool_input": _input(payload, changed)}
        for tool in _call(told, where)[1]:
            outcome = await pre_tool_use.fire(self._firing, where, tool, changed.id, own=True)
            no = pre_tool_use.denial(outcome, tool) if outcome.denied else ""
            if outcome.decision == "ask":
                no = unasked(self._core, outcome, tool, where)
            if no:
                return no
        return ""

    async def _permission(self, where: Where, payload: Mapping[str, Any]) -> Answer:
        _, tools = _call(payload, where)
        allowed, joining = False, self._firing.joining
        for tool in tools:
            outcome = await permission_request.fire(self._firing, where, tool)
            if outcome.denied:
                decision = {"behavior": "deny", "message": permission_request.denial(outcome, tool)}
                return _answer(permission_request.EVENT, {"decision": decision}, outcome.system_messages)
            granted = joining.taken(permission_request.EVENT, where.id, "", content=_asked(payload, tool))
            allowed = allowed or granted or _grants(outcome)
        return _answer(permission_request.EVENT, {"decision": {"behavior": "allow"}} if allowed else {}, ())

    async def _after(self, where: Where, payload: Mapping[str, Any]) -> Answer:
        event, id = post_tool_use.EVENT, str(payload.get("tool_use_id") or "")
        joining = self._firing.joining
        # What passed here on the wire comes back there with its output.
        if joining.taken(pre_tool_use.EVENT, where.id, f"wire:{id}") or not joining.claim(event, where.id, id):
            return {}
        said_by = _answered(payload.get("tool_response"))
        objections, texts, lines = list[str](), list[str](), list[str]()
        specific: Answer = {}
        for tool in _call(payload, where)[1]:
            joining.batch(where.id, where.prompt_id, post_tool_batch.row(tool, id, said_by.text))
            outcome = await self._fire_after(where, tool, id, said_by, payload.get("tool_response"))
            lines += [*outcome.system_messages, *joining.untold(where.id, outcome.errors)]
            objections += [block.reason for block in outcome.blocks]
            texts += [each.text for each in outcome.context if not each.printed]
            if outcome.stopped:
                joining.stop(where.id, stopped(outcome))
            if outcome.has_updated_mcp_output and tool.name.startswith("mcp__"):
                specific["updatedMCPToolOutput"] = outcome.updated_mcp_output
            elif outcome.has_updated_output:
                # Codex lets a hook replace an MCP tool's output only; the words come beside the others'.
                texts.append(f"read this in the place of the output: {replacement(outcome.updated_output)}")
        if texts:
            specific["additionalContext"] = "\n".join(texts)
        made = _answer(event, specific, lines)
        return {**made, "decision": "block", "reason": "\n".join(objections)} if objections else made

    async def _fire_after(self, where: Where, tool: Tool, id: str, said_by: Answered, response: Any) -> Outcome:
        if said_by.error is not None:
            return await post_tool_use_failure.fire(self._firing, where, tool, id, said_by)
        told = response_of(tool, said_by) if isinstance(response, str) else response
        return await post_tool_use.fire(self._firing, where, tool, id, told)


def _grants(outcome: Outcome) -> bool:
    """Whether one of the user's own hooks says yes in the user's place; a project's may only forbid."""
    if outcome.decision != "allow":
        return False
    return any(ran.hook.trusted and outcome_of(ran).decision == "allow" for ran in outcome.ran)


def _asked(payload: Mapping[str, Any], tool: Tool) -> str:
    """What the report of a call and Codex's question about it have in common."""
    return content_of(permission_request.EVENT, str(payload.get("turn_id") or ""), tool.name, tool.input)


def _where(payload: Mapping[str, Any]) -> Where:
    def text(key: str) -> str:
        value = payload.get(key)
        return value if isinstance(value, str) else ""

    cwd = text("cwd")
    session = Session(text("session_id"), text("session_id"), cwd=Path(cwd) if cwd else None)
    return Where(session, text("turn_id"), text("agent_id"), text("agent_type"))


def _call(payload: Mapping[str, Any], where: Where) -> tuple[ToolCall, list[Tool]]:
    """Codex's report of a call as the wire would have it, and as hooks are told of it."""
    name, given = str(payload.get("tool_name") or ""), payload.get("tool_input")
    arguments = given if isinstance(given, dict) else {}
    id = str(payload.get("tool_use_id") or "")
    if name == "apply_patch":
        call = ToolCall(id, name, str(arguments.get("command") or ""), kind="custom_tool_call")
    elif name == "Bash":
        call = ToolCall(id, "shell_command", dict(arguments))
        return call, [Tool("Bash", dict(arguments))]
    else:
        call = ToolCall(id, name, dict(arguments))
    return call, tools_of(call, where.session.cwd)


def _input(payload: Mapping[str, Any], changed: ToolCall) -> dict[str, Any]:
    if isinstance(changed.arguments, str):
        given = payload.get("tool_input")
        return {**(given if isinstance(given, dict) else {}), "command": changed.arguments}
    return changed.arguments


def _answered(response: Any) -> Answered:
    if isinstance(response, str):
        return answered(ToolResult(response))
    if isinstance(response, dict):
        code = response.get("exit_code")
        words = str(response.get("output") or response.get("stdout") or "")
        if isinstance(code, int) and code:
            return Answered(words, f"Exit code {code}\n{words}".rstrip("\n"))
    return Answered(replacement(response))


def _denied(reason: str, lines: list[str]) -> Answer:
    specific = {"permissionDecision": "deny", "permissionDecisionReason": reason}
    return _answer(pre_tool_use.EVENT, specific, lines)


def _answer(event: str, specific: Answer, lines: Any) -> Answer:
    made: Answer = {"hookSpecificOutput": {"hookEventName": event, **specific}} if specific else {}
    return {**made, "systemMessage": "\n".join(lines)} if lines else made
