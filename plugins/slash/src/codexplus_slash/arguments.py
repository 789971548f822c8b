"""What was typed after a command's name, put into the pieces of its body.

In text a value is text. In a shell command it is quoted, so that what runs is what the file says, with other words.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .cmd_quoting import filled_for_cmd
from .command_file import CommandFile
from .pieces import Piece, Shell, parse
from .placeholders import Placeholders
from .program_readers import reads_programs
from .quoting import CannotQuote, filled
from .words import words

__all__ = ["Included", "Substituted", "fill", "pieces_of", "substitute", "words"]

LONGEST = 8 << 20
"""Characters of a prompt from which on its places stay as they stand; no model takes as many."""
MOST_COMMANDS = 50
"""Shell commands of one file: they all run at once."""


@dataclass(frozen=True, slots=True)
class Substituted:
    """Text with the values in it; ``spans`` are (start, end) of each value that was typed."""

    text: str
    spans: tuple[tuple[int, int], ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Included:
    """A shell command with the values quoted in it.

    ``pattern`` is the whole inclusion as messages show it (``!`git status` ``), ``template`` the command as it stands
    in the file; ``typed`` says whether anything in ``command`` was typed. Two things are then no matter of the
    template any more, and whatever allowed it does not speak of them: ``options``, typed words that begin with a dash
    where a program takes options, and ``nested``: a program in the command may read a value as a program (``sh -c``),
    or the value itself is the program's name.
    ``problem`` is set, and ``command`` empty, where a value stands where it cannot be quoted: then nothing may run.
    """

    command: str
    pattern: str
    template: str
    fenced: bool
    line: int
    typed: bool = False
    options: tuple[str, ...] = ()
    nested: bool = False
    problem: str = ""


def substitute(
    body: str,
    raw: str,
    *,
    names: Sequence[str] = (),
    strict: bool = False,
    session_id: str = "",
    project_dir: Path | None = None,
    skill_dir: Path | None = None,
    plugin_root: Path | None = None,
) -> Substituted:
    """A text with the values in it, what looks like an inclusion in it included.

    Arguments that it has no place for are appended.
    """
    places = Placeholders(
        body,
        raw,
        names=names,
        strict=strict,
        session_id=session_id,
        project_dir=project_dir,
        skill_dir=skill_dir,
        plugin_root=plugin_root,
    )
    made, touched = _in_text(body, places, 1)
    if touched or not raw:
        return made
    rest = _appended(raw, places)
    begin, end = rest.spans[0]
    shift = len(made.text)
    return Substituted(made.text + rest.text, (*made.spans, (shift + begin, shift + end)), 1)


def pieces_of(command: CommandFile) -> tuple[Piece, ...]:
    """The pieces of a command's body."""
    return parse(command.body, first_line=command.body_line)


def fill(
    command: CommandFile,
    raw: str,
    *,
    strict: bool,
    session_id: str = "",
    project_dir: Path | None = None,
    windows: bool = os.name == "nt",
) -> tuple[Substituted | Included, ...]:
    """A command's body in order: text to send, and shell commands to run; what they print takes their place.

    A skill's text begins with the line that names its folder. Arguments that the body has no place for are appended.
    Nothing runs here, and nothing of ``raw`` decides what would. ``windows`` says that the commands are for ``cmd /c``.
    """
    places = Placeholders(
        command.body,
        raw,
        names=command.arguments,
        strict=strict,
        session_id=session_id,
        project_dir=project_dir,
        skill_dir=command.base,
        plugin_root=command.plugin_root,
    )
    made: list[Substituted | Included] = []
    room, commands = LONGEST, 0
    if command.base is not None:
        made.append(Substituted(f"Base directory for this skill: {command.base}\n\n"))
    used = False
    for piece in pieces_of(command):
        if isinstance(piece, Shell):
            commands += 1
            included, touched = _in_shell(piece, places, windows=windows) if commands <= MOST_COMMANDS else _many(piece)
            made.append(included)
        else:
            text, touched = _in_text(piece.source, places, piece.line, room)
            made.append(text)
            room -= len(text.text)
        used = used or touched
    if raw and not used:
        made.append(_appended(raw, places))
    return tuple(made)


def _in_text(text: str, places: Placeholders, line: int, room: int = LONGEST) -> tuple[Substituted, bool]:
    out: list[str] = []
    spans: list[tuple[int, int]] = []
    length = begun = 0
    touched = False
    for found in places.pattern.finditer(text):
        value = places.value(found)
        # A file of nothing but places would make a prompt of any size.
        if value is None or length > room:
            continue
        # Two backslashes before a place stay, they escape each other.
        kept = "" if value.literal else (found.groupdict()["slashes"] or "")
        shown = places.shown(value.text) if value.typed else value.text
        before = text[begun : found.start()] + kept
        out += (before, shown)
        length += len(before)
        if value.typed:
            spans.append((length, length + len(shown)))
        length += len(shown)
        begun = found.end()
        touched = touched or ((value.typed or value.literal) and kept + shown != found[0])
    out.append(text[begun:])
    return Substituted("".join(out), tuple(spans), line), touched


def _appended(raw: str, places: Placeholders) -> Substituted:
    begin = "\n\nARGUMENTS: "
    shown = places.shown(raw)
    return Substituted(begin + shown, ((len(begin), len(begin) + len(shown)),))


def _many(piece: Shell) -> tuple[Included, bool]:
    why = f"the file holds more than {MOST_COMMANDS} shell commands"
    return Included("", piece.source, piece.command, piece.fenced, piece.line, problem=why), True


def _in_shell(piece: Shell, places: Placeholders, *, windows: bool) -> tuple[Included, bool]:
    try:
        made = filled_for_cmd(piece.command, places) if windows else filled(piece.command, places)
    except CannotQuote as error:
        return Included("", piece.source, piece.command, piece.fenced, piece.line, problem=str(error)), True
    included = Included(
        command=made.text,
        pattern=piece.around(made.text),
        template=piece.command,
        fenced=piece.fenced,
        line=piece.line,
        typed=made.typed,
        options=made.options,
        nested=made.program or (made.typed and reads_programs(piece.command)),
    )
    return included, made.touched
