"""Other ways to a command than its name behind a slash: a skill in Codex's popup, and /plus in front of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from codexplus_core import Exchange, LocalReply, Refusal

from .builtins.desk import Desk
from .builtins.plus import handed_over
from .invocation import Invocation, invocation_of
from .projections import called_by_skill, skills_folder, skills_sent

_SKILLS = "skills"


def may_call(prompt: str | None) -> bool:
    """Whether a prompt can name a command or mention a file at all."""
    return prompt is not None and (prompt[:1] in ("$", "/", " ", "\t") or "@" in prompt)


async def through(
    exchange: Exchange, desk: Desk, answer: Callable[[Exchange], Awaitable[LocalReply | None]]
) -> LocalReply | Refusal | None:
    """Let ``answer`` see the prompt as a slash command, whichever way it came.

    ``$name args`` with our skill of that name is ``/name args``; what is left alone then stays as it was typed.
    ``/plus hooks ARGS`` is answered by the plugin whose command ``/hooks`` is.
    """
    prompt = exchange.prompt
    if not prompt or prompt[0] not in "$/ \t":
        return await answer(exchange)
    if prompt[0] == "$":
        return await _by_skill(exchange, prompt, desk, answer)
    other = _by_plus(prompt, desk) if "plus" in prompt[:16] else None
    if other is not None:
        return await desk.core.commands.call(other.name, exchange, other.args)  # type: ignore[no-any-return]
    return await answer(exchange)


async def _by_skill(
    exchange: Exchange, prompt: str, desk: Desk, answer: Callable[[Exchange], Awaitable[LocalReply | None]]
) -> LocalReply | None:
    called = _skill(exchange, prompt, skills_folder(desk.env))
    if called is None:
        return await answer(exchange)
    exchange.prompt = called
    made = await answer(exchange)
    if made is None and exchange.prompt == called:
        exchange.prompt = prompt
    return made


def _by_plus(prompt: str, desk: Desk) -> Invocation | None:
    invocation = invocation_of(prompt, strict=desk.strict, doors=not desk.strict)
    other = None if invocation is None else handed_over(invocation)
    return other if other is not None and desk.core.commands.get(other.name) is not None else None


def _skill(exchange: Exchange, prompt: str, folder: Path) -> str | None:
    # The skill's text comes with the prompt; when that waits for a yes, it is not in the request that brings the yes.
    known: dict[str, str] = exchange.session.state.setdefault(_SKILLS, {})
    known.update(skills_sent(exchange.body.get("input"), folder, exchange.session.cwd))
    return called_by_skill(prompt, known)
