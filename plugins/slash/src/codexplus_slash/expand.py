"""From a command's file to what the model reads: arguments, shell commands, files; or an answer that stops it all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from codexplus_core import Core, Exchange, Granted, LocalReply, Proposal

from .arguments import MOST_COMMANDS, Included, Substituted, fill
from .command_file import CommandFile
from .inclusions import run_all
from .kept_outputs import placed
from .mentions import Attached, Attachment, attach_files, mentions_in
from .pieces import Shell, parse
from .questions import SAMPLE, Wanted, proposals
from .stops import failed, not_allowed, stopped
from .surroundings import Surroundings
from .verdicts import Judged, judge

# Stands for what a shell command will print: no blank, so that nothing behind it begins a mention.
_PRINTED = "\ufffc"
_POLICY = "[shell command execution disabled by policy]"
Part = Substituted | Included


@dataclass(frozen=True, slots=True)
class Expansion:
    """What stands in the prompt's place: its words, and what is put before them.

    ``asked`` says that the user has said yes to it, and so has read where it comes from. ``missed`` are sentences for
    the user about files that are not attached.
    """

    prompt: str
    attachments: tuple[Attachment, ...] = ()
    asked: bool = False
    missed: tuple[str, ...] = ()


async def expand(
    core: Core,
    exchange: Exchange,
    command: CommandFile,
    args: str,
    where: Surroundings,
    *,
    besides: Sequence[Proposal] = (),
) -> Expansion | LocalReply:
    """Expand a Markdown command or a skill. Runs its shell commands, once they are allowed.

    ``besides`` is asked about together with them: what is to run after them.
    """
    plan = await asyncio.to_thread(_planned, core, command, args, where)
    return plan if isinstance(plan, LocalReply) else await _carried_out(core, exchange, command, plan, where, besides)


async def expand_made(
    core: Core, exchange: Exchange, command: CommandFile, prompt: str, args: str, where: Surroundings
) -> Expansion | LocalReply:
    """Expand the prompt that a command's code has made of ``args``.

    Its shell commands are asked about as they stand, whoever wrote the code: it may have put anything into them. What
    was typed as a shell command is text.
    """
    plan = await asyncio.to_thread(_planned_made, core, command, prompt, args, where)
    return plan if isinstance(plan, LocalReply) else await _carried_out(core, exchange, command, plan, where)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a command comes to before anything has run: its parts, its shell commands, and what the user is asked."""

    parts: Sequence[Part]
    judged: Sequence[Judged]
    asked: Sequence[Proposal]


def _planned(core: Core, command: CommandFile, args: str, where: Surroundings) -> _Plan | LocalReply:
    parts = _filled(command, args, where)
    return _plan(core, command, parts, _plain(command, parts, where), where)


def _planned_made(core: Core, command: CommandFile, prompt: str, args: str, where: Surroundings) -> _Plan | LocalReply:
    parts = _as_it_stands(prompt, args)
    return _plan(
        core, command, parts, [part.command for part in parts if isinstance(part, Included)], where, exact=True
    )


def _plan(
    core: Core,
    command: CommandFile,
    parts: Sequence[Part],
    plain: Sequence[str],
    where: Surroundings,
    *,
    exact: bool = False,
) -> _Plan | LocalReply:
    """``plain`` are the shell commands with sample arguments. Not for the event loop: a long file takes its time."""
    included = [part for part in parts if isinstance(part, Included)]
    if len(included) > MOST_COMMANDS:
        return stopped(command, where, f"holds {len(included)} shell commands, more than {MOST_COMMANDS}; split it")
    if where.shell_disabled:
        return _Plan(parts, [], [])
    judged = judge_all(core, command, included, plain, where)
    for each in judged:
        if each.decision == "no" or (each.decision == "ask" and where.strict):
            return not_allowed(command, each, where)
    wanted = wanted_of(command, judged, plain, exact=exact)
    return _Plan(parts, judged, proposals(command, wanted, where.cwd, where.root) if wanted else [])


async def _carried_out(
    core: Core,
    exchange: Exchange,
    command: CommandFile,
    plan: _Plan,
    where: Surroundings,
    besides: Sequence[Proposal] = (),
) -> Expansion | LocalReply:
    parts, judged = plan.parts, plan.judged
    asked = [*plan.asked, *besides]
    # Asked at once and before anything runs, so that a yes repeats nothing.
    files = Attached() if where.strict else await _attached(core, command, parts, where)
    if asked or files.asks:
        answer = await core.approvals.require(exchange, [*asked, *files.asks])
        if isinstance(answer, LocalReply):
            return answer
        files = await _attached(core, command, parts, where, granted=answer) if files.asks else files
    outputs = await run_all(core, command, judged, where)
    for each, output in zip(judged, outputs, strict=True):
        if output.failed:
            return failed(command, each.included, output.text, where)
    texts = [await placed(core, output.text, where.session) for output in outputs]
    text, _ = _joined(parts, texts if judged else [_POLICY] * len(parts))
    if where.strict:
        files = await attach_files(
            core, where.session, mentions_in(text), source=f"command /{command.name}", notes=False
        )
    return Expansion(text, files.attachments, asked=bool(asked), missed=files.missed)


async def _attached(
    core: Core, command: CommandFile, parts: Sequence[Part], where: Surroundings, granted: Granted | None = None
) -> Attached:
    """The files that the command and its arguments mention. What a program prints was written by nobody who is here."""
    text, printed = _joined(parts, [_PRINTED] * len(parts))
    mentions = mentions_in(text, printed)
    source = f"command /{command.name}"
    return await attach_files(core, where.session, mentions, source=source, notes=True, granted=granted)


def judge_all(
    core: Core, command: CommandFile, included: Sequence[Included], plain: Sequence[str], where: Surroundings
) -> list[Judged]:
    """The verdict on every shell command, in order."""
    return [judge(core, command, each, text, where) for each, text in zip(included, plain, strict=True)]


def wanted_of(command: CommandFile, judged: Sequence[Judged], plain: Sequence[str], *, exact: bool) -> list[Wanted]:
    """The shell commands that the user has to allow first: all of a project's, and what a rule asks about."""
    return [
        Wanted(each.included, text, exact=exact or each.decision == "ask" or each.beyond_rules)
        for each, text in zip(judged, plain, strict=True)
        if command.scope != "user" or exact or each.decision == "ask" or each.beyond_rules
    ]


def _filled(command: CommandFile, args: str, where: Surroundings) -> Sequence[Part]:
    return fill(command, args, strict=where.strict, session_id=where.session.id, project_dir=where.cwd)


def _plain(command: CommandFile, parts: Sequence[Part], where: Surroundings) -> list[str]:
    if not any(isinstance(part, Included) for part in parts):
        return []
    return [part.command or part.template for part in _filled(command, SAMPLE, where) if isinstance(part, Included)]


def _as_it_stands(prompt: str, typed: str) -> list[Part]:
    """What code has made, with its shell commands as they are: nothing is put into it any more."""
    parts: list[Part] = []
    words = _unspaced(typed)
    for piece in parse(prompt):
        if isinstance(piece, Shell) and _unspaced(piece.source) not in words:
            parts.append(Included(piece.command, piece.source, piece.command, piece.fenced, piece.line))
        else:
            parts.append(Substituted(piece.source, line=piece.line))
    return parts


def _unspaced(text: str) -> str:
    # Quotes and blanks go when arguments are parted into words and joined again.
    return "".join(text.split()).replace('"', "").replace("'", "")


def _joined(parts: Sequence[Part], outputs: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """The text, and the spans of it that were printed."""
    texts: list[str] = []
    printed: list[tuple[int, int]] = []
    waiting, at = iter(outputs), 0
    for part in parts:
        text = next(waiting) if isinstance(part, Included) else part.text
        if isinstance(part, Included):
            printed.append((at, at + len(text)))
        texts.append(text)
        at += len(text)
    return "".join(texts), printed
