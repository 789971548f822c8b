"""Finding an option in a command, in every spelling that a program takes: abbreviated, joined, bundled."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

_RUNNING_WORDS = """
    exec execute eval evaluate expression command cmd program prog shell hook hooks pager editor viewer browser preload
    require plugin plugins loader script lua wrapper launcher askpass rsh
"""
_RUNNING = frozenset(_RUNNING_WORDS.split())
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|[-_.]")


@dataclass(frozen=True, slots=True)
class Options:
    """Dangerous options of a program: long names without dashes, and letters. A trailing ``*`` covers all that follows.

    ``files`` and ``file_letters`` take a file to write: dangerous only where it lies outside the folder or is hidden.
    ``single_dash`` is for programs whose long options take one dash and no abbreviation, ``endless`` for those to which
    a ``--`` does not end the options.
    """

    long: str
    letters: str
    single_dash: bool = False
    endless: bool = False
    files: str = ""
    file_letters: str = ""


def danger_in(argv: Sequence[str], options: Options, start: int = 1, *, harmless: Collection[str] = ()) -> str:
    """The first word from ``start`` on that is, or may abbreviate, one of the options; empty when there is none."""
    for place, word in enumerate(argv[1:], 1):
        if word == "--" and _ends(argv, place, options):
            return ""
        if place < start or word[:1] != "-" or word in ("-", "--") or word in harmless:
            continue
        if _is_dangerous(word, options) or _writes_elsewhere(argv, place, options):
            return word
    return ""


def running_option(argv: Sequence[str], start: int) -> str:
    """The first option whose name says that it runs something, for programs of which nothing is known; else empty."""
    for word in argv[max(start, 1) :]:
        pieces = _HUMP.split(word.lstrip("-").partition("=")[0]) if word[:1] == "-" else []
        if not _RUNNING.isdisjoint(piece.lower() for piece in pieces):
            return word
        last = pieces[-1].lower() if pieces else ""
        # An unambiguous beginning is enough for many programs: --diff-prog.
        if word.startswith("--") and len(last) > 2 and any(name.startswith(last) for name in _RUNNING):
            return word
    return ""


def _ends(argv: Sequence[str], place: int, options: Options) -> bool:
    # Behind an option the two dashes may be its value: `git grep -e -- -Ovi`.
    return not (options.endless or options.single_dash or argv[place - 1].startswith("-"))


def _is_dangerous(word: str, options: Options) -> bool:
    if (word.startswith("--") or options.single_dash) and _is_long(word, options.long, single=options.single_dash):
        return True
    # Letters may be bundled (-vo FILE), and a value may follow at once: every letter counts.
    return not word.startswith("--") and any(letter in word[1:] for letter in options.letters)


def _writes_elsewhere(argv: Sequence[str], place: int, options: Options) -> bool:
    word = argv[place]
    following = "".join(argv[place + 1 : place + 2])
    if (word.startswith("--") or options.single_dash) and _is_long(word, options.files, single=options.single_dash):
        _, joined, value = word.partition("=")
        return not _stays(value if joined else following)
    if word.startswith("--"):
        return False
    at = next((at for at, letter in enumerate(word[1:], 1) if letter in options.file_letters), 0)
    return at > 0 and not _stays(word[at + 1 :].removeprefix("=") or following)


def _stays(path: str) -> bool:
    """Whether a file lies below the working folder, in no hidden one: where an option may write it."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    plain = not path.startswith(("/", "~")) and not re.search(r"[\\:$]", path)
    return plain and not any(part.startswith(".") for part in parts)


def _is_long(word: str, names: str, *, single: bool) -> bool:
    given = word.lstrip("-").partition("=")[0]
    for name in names.split():
        if name.endswith("*") and given.startswith(name[:-1]):
            return True
        # Programs with single dashes know no abbreviations; with two they do (--upload-p).
        if given == name or (given and not single and name.startswith(given)):
            return True
    return False
