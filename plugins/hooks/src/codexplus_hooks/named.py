"""The files that a hook's command may name, to notice that one of them became another."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from .hook import Hook

_DEEPEST = 4


def files_named(hook: Hook, cwd: Path) -> tuple[str, ...] | None:
    """Every path that a word of the command may be, whether it is there or not; None where the words are not clear."""
    found = _paths(hook, cwd)
    return None if found is None else tuple(dict.fromkeys(found))


def named_once(hook: Hook, cwd: Path, paths: Iterable[str]) -> frozenset[str]:
    """Those of the files (real paths) that the command names in no second place, where it might read or start them."""
    words = [os.path.realpath(path) for path in _paths(hook, cwd) or ()]
    return frozenset(real for path in paths if words.count(real := os.path.realpath(cwd / path)) == 1)


def from_project(text: str) -> str:
    """A command with its paths below ``$CLAUDE_PROJECT_DIR`` as seen from there, where it is started."""
    return text.replace("${CLAUDE_PROJECT_DIR}", ".").replace("$CLAUDE_PROJECT_DIR", ".")


def below_project(hook: Hook) -> tuple[str, ...]:
    """The paths below ``$CLAUDE_PROJECT_DIR`` that the command names, seen from there."""
    if "CLAUDE_PROJECT_DIR" not in hook.shell:
        return ()
    found = (from_project(word) for word in _words(hook.shell) or () if "CLAUDE_PROJECT_DIR" in word)
    return tuple(dict.fromkeys(path.removeprefix("./") for path in found if path.startswith("./") and len(path) > 2))


def stamp(paths: Iterable[str]) -> tuple[tuple[int, ...], ...]:
    """Something that is another when one of the files is; a link counts as what it leads to."""
    return tuple(_stamp(path) for path in paths)


def _paths(hook: Hook, cwd: Path) -> list[str] | None:
    words = list(hook.argv)
    for text in (hook.shell, *hook.argv):
        found = _words(text)
        if found is None:
            return None
        words += found
    words += _within(words)
    # The value of an option may be a file, too.
    words += [word.partition("=")[2] for word in words if "=" in word]
    words = [from_project(word) for word in words]
    return [os.path.join(cwd, word) for word in words if word and "\0" not in word]  # noqa: PTH118


def _within(words: list[str]) -> list[str]:
    """The words of those words that are a text of several, such as that of a shell (``sh -c '. ./lib.sh'``)."""
    found: list[str] = []
    for _ in range(_DEEPEST):
        parted = ([text] if text.isalnum() else _words(text) or text.split() for text in words)
        words = [each for inner in parted if len(inner) > 1 for each in inner]
        found += words
    return found


def _stamp(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)  # noqa: PTH116 - many of them, at every event
    except (OSError, ValueError):
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode


def _words(text: str) -> list[str] | None:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        return None
