"""What a command would send and run, found out without running, asking or sending anything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from codexplus_core import Core, Proposal, ReadFile, Session

from .arguments import MOST_COMMANDS, Included, Substituted, fill
from .catalogue import Ambiguous, Unusable, View
from .command_file import CommandFile
from .expand import judge_all, wanted_of
from .local_shell import judge_local, local_parts
from .mentions import MOST, Mention, mentions_in, place_of
from .modules import Modules
from .questions import SAMPLE, proposals
from .stops import SWITCHED_OFF
from .surroundings import Surroundings, is_passed_over, model_of, surroundings_of
from .verdicts import Judged

Becomes = Literal["runs", "asks", "stops"]


@dataclass(frozen=True, slots=True)
class ShellRow:
    """A shell command: as it would run, in which line of the file it stands, what would become of it, and why.

    ``becomes`` is ``"runs"``, ``"asks"`` (you are asked first) or ``"stops"`` (the command ends there).
    """

    command: str
    line: int
    becomes: Becomes
    why: str


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file that is mentioned: its name, where that is, and why it would not be attached (``""`` if it would)."""

    mention: str
    path: str
    lines: tuple[int, int] | None
    why_not: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A command with its arguments, resolved.

    ``kind`` is that of the file, or ``"local shell"`` for a body that is one shell command. ``prompt`` is what the
    model would read; where the output of a shell command goes, the command stands in ``⟦ ⟧``. It is empty where only
    running it tells. ``notes`` are sentences.
    """

    name: str
    args: str
    kind: str
    label: str
    path: str
    digest: str
    prompt: str
    model: str = ""
    shell: tuple[ShellRow, ...] = ()
    files: tuple[FileRow, ...] = ()
    notes: tuple[str, ...] = ()


class NoPreview(Exception):
    """There is nothing to show; the message says why and what to do."""


async def preview(core: Core, view: View, name: str, args: str, session: Session, *, strict: bool) -> Preview:
    """Resolve ``/name args`` as it would be in a session. Raises NoPreview where no file of that name can be used."""
    modules = [] if strict else await asyncio.to_thread(Modules(core).listed, view.modules())
    of_module = next((each for each in modules if each.name == name), None)
    if of_module is None:
        others = (*(each.name for each in modules), *(each.name for _, each in core.commands))
        command = await asyncio.to_thread(_found, view, name, others)
    else:
        command = of_module
    where = surroundings_of(core, session, strict=strict)
    found, asked = await asyncio.to_thread(_resolved, core, command, args.strip(), where)
    # What was allowed is looked up here: its database belongs to this thread.
    rows = tuple(
        replace(row, becomes="runs", why="you allowed it")
        if proposal is not None and core.approvals.allowed([proposal])
        else row
        for row, proposal in zip(found.shell, asked, strict=True)
    )
    model, notes = model_of(found.model, where), found.notes
    if is_passed_over(found.model, where):
        notes = (*notes, _ignored(found.model))
    return replace(found, shell=rows, model=model, notes=notes)


def _ignored(model: str) -> str:
    return (
        f"The model {model} is Claude Code's and is passed over; slash.models in your settings can say which is meant."
    )


def _found(view: View, name: str, others: Sequence[str]) -> CommandFile:
    found = view.find(name)
    if isinstance(found, Ambiguous):
        raise NoPreview(f"/{name}: could be {', '.join('/' + each for each in found.names)}; name one of them")
    if isinstance(found, Unusable):
        raise NoPreview(f"/{name}: {found.problem}")
    if found is None:
        near = [f"/{each}" for each in get_close_matches(name, sorted({*view.names(), *others}))]
        advice = f"did you mean {' or '.join(near)}?" if near else "/help lists what there is"
        raise NoPreview(f"/{name}: there is no such command file here; {advice}")
    return found


_Asked = tuple[Proposal | None, ...]
"""For each shell command the question that comes first, None where there is none."""


def _resolved(core: Core, command: CommandFile, args: str, where: Surroundings) -> tuple[Preview, _Asked]:
    if command.kind in ("javascript", "python", "module"):
        note = "It is code: what it returns is known only when it runs, which your yes has to allow first."
        if command.scope == "user":
            note = "It is code: what it returns is known only when it runs."
        return _made(command, args, notes=(note, *command.problems)), ()
    local = () if where.strict else local_parts(command, args, where)
    if local:
        (included, *_), (plain, *_) = local, local_parts(command, SAMPLE, where)
        judged = judge_local(core, command, included, plain.command or plain.template, where)
        rows, asked = _rows(command, [judged], [plain], where)
        if where.shell_disabled:
            rows, asked = (ShellRow(included.command, included.line, "stops", SWITCHED_OFF),), (None,)
        note = "The body is one shell command: its output is the answer, and the model is not asked."
        return _made(command, args, kind="local shell", shell=rows, notes=(note, *command.problems)), asked
    parts = fill(command, args, strict=where.strict, session_id=where.session.id, project_dir=where.cwd)
    rows, asked = _shell(core, command, parts, where)
    prompt = "".join(part.text if isinstance(part, Substituted) else f"⟦{part.command}⟧" for part in parts)
    typed = "".join(part.text if isinstance(part, Substituted) else "" for part in parts)
    files = tuple(_file(core, mention, where) for mention in mentions_in(typed)[:MOST])
    return _made(command, args, prompt=prompt, shell=rows, files=files, notes=_notes(command, rows, where)), asked


def _made(
    command: CommandFile,
    args: str,
    *,
    kind: str = "",
    prompt: str = "",
    shell: tuple[ShellRow, ...] = (),
    files: tuple[FileRow, ...] = (),
    notes: Sequence[str] = (),
) -> Preview:
    return Preview(
        command.name, args, kind or command.kind, command.label, str(command.path), command.digest, prompt,
        command.model, shell, files, tuple(notes),
    )  # fmt: skip


def _shell(
    core: Core, command: CommandFile, parts: Sequence[Substituted | Included], where: Surroundings
) -> tuple[tuple[ShellRow, ...], _Asked]:
    included = [part for part in parts if isinstance(part, Included)]
    if not included:
        return (), ()
    if len(included) > MOST_COMMANDS:
        why = f"the file holds {len(included)} shell commands, more than {MOST_COMMANDS}"
        return tuple(ShellRow(each.template, each.line, "stops", why) for each in included[:1]), (None,)
    if where.shell_disabled:
        why = f"{SWITCHED_OFF}; a note takes its place"
        return tuple(ShellRow(each.command, each.line, "stops", why) for each in included), (None,) * len(included)
    bare = fill(command, SAMPLE, strict=where.strict, session_id=where.session.id, project_dir=where.cwd)
    plain = [part for part in bare if isinstance(part, Included)]
    judged = judge_all(core, command, included, [each.command or each.template for each in plain], where)
    return _rows(command, judged, plain, where)


def _rows(
    command: CommandFile, judged: Sequence[Judged], plain: Sequence[Included], where: Surroundings
) -> tuple[tuple[ShellRow, ...], _Asked]:
    wanted = wanted_of(command, judged, [each.command or each.template for each in plain], exact=False)
    asked = proposals(command, wanted, where.cwd, where.root) if wanted else []
    rows: list[ShellRow] = []
    questions: list[Proposal | None] = []
    for each in judged:
        included, question = each.included, None
        if each.decision == "no" or (each.decision == "ask" and where.strict):
            row = ShellRow(included.command or included.template, included.line, "stops", each.reason)
        else:
            pairs = zip(wanted, asked, strict=True)
            question = next((ask for one, ask in pairs if one.included is included), None)
            becomes: Becomes = "runs" if question is None else "asks"
            why = each.reason if question is None else "you have not allowed it yet"
            row = ShellRow(each.text, included.line, becomes, why)
        rows.append(row)
        questions.append(question)
    return tuple(rows), tuple(questions)


def _file(core: Core, mention: Mention, where: Surroundings) -> FileRow:
    place = place_of(mention, where.cwd)
    lines = (mention.first, mention.last) if mention.first else None
    real, project = os.path.realpath(place), os.path.realpath(where.cwd)
    verdict = core.permissions.judge(ReadFile(mention.path, real, str(where.cwd), project), session=where.session)
    why = ""
    if verdict.decision == "deny":
        why = verdict.reason
    elif not Path(real).is_relative_to(project) and verdict.decision != "allow":
        rule = f"Read(/{real}) among `permissions.allow` of your own settings would allow it"
        # A rule would have to name a link and what it leads to at once.
        linked = Path(os.path.realpath(Path(place).parent)) / Path(place).name != Path(real)
        link = f"it is a link to `{real}`, outside the project; mention that file itself, and {rule}"
        why = link if linked else f"it lies outside the project; {rule}"
    elif not Path(real).exists():
        why = "there is no such file"
    return FileRow(mention.path, place, lines, why)


def _notes(command: CommandFile, rows: Sequence[ShellRow], where: Surroundings) -> list[str]:
    notes = list(command.problems)
    if not command.body.strip() and not where.strict:
        notes.append("The command is empty: write a prompt below its frontmatter.")
    if any(row.becomes == "stops" for row in rows) and not where.shell_disabled:
        notes.append("The model would not be asked: a shell command may not run.")
    if rows and not where.strict:
        notes.append("Files that a shell command's output mentions are not attached.")
    return notes
