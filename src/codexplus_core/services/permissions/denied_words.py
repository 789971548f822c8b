"""Whether a word of a command may be the one that a denying rule names, in another spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from .shell_characters import FIRST_MARK
from .shell_mentions import may_be

STAR = chr(FIRST_MARK)
"""Stands for a rule's ``*`` in the words of a pattern; ``\\*`` is an ordinary star."""

# What nearly all programs mean by these: with rm -rf denied, rm -R --force is denied too.
_TWINS: Mapping[str, str] = {
    "recursive": "rR",
    "force": "f",
    "global": "g",
    "delete": "dD",
    "all": "aA",
    "yes": "y",
    "output": "oO",
}


def glob_of(wanted: str) -> str:
    """The word for fnmatch, whose patterns take linear time; only STAR is a wildcard in ours."""
    return re.sub(r"[*?\[]", r"[\g<0>]", wanted).replace(STAR, "*")


def same_word(wanted: str, given: str) -> bool:
    """Whether a shell, or a file system that ignores case, may take ``given`` for the rule's word."""
    wanted, given = wanted.casefold(), given.casefold()
    if STAR in wanted:
        return fnmatchcase(given, glob_of(wanted))
    return wanted == given or may_be(given, wanted)


def among_options(wanted: str, given: Sequence[str]) -> bool:
    """Whether the options of a command hold the rule's: in any order, bundled, shortened, long for short."""
    if any(_same_option(wanted, option) for option in given):
        return True
    letters = "".join(option[1:] for option in given if not option.startswith("--"))
    if STAR in wanted:
        return False
    if wanted.startswith("--"):
        return any(letter in letters for letter in _TWINS.get(wanted[2:], ""))
    # -rf, -fr, -r -f, -vrf and --recursive --force are one request.
    return all(_has_letter(letter, letters, given) for letter in wanted[1:])


def _has_letter(letter: str, letters: str, given: Sequence[str]) -> bool:
    if letter in letters:
        return True
    names = [name for name, short in _TWINS.items() if letter in short]
    if any(twin in letters for name in names if name == "recursive" for twin in _TWINS[name]):
        return True
    return any(_same_option(f"--{name}", option) for name in names for option in given)


def _same_option(wanted: str, given: str) -> bool:
    if STAR in wanted:
        return same_word(wanted, given)
    if wanted.startswith("--"):
        name, _, value = wanted.partition("=")
        own, _, own_value = given.partition("=")
        # Most programs take an unambiguous beginning of a long option for the whole.
        return len(own) > 2 and name.startswith(own) and (not value or not own_value or value == own_value)
    return given == wanted
