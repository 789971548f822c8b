"""The model's tool calls on the wire: before Codex has them, and when Codex has answered."""

from __future__ import annotations

from codexplus_core import Core, Exchange, Proposal, Refusal, ToolCall, ToolResult

from .events import permission_request, post_tool_batch, post_tool_use, post_tool_use_failure, pre_tool_use
from .firing import Firing, Where
from .joining import content_of
from .notebook import Notebook, notebook_of
from .outcome import Outcome
from .prompts import BATCH
from .results import Answered, answered, replacement, response_of, with_texts
from .rewriting import CannotExpress
from .surroundings import where_of
from .tools import CODE, Tool, rewritten, tools_of
from .unreadable import why_unreadable
from .wording import said, stopped

_UNSEEN = (
    "Your hooks for tools see Codex's JavaScript here, not the commands in it. `codex-plus init --hooks` lets Codex "
    "tell of each; `codex-plus doctor` says whether it does."
)

BEFORE = (pre_tool_use.EVENT, permission_request.EVENT)
AFTER = (post_tool_use.EVENT, post_tool_use_failure.EVENT, post_tool_batch.EVENT)


class Calls:
    """Answers ``on_tool_use`` and ``on_tool_result``."""

    def __init__(self, core: Core, firing: Firing) -> None:
        self._core = core
        self._firing = firing

    def _concerns(self, where: Where, call: ToolCall) -> bool:
        """Not what Codex's own hooks report call by call: the JavaScript around it."""
        return not (_is_code(call) and self._firing.joining.is_live(where.id))

    def _is_inherited(self, where: Where, call: ToolCall) -> bool:
        """Whether another thread made the call: a sub-agent begins with the open ones of its parent, as aborted."""
        taken, event = self._firing.joining.taken, pre_tool_use.EVENT
        return taken(event, where.id, f"wire:{call.id}") and not taken(event, where.id, _own(where, call))

    async def before(self, exchange: Exchange, call: ToolCall) -> ToolCall | Refusal | None:
        """What hooks say to a call: None, a changed one, or the words that the model is told in its place."""
        session, where = exchange.session, where_of(exchange)
        if not self._concerns(where, call):
            return None
        if _is_code(call) and self._firing.hooked(session, *BEFORE, *AFTER) and not notebook_of(session).warned:
            notebook_of(session).say([_UNSEEN], once=True)
        if not self._firing.hooked(session, *BEFORE):
            return None
        if why := why_unreadable(call):
            return Refusal(f"hooks look at calls here before they run, and {why}")
        changed = call
        for tool in tools_of(call, session.cwd):
            outcome = await pre_tool_use.fire(self._firing, where, tool, call.id)
            verdict = self._judged(outcome, tool, changed, where)
            if not isinstance(verdict, Refusal) and verdict != changed and pre_tool_use.changed_by_project(outcome):
                verdict = await self._looked_at_again(verdict, where)
            if isinstance(verdict, Refusal):
                return verdict
            changed = verdict
        if permission_request.asks(changed) and not self._firing.joining.is_live(where.id):
            # About what is to run now, not about what the model had asked for.
            for tool in tools_of(changed, session.cwd):
                outcome = await permission_request.fire(self._firing, where, tool)
                if outcome.denied:
                    return Refusal(permission_request.denial(outcome, tool))
        return None if changed == call else changed

    async def _looked_at_again(self, call: ToolCall, where: Where) -> ToolCall | Refusal:
        """The user's own hooks have a say in what a project's hook has made of a call."""
        for tool in tools_of(call, where.session.cwd):
            outcome = await pre_tool_use.fire(self._firing, where, tool, call.id, own=True)
            if outcome.denied:
                return Refusal(pre_tool_use.denial(outcome, tool))
            if outcome.decision == "ask" and (no := unasked(self._core, outcome, tool, where)):
                return Refusal(no)
        return call

    def passed(self, exchange: Exchange, call: ToolCall) -> None:
        """The call goes to Codex as it is now; when Codex's own hooks tell of it, they tell nothing new."""
        where = where_of(exchange)
        if not self._concerns(where, call) or not self._firing.hooked(exchange.session, *BEFORE, *AFTER):
            return
        if why_unreadable(call):
            return
        event = pre_tool_use.EVENT
        self._firing.joining.claim(event, where.id, call.id)
        self._firing.joining.claim(event, where.id, f"wire:{call.id}")
        self._firing.joining.claim(event, where.id, _own(where, call))
        for tool in tools_of(call, exchange.session.cwd):
            content = content_of(event, exchange.turn.id, tool.name, tool.input)
            self._firing.joining.claim(event, where.id, f"{call.id}#{tool.at}{tool.name}", content=content)

    def _judged(self, outcome: Outcome, tool: Tool, call: ToolCall, where: Where) -> ToolCall | Refusal:
        notebook = notebook_of(where.session)
        note(notebook, pre_tool_use.EVENT, outcome)
        if outcome.denied:
            return Refusal(pre_tool_use.denial(outcome, tool))
        if outcome.decision == "ask" and (no := unasked(self._core, outcome, tool, where)):
            return Refusal(no)
        if outcome.stopped or outcome.deferred:
            notebook.stopping = stopped(outcome)
        if texts := pre_tool_use.texts(outcome, tool):
            notebook.behind.setdefault(call.id, []).extend(texts)
        if outcome.updated_input is None:
            return call
        try:
            return rewritten(call, tool, outcome.updated_input)
        except CannotExpress as trouble:
            # Running what the hook wanted changed would be worse than not running it.
            return Refusal(f"a PreToolUse hook changed the input of {tool.name}, and Codex cannot run that: {trouble}")

    async def after(self, exchange: Exchange, call: ToolCall, result: ToolResult) -> ToolResult | None:
        """What the model reads in the place of a tool's output, None where that is what it was."""
        session, where = exchange.session, where_of(exchange)
        notebook = notebook_of(session)
        texts = notebook.behind.pop(call.id, [])
        if not self._concerns(where, call) or not call.name or not self._firing.hooked(session, *AFTER):
            return with_texts(result, texts) if texts else None
        if self._is_inherited(where, call):
            return None
        joining, said_by, made = self._firing.joining, answered(result), result
        for tool in tools_of(call, session.cwd):
            key = f"{exchange.turn.id}:{call.id}#{tool.at}{tool.name}"
            if joining.taken(post_tool_use.EVENT, where.id, call.id):
                break
            if not joining.claim(post_tool_use.EVENT, where.id, key):
                continue
            exchange.state.setdefault(BATCH, []).append(post_tool_batch.row(tool, call.id, said_by.text))
            event, outcome = await self._fire_after(where, tool, call.id, said_by)
            note(notebook, event, outcome)
            texts += post_tool_use.texts(outcome, tool, event)
            made = _replaced(made, tool, outcome)
            if outcome.stopped:
                notebook.stopping = stopped(outcome)
        made = with_texts(made, texts)
        return None if made == result else made

    async def _fire_after(self, where: Where, tool: Tool, id: str, said_by: Answered) -> tuple[str, Outcome]:
        if said_by.error is not None:
            outcome = await post_tool_use_failure.fire(self._firing, where, tool, id, said_by)
            return post_tool_use_failure.EVENT, outcome
        outcome = await post_tool_use.fire(self._firing, where, tool, id, response_of(tool, said_by))
        return post_tool_use.EVENT, outcome


def _is_code(call: ToolCall) -> bool:
    return call.name == CODE and isinstance(call.arguments, str)


def _own(where: Where, call: ToolCall) -> str:
    return f"{where.session.thread_id}:{call.id}"


def _replaced(result: ToolResult, tool: Tool, outcome: Outcome) -> ToolResult:
    if outcome.has_updated_output:
        return ToolResult(replacement(outcome.updated_output), result.is_error)
    if outcome.has_updated_mcp_output and tool.name.startswith("mcp__"):
        return ToolResult(replacement(outcome.updated_mcp_output), result.is_error)
    return result


def unasked(core: Core, outcome: Outcome, tool: Tool, where: Where) -> str:
    """The no to a call about which a hook wants the user asked: nobody can be, now; ``""`` where it was allowed before.

    As recorded of runs without a terminal, the reason is what the model is told; by default how to allow it follows.
    """
    hook = outcome.ran[-1].hook if outcome.ran else None
    text = str(tool.input.get("command") or tool.input.get("file_path") or tool.name)
    asked = Proposal(
        "tool",
        "user",
        f"{tool.name}, about which a hook asks",
        source=str(hook.source or "") if hook is not None else "",
        project=where.session.cwd,
        text=f"{tool.name}: {text}",
    )
    verdict = core.approvals.check([asked], session=where.session)
    if verdict.granted:
        return ""
    reason = outcome.reason or f"Hook PreToolUse:{tool.name} asks about this tool"
    return reason if core.config.get("compatibility") == "claude-code" else f"{reason}\n{verdict.message}"


def note(notebook: Notebook, event: str, outcome: Outcome) -> None:
    """Keep what the user is to read of an outcome."""
    notebook.say(said(event, outcome))
    notebook.say(list(outcome.errors), once=True)
