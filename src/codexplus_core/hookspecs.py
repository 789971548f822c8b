"""Every hook and its contract, in lifecycle order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from .action import Action
    from .audit_event import AuditEvent
    from .command import Command
    from .contributions import Check, CliCommand, InitStep
    from .core import Core
    from .exchange import Exchange, LocalReply, Phase, Refusal, Session
    from .outcome import Outcome
    from .protocol.events import Event
    from .protocol.tools import ToolCall, ToolResult

PROJECT = "codexplus"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of its name."""


@hookspec
def add_cli() -> list[CliCommand] | None:
    """Add sub-commands to ``codex-plus``.

    When: at every start of the command line; never ``async``.
    May change: nothing.
    Returns: a list of CliCommand; of two with one name the lower ORDER wins.
    On error: reported, and the plugin adds no sub-command.
    Cost: every ``codex-plus --help`` waits for you; import late.
    """


@hookspec
def add_checks() -> list[Check] | None:
    """Add checks to ``codex-plus doctor``.

    When: when the doctor runs, with or without a running proxy; never ``async``.
    May change: nothing.
    Returns: a list of Check.
    On error: reported, and the plugin adds no check.
    Cost: the doctor's user waits.
    """


@hookspec
def add_init_steps() -> list[InitStep] | None:
    """Add what ``codex-plus init --skills``, ``--prompts``, ``--hooks`` or ``--mcp`` writes.

    When: when ``init`` is asked for one of them, and at the start of a proxy where it was done; never ``async``.
    May change: nothing; the core writes the files.
    Returns: a list of InitStep; of two with one option the lower ORDER wins.
    On error: reported, and the plugin adds no step.
    Cost: the user of ``init`` waits.
    """


@hookspec
def add_commands() -> list[Command] | None:
    """Add slash commands.

    When: once, before ``on_startup``; never ``async``.
    May change: nothing.
    Returns: a list of Command; the lower ``priority`` of two with one name wins.
    On error: reported, and the plugin adds no command.
    Cost: the start of the proxy waits.
    """


@hookspec
def add_routes() -> list[Any] | None:
    """Add routes below ``/_codexplus/``.

    When: once, before ``on_startup``; never ``async``.
    May change: nothing.
    Returns: a list of Starlette routes (objects with a ``path``); of two with one path the lower ORDER wins.
    On error: reported, and the plugin adds no route.
    Cost: the start of the proxy waits.
    """


@hookspec
def on_startup(core: Core) -> None:
    """Get ready: keep ``core``, open what has to be open.

    When: once, before the first request, ascending ORDER.
    May change: the plugin's own state.
    Returns: nothing.
    On error: the plugin counts as broken and gets no other hook; a FAIL_CLOSED plugin then refuses every request.
    Cost: the port is not served before you return; 30 seconds at most. Start what is slow in a task.
    """


@hookspec
def on_session(session: Session, phase: Phase) -> None:
    """Learn that a thread of conversation starts, is taken up again, is compacted or has ended.

    When: ``"start"`` and ``"resume"`` before ``on_request`` of the thread's first request, ``"compact"`` on the
        request that asks for a compaction, ``"end"`` when it is forgotten; ascending ORDER.
    May change: ``session.state``.
    Returns: nothing.
    On error: reported only.
    Cost: the thread's first prompt waits for you.
    """


@hookspec
def on_tool_result(exchange: Exchange, call: ToolCall, result: ToolResult) -> ToolResult | None:
    """See, and perhaps change, what a tool answered before the model reads it.

    When: once for each new output of the client's tools, before ``on_request`` of the request that brings it, and for
        what a tool that a plugin added was answered with; ascending ORDER.
    May change: the result, by returning another; never the one that was handed in.
    Returns: None to leave it, or a ToolResult, which the next plugin then sees.
    On error: treated as absent; a FAIL_CLOSED plugin withholds the output and the model is told so.
    Cost: the model waits for you.
    """


@hookspec
def on_request(exchange: Exchange) -> LocalReply | Refusal | None:
    """Decide about a request while nothing has been sent upstream.

    When: once per exchange, ascending ORDER; never for the warm-up message.
    May change: the request, through ``exchange``; the edits of a plugin that fails are undone.
    Returns: None to go on, LocalReply to answer here, Refusal to say no. First answer wins.
    On error: treated as absent, or as refusing if the plugin is FAIL_CLOSED.
    Cost: every prompt waits for you; return early.
    """


@hookspec
def on_action(action: Action) -> Refusal | str | None:
    """Veto a program, a file or a connection before the proxy touches it for a user.

    When: right before it happens, ascending ORDER. Deny rules of the settings stop it besides, whoever agrees here.
    May change: nothing.
    Returns: None to agree, a Refusal or its words to forbid. It can forbid, it cannot grant.
    On error: treated as absent, or as forbidding if the plugin is FAIL_CLOSED.
    Cost: every command, hook and tool that the proxy runs waits for you.
    """


@hookspec
def on_audit(event: AuditEvent) -> Refusal | str | None:
    """Keep account of what was decided or done: verdicts, approvals, programs, tool calls, commands, logins.

    When: for a decision before it takes effect, for the rest right after; ascending ORDER. What a session's requests
        came to is told by ``on_exchange_end``.
    May change: nothing.
    Returns: nothing; for a decision that has to be kept and could not be, a Refusal or its words: then it does not take
        effect. For anything else an answer means nothing.
    On error: reported only; a decision does not take effect if the plugin is FAIL_CLOSED.
    Cost: what was decided waits for you.
    """


@hookspec
def on_tool_use(exchange: Exchange, call: ToolCall) -> ToolCall | Refusal | ToolResult | None:
    """Decide about a tool call of the model before the client sees it.

    When: once for each whole call, descending ORDER; of a tool that a plugin added, that plugin is asked last (but
        first what an indirect one means). Calls of added tools in a row are asked about at the same time.
    May change: the call, by returning ``call.replace(arguments=…)``; the next plugin then sees that one.
    Returns: None to let it pass, a changed ToolCall, a Refusal that the model is told, or a ToolResult that answers the
        call here. The first Refusal or ToolResult ends it.
    On error: treated as absent, or as refusing if the plugin is FAIL_CLOSED.
    Cost: the model's tool call waits for you.
    """


@hookspec
def on_chunk(exchange: Exchange, event: Event) -> Event | list[Event] | None:
    """See, change, multiply or drop one event about to reach the client.

    When: for the event types that ``exchange.watch`` or ``WATCHES`` names (every type with neither), descending ORDER.
    May change: the event, by returning another; the next plugin sees what you returned.
    Returns: None to leave it, an Event, a list of them, or ``[]`` to drop it.
    On error: treated as absent; a FAIL_CLOSED plugin ends the stream as failed.
    Cost: the hot path: hundreds of calls per answer. Watch few types and prefer ``def`` to ``async def``.
    """


@hookspec
def on_turn_end(exchange: Exchange) -> str | None:
    """Look at a turn that the model considers done, and perhaps make it go on.

    When: after the last round of a turn, a sub-agent's too, with no tool call open, descending ORDER.
    May change: nothing.
    Returns: None, or a prompt that makes the model go on. The first prompt wins; it is for you to stop asking.
    On error: reported only.
    Cost: the user sees the turn as running until you return.
    """


@hookspec
def on_exchange_end(exchange: Exchange, outcome: Outcome) -> None:
    """Learn how an exchange ended.

    When: after the last byte, also of refused, cut and abandoned exchanges and of every other path; once, descending
        ORDER.
    May change: nothing.
    Returns: nothing.
    On error: reported only.
    Cost: the client does not wait, the drain at shutdown does.
    """


@hookspec
def on_shutdown(core: Core) -> None:
    """Close what ``on_startup`` opened.

    When: once, when every exchange has ended, descending ORDER; also for a plugin disabled meanwhile.
    May change: the plugin's own state.
    Returns: nothing.
    On error: reported only.
    Cost: the end of the process waits for you.
    """
