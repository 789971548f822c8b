"""Finding an option in a command, in every spelling that a program takes: abbreviated, joined, bundled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Dangerous options of a program: long names without dashes, and letters. A trailing ``*`` covers all that follows.

    ``single_dash`` is for programs whose long options take one dash and no abbreviation, ``endless`` for those to which
    a ``--`` does not end the options.
    """

    long: str
    letters: str
    single_dash: bool = False
    endless: bool = False


def danger_in(words: Sequence[str], options: Options) -> str:
    """The first word that is, or may abbreviate, one of the options; empty when there is none."""
    for word in words:
        if word == "--" and not (options.endless or options.single_dash):
            return ""
        if word[:1] != "-" or word == "-":
            continue
        if (word.startswith("--") or options.single_dash) and _is_long(word, options):
            return word
        # Letters may be bundled (-vo FILE), and a value may follow at once: every letter counts.
        if not word.startswith("--") and any(letter in word[1:] for letter in options.letters):
            return word
    return ""


def _is_long(word: str, options: Options) -> bool:
    given = word.lstrip("-").partition("=")[0]
    for name in options.long.split():
        if name.endswith("*") and given.startswith(name[:-1]):
            return True
        # Programs with single dashes know no abbreviations; with two they do (--upload-p).
        if given == name or (given and not options.single_dash and name.startswith(given)):
            return True
    return False
