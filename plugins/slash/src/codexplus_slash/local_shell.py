"""Commands that are one shell command: a body of ``!`` and a line for the shell runs here and answers by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from codexplus_core import Core, Exchange, LocalReply, Proposal

from .arguments import Included, fill
from .command_file import CommandFile
from .inclusions import run_one
from .questions import SAMPLE, Wanted, proposals
from .stops import SWITCHED_OFF, block, failed, not_allowed, shown, stopped
from .surroundings import LOCAL_SECONDS, Surroundings
from .verdicts import Judged, judge


@dataclass(frozen=True, slots=True)
class Printed:
    """What the line printed, in Markdown."""

    text: str


def local_line(command: CommandFile) -> str:
    """The shell line that the whole body is, ``""`` where it is a prompt: an inclusion, a picture, several lines."""
    body = command.body.strip()
    line = body[1:].strip()
    if not body.startswith("!") or not line or "\n" in line or body[1] in "`[!":
        return ""
    return line


def local_parts(command: CommandFile, args: str, where: Surroundings) -> tuple[Included, ...]:
    """The line as an inclusion with the arguments in it; none where the body is a prompt."""
    line = local_line(command)
    if not line:
        return ()
    # As a block it is taken apart, and its arguments are quoted, like every other shell command of a file.
    body = replace(command, body=f"```!\n{line}\n```\n")
    parts = fill(body, args, strict=where.strict, session_id=where.session.id, project_dir=where.cwd)
    pattern = f"!{line}"
    return tuple(replace(part, pattern=pattern, line=command.body_line) for part in parts if isinstance(part, Included))


def judge_local(core: Core, command: CommandFile, included: Included, plain: str, where: Surroundings) -> Judged:
    """The verdict on it. No rule has to name it, because the file is nothing but this command; a denying one counts."""
    judged = judge(core, command, included, plain, where)
    unnamed = judged.decision == "no" and judged.unnamed
    return (
        replace(judged, decision="run", text=included.command, reason="the file is this command") if unnamed else judged
    )


async def answer(
    core: Core, exchange: Exchange, command: CommandFile, args: str, where: Surroundings
) -> Printed | LocalReply | None:
    """Run the one shell line of a command. A question or a failure is a LocalReply; None where its body is a prompt."""
    if not local_line(command):
        return None
    if where.shell_disabled:
        return stopped(command, where, SWITCHED_OFF)
    # A long line takes its time.
    planned = await asyncio.to_thread(_planned, core, command, args, where)
    if planned is None:
        return None
    judged, asks = planned
    if judged.decision == "no":
        return not_allowed(command, judged, where)
    if asks:
        asked = await core.approvals.require(exchange, asks)
        if isinstance(asked, LocalReply):
            return asked
    output = await run_one(core, command, judged, where, where.timeout or LOCAL_SECONDS)
    if output.failed:
        return failed(command, judged.included, output.text, where)
    return Printed(block(shown(output.text)))


def _planned(core: Core, command: CommandFile, args: str, where: Surroundings) -> tuple[Judged, list[Proposal]] | None:
    parts = local_parts(command, args, where)
    if not parts:
        return None
    (included, *_), (plain, *_) = parts, local_parts(command, SAMPLE, where)
    words = plain.command or plain.template
    judged = judge_local(core, command, included, words, where)
    if judged.decision == "no" or (command.scope == "user" and judged.decision == "run" and not judged.beyond_rules):
        return judged, []
    wanted = Wanted(included, words, exact=judged.decision == "ask" or judged.beyond_rules)
    return judged, proposals(command, [wanted], where.cwd, where.root)
