"""Arguments for a command template: each becomes part of one word, never syntax, never an option."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ..problem import Problem
from .programs import needs_exact
from .shell import Unclear, Understood, read_shell, understood
from .shell_characters import FIRST_MARK, MARK, odd_character
from .shell_tree import agree
from .shell_words import Odd, Simple, Word, commands_of, tokens_of

MOST_PLACES = 256
_PLACE = re.compile(r"(\\?)(\$(?:ARGUMENTS\[\d{1,3}\]|ARGUMENTS|\d{1,3}(?!\w)|[A-Za-z_]\w*))")
_NUMBERED = re.compile(r"\$(?:ARGUMENTS\[\d+\]|\d+)")


class BadFill(Problem):
    """The template cannot be filled with these arguments; the message says what to change."""


def fill(template: str, values: Mapping[str, str]) -> Understood:
    """The command that a template becomes. ``values`` maps placeholders (``$1``, ``$ARGUMENTS``, ``$name``) to texts.

    The template is taken apart first, so a value is only ever part of the one word that its placeholder stands in:
    quotes around it make no difference, and nothing in it is syntax. ``$`` and a number without a value is empty, a
    word of nothing else is left out then. A backslash before a placeholder keeps it as it is. Refused with BadFill: a
    template that cannot be checked, a placeholder in place of a program or of a file to write, in a program that runs
    its words (``sh -c``, ``awk``), a value that would be read as an option (unless behind ``--``), and characters that
    are not shown as what they are.
    """
    if MARK.search(template):
        raise BadFill(f"{template!r}: holds a private-use character; remove it")
    places: list[str | None] = []

    def mark(found: re.Match[str]) -> str:
        escaped, name = found.groups()
        if escaped:
            places.append(name)
        elif name in values:
            places.append(values[name])
        elif _NUMBERED.fullmatch(name):
            places.append(None)
        else:
            return found[0]
        if len(places) > MOST_PLACES:
            raise BadFill(f"{template[:40]!r}…: more than {MOST_PLACES} placeholders; use fewer")
        return chr(FIRST_MARK + len(places) - 1)

    marked = _PLACE.sub(mark, template)
    try:
        tokens = tokens_of(marked, marks=True)
        commands = commands_of(tokens)
        agree(marked, tokens, commands)
    except Odd as odd:
        raise BadFill(f"{template!r}: cannot be checked: {odd}; write a plain command") from None
    for command in commands:
        if any(redirect.target is not None and MARK.search(redirect.target) for redirect in command.redirects):
            raise BadFill(f"{template!r}: an argument cannot name the file to write; write its name into the command")
    filled = understood([_filled(command, places, template) for command in commands])
    again = read_shell(filled.canonical)
    if isinstance(again, Unclear) or again != filled:
        why = again.reason if isinstance(again, Unclear) else "it is not read back as it was written"
        raise BadFill(f"{template!r}: with these arguments it cannot be checked: {why}; change the arguments")
    return filled


def _filled(command: Simple, places: list[str | None], template: str) -> Simple:
    argv = command.argv
    filled_at = next((place for place, word in enumerate(argv) if MARK.search(word)), None)
    if filled_at is None:
        return command
    if MARK.search(argv[0]):
        raise BadFill(f"{template!r}: an argument cannot name the program; write it into the command")
    reason = needs_exact(argv, filled_at)
    if reason:
        raise BadFill(
            f"{template!r}: {reason}, so an argument could make it run anything; take the argument out of this"
            " command (a backslash before $ keeps it as it is)"
        )
    words: list[Word] = []
    options_over = False
    for word in command.words:
        new = _value(word, places, template)
        if new is None:
            continue
        # Only what the template says itself may be an option.
        if MARK.match(word.value) and new.startswith("-") and not options_over:
            raise BadFill(
                f"{template!r}: the argument {new!r} would be read as an option; put -- before the placeholder,"
                " or change the argument"
            )
        words.append(replace(word, value=new))
        options_over = options_over or new == "--"
    return replace(command, words=tuple(words))


def _value(word: Word, places: list[str | None], template: str) -> str | None:
    found = [places[ord(character) - FIRST_MARK] for character in MARK.findall(word.value)]
    for value in found:
        why = odd_character(value or "")
        if why:
            raise BadFill(f"{template!r}: the argument {value!r} cannot be passed on: {why}; type it without")
    if word.plain and found and all(value is None for value in found) and not MARK.sub("", word.value):
        return None
    return MARK.sub(lambda character: places[ord(character[0]) - FIRST_MARK] or "", word.value)
