"""What the hooks of one event come to: a decision, and texts for the model and for the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .hook import Hook, Ran

Decision = Literal["allow", "deny", "ask"]

_STRICTNESS: tuple[Decision | None, ...] = (None, "allow", "ask", "deny")


@dataclass(frozen=True, slots=True)
class Context:
    """A text for the model; ``printed`` is True for plain output (``hook success``), else ``additionalContext``."""

    text: str
    printed: bool
    hook: Hook


@dataclass(frozen=True, slots=True)
class Block:
    """A hook's no. ``reason`` is its own words, or ``[COMMAND]: STDERR`` where ``by_exit_code``."""

    reason: str
    by_exit_code: bool
    hook: Hook


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the hooks of one event come to; an empty one changes nothing.

    ``decision`` is the strictest (deny, then ask, then allow), ``reason`` that of the hook which said it and ended
    last, ``""`` where it gave none. ``blocks`` are all denials in the order in which they ended. ``updated_input``
    replaces a tool's input, ``updated_output`` its output, ``updated_mcp_output`` that of an MCP tool only. ``context``
    is for the model. ``stopped`` is True for ``continue: false``, with ``stop_reason``. ``system_messages`` are for the
    user only. ``initial_message`` is a first turn of SessionStart. ``prompt`` is what ``pre_input.py`` makes of the
    prompt; ``appended`` and ``replaced`` what ``post_output.py`` adds to the answer, or puts in its place. ``errors``
    are sentences for the user about hooks that did not do their work.
    """

    decision: Decision | None = None
    reason: str = ""
    blocks: tuple[Block, ...] = ()
    updated_input: dict[str, Any] | None = None
    updated_output: Any = None
    has_updated_output: bool = False
    updated_mcp_output: Any = None
    has_updated_mcp_output: bool = False
    context: tuple[Context, ...] = ()
    stopped: bool = False
    stop_reason: str = ""
    system_messages: tuple[str, ...] = ()
    suppress: bool = False
    deferred: bool = False
    initial_message: str = ""
    prompt: str | None = None
    appended: tuple[str, ...] = ()
    replaced: str | None = None
    errors: tuple[str, ...] = ()
    ran: tuple[Ran, ...] = field(default=(), repr=False)

    @property
    def denied(self) -> bool:
        """Whether a hook said no."""
        return self.decision == "deny"


NOTHING = Outcome()
"""What comes of an event without any hook."""


def combine(outcomes: Sequence[Outcome], order: Sequence[Hook] = ()) -> Outcome:
    """What several runs come to.

    ``outcomes`` are in the order in which they ended: where only one can count, it is the last. Contexts come in the
    order of the hooks in ``order``.
    """
    if not outcomes:
        return NOTHING
    if len(outcomes) == 1:
        return outcomes[0]
    strictest = max((each.decision for each in outcomes), key=_STRICTNESS.index)
    deciding = [each for each in outcomes if each.decision is not None and each.decision == strictest]
    inputs = [each.updated_input for each in outcomes if each.updated_input is not None]
    outputs = [each.updated_output for each in outcomes if each.has_updated_output]
    from_mcp = [each.updated_mcp_output for each in outcomes if each.has_updated_mcp_output]
    places = {hook: number for number, hook in enumerate(order)}
    context = [context for each in outcomes for context in each.context]
    return Outcome(
        decision=strictest,
        reason=deciding[-1].reason if deciding else "",
        blocks=tuple(block for each in outcomes for block in each.blocks),
        updated_input=inputs[-1] if inputs else None,
        updated_output=outputs[-1] if outputs else None,
        has_updated_output=bool(outputs),
        updated_mcp_output=from_mcp[-1] if from_mcp else None,
        has_updated_mcp_output=bool(from_mcp),
        context=tuple(sorted(context, key=lambda each: places.get(each.hook, len(places)))),
        stopped=any(each.stopped for each in outcomes),
        stop_reason=next((each.stop_reason for each in outcomes if each.stop_reason), ""),
        system_messages=tuple(message for each in outcomes for message in each.system_messages),
        suppress=any(each.suppress for each in outcomes),
        deferred=any(each.deferred for each in outcomes),
        initial_message=next((each.initial_message for each in outcomes if each.initial_message), ""),
        prompt=_last([each.prompt for each in outcomes]),
        appended=tuple(text for each in outcomes for text in each.appended),
        replaced=_last([each.replaced for each in outcomes]),
        errors=tuple(error for each in outcomes for error in each.errors),
        ran=tuple(ran for each in outcomes for ran in each.ran),
    )


def _last(texts: Sequence[str | None]) -> str | None:
    return next((text for text in reversed(texts) if text is not None), None)
