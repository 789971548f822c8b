"""Programs that run what their arguments say: no prefix and no wildcard can vouch for those, only the whole command."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from .git import as_git, git_danger, git_knows
from .option_list import OPTIONS, SAME_OPTIONS
from .options import danger_in, running_option
from .program_list import BUILTINS, INERT, LANGUAGES, OF_PROJECT, REASONS, SHELLS
from .shell_mentions import base_name
from .subcommands import has_subcommands, subcommand_danger

_WRAPPERS: Mapping[str, str] = {name: reason for reason, programs in REASONS.items() for name in programs.split()}
_INERT = frozenset(INERT.split())
_OF_PROJECT = frozenset(OF_PROJECT.split())
_LOADER = re.compile(r"ld(?:-linux|-musl|64|\.so)")
_VERSION = re.compile(r"[-.\d]+$")
# What stands behind the dot in vim.tiny and nc.openbsd says which vim; in watch.sh it says that this is a script.
_SCRIPT = re.compile(r"\.(?:[a-z]*sh|[cm]?[jt]s|py|rb|pl|php|lua|r|jl|go|rs|ps1|bin|out|run|jar|cgi|app)$")
# Where a shell begins a command: at the start of a text, behind what joins commands, in a substitution.
_PLACES = re.compile(r"[;|&\n(`{!=]+")


def plain_name(program: str) -> str:
    """The base name without a version: ``python`` for ``/usr/bin/python3.12``."""
    name = base_name(program)
    return _VERSION.sub("", name) or name


def names_of(program: str) -> frozenset[str]:
    """Every name that a program may go by: ``vim`` for ``vim.tiny``, ``bash`` for ``bash-static`` too."""
    base = base_name(program)
    stems = [] if _SCRIPT.search(base) else [base.partition(".")[0]]
    stems.append(re.split(r"[-.]", base)[0] if stems else base.partition("-")[0])
    return frozenset(name for stem in (base, *stems) for name in (stem, _VERSION.sub("", stem)) if name)


def wrapper_reason(program: str) -> str:
    """Why only an exact rule covers this program; empty for an ordinary one."""
    base, name = base_name(program), plain_name(program)
    variant = "" if _SCRIPT.search(base) else _VERSION.sub("", base.partition(".")[0])
    # GNU programs carry a g in front where the system has its own (gxargs on macOS); loaders are named after machines.
    names = (base, name, name.removeprefix("g"), variant, "ld.so" if _LOADER.match(name) else name)
    return next((_WRAPPERS[name] for name in names if name in _WRAPPERS), "")


def inert(program: str) -> bool:
    """Whether the program takes its words for text and file names and starts none of them."""
    names = (base_name(program), plain_name(program))
    return not _INERT.isdisjoint(names) or not _OF_PROJECT.isdisjoint(names)


def everywhere_the_same(program: str) -> bool:
    """Whether the program does the same in any folder, since its arguments say all that there is to say."""
    return (program[:1] == "/" or "/" not in program) and not _INERT.isdisjoint(
        (base_name(program), plain_name(program))
    )


def needs_exact(argv: Sequence[str], literal: int = 0) -> str:
    """Why no prefix or wildcard rule covers this command; empty when one may.

    ``literal`` is the number of leading words that the rule spells out: options among those were chosen by its author.
    """
    program = argv[0]
    reason = wrapper_reason(program)
    if reason:
        return f"{program} {reason}"
    asked = as_git(argv)
    if asked is not argv and (literal == 0 or git_knows(asked)):
        return git_danger(asked, literal + 1 if literal else 0)
    name = plain_name(program)
    if name == "git":
        return git_danger(argv, literal)
    name = SAME_OPTIONS.get(name, name)
    listed = OPTIONS.get(name)
    danger = danger_in(argv, listed, max(literal, 1)) if listed is not None else ""
    if danger or (name == "curl" and _curl_writes(argv)):
        return f"{program} {danger or '%output'} can run other programs or write anywhere"
    if listed is not None or has_subcommands(name) or inert(program):
        return subcommand_danger(argv, name, literal, wrapper_reason)
    return _unknown_danger(argv, literal)


def _curl_writes(argv: Sequence[str]) -> bool:
    """Whether an output format names a file to write, or is read from one that may."""
    pairs = pairwise(argv)
    from_file = any(value.startswith("@") and re.match(r"-(?:\w*w$|-wr)", option) for option, value in pairs)
    return from_file or any("%output" in word or re.match(r"-\w*w@|--wr[a-z-]*=@", word) for word in argv)


def _unknown_danger(argv: Sequence[str], literal: int) -> str:
    """Why a program of which nothing is known may run others with these arguments.

    Where the rule names the program, its author knows it; then only shells and interpreters among its arguments count.
    """
    program = argv[0]
    guess = next((_WRAPPERS[name] for name in sorted(names_of(program)) if name in _WRAPPERS), "")
    if guess and literal == 0:
        return f"{program}, by its name, {guess}"
    option = running_option(argv, literal)
    if option:
        return f"{program} {option} may run other programs"
    for word in argv[max(literal, 1) :]:
        found = _started_by(word, named=literal > 0)
        if found:
            return f"{program} may start {found}, which {wrapper_reason(found)}"
    return ""


def _started_by(word: str, *, named: bool) -> str:
    """The program that runs others and that an argument names, alone or where a command begins in it; or empty."""
    interpreters = (SHELLS, LANGUAGES)
    if " " not in word.strip():
        folder = "/" in word and not word.startswith("/")
        reason = "" if folder else wrapper_reason(word)
        return word if reason in interpreters or (reason not in ("", BUILTINS) and not named) else ""
    for text in (word, *_PLACES.split(word)):
        begun = "".join(text.split()[:1])
        reason = wrapper_reason(begun) if begun else ""
        if reason and (reason in interpreters or not named):
            return begun
    return next((part for part in word.split() if wrapper_reason(part) == SHELLS), "")
