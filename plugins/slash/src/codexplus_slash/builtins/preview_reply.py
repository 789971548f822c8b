"""/plus preview NAME ARGS, and the same for a terminal: a preview in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from codexplus_core import Exchange, LocalReply, code_span, counted, plain_text, printable, short_path

from ..preview import NoPreview, Preview, preview
from .desk import Desk

DONE = "Nothing was run, asked or sent."
_LONGEST = 20_000
_LINE = 1000
_SAYS = {"runs": "would run", "asks": "would ask you first", "stops": "would not run"}


async def answer(desk: Desk, exchange: Exchange, args: str) -> LocalReply:
    """The preview of a command, nothing of which is run."""
    name, _, rest = args.strip().removeprefix("/").partition(" ")
    if not name:
        return desk.answer("`/plus preview NAME [ARGS]` shows what `/NAME ARGS` would send and run.")
    session = exchange.session
    command = desk.core.commands.get(name)
    if command is not None and not await desk.core.commands.replaced(name, session.cwd):
        what = (
            "is built in and answers by itself"
            if command.scope == "built in"
            else "is a plugin's, and decided by its code"
        )
        return desk.answer(f"{code_span('/' + name)} {what}; there is nothing to show beforehand.")
    try:
        found = await preview(desk.core, await desk.view(session.cwd), name, rest, session, strict=desk.strict)
    except NoPreview as problem:
        return desk.answer(plain_text(problem, 300))
    return desk.answer("\n".join(as_markdown(found, session.cwd, desk.home)))


def as_markdown(found: Preview, project: Path | None, home: Path) -> Iterator[str]:
    """A preview to read."""
    yield from about(found, project, home)
    if found.prompt:
        yield from ("", f"**The model would read** ({counted(len(found.prompt), 'character')})", "")
        yield from _block(prompt_lines(found))
    yield from ("", DONE)


def about(found: Preview, project: Path | None, home: Path) -> Iterator[str]:
    """All of it but the prompt."""
    yield f"**{code_span(f'/{found.name} {found.args}'.strip())}**, {found.kind} {plain_text(found.label)}"
    yield ""
    yield f"- File: {code_span(short_path(found.path, project, home))}, SHA-256 {code_span(found.digest[:12])}"
    if found.model:
        yield f"- Model: {code_span(found.model)}"
    for row in found.shell:
        yield f"- Line {row.line}: {code_span(_cut(row.command))} {_SAYS[row.becomes]}: {plain_text(row.why, 300)}"
    for file in found.files:
        lines = f", lines {file.lines[0]} to {file.lines[1]}" if file.lines else ""
        fate = f"would not be attached: {plain_text(file.why_not, 300)}" if file.why_not else "would be attached"
        yield f"- {code_span('@' + file.mention)}{lines} {fate}"
    for note in found.notes:
        yield f"- {plain_text(note, 300)}"


def _cut(text: str) -> str:
    return text if len(text) <= _LINE else f"{text[:_LINE]} … and {len(text) - _LINE} characters more"


def prompt_lines(found: Preview) -> list[str]:
    """The prompt, line by line, without what a terminal would obey."""
    text = found.prompt
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n… and {len(text) - _LONGEST} characters more"
    return [printable(line.replace("\t", "    ")) for line in shown.split("\n")]


def _block(lines: list[str]) -> Iterator[str]:
    longest = max((len(run) for run in lines if set(run.strip()) == {"`"}), default=0)
    fence = "`" * max(3, longest + 1)
    return iter([f"{fence}text", *lines, fence])
