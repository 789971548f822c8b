"""Values in Markdown: on one line, without what a terminal or a renderer would obey."""

from __future__ import annotations

import re
from pathlib import Path

_MARKS = re.compile(r"([\\`*_\[\]<>|#~])")


def code(text: object) -> str:
    """A value between backticks, each character that is no plain one shown by its number."""
    words = printable(str(text))
    # A longer fence than any run of backticks inside; a space parts it from one at an end.
    fence = "`" * (max((len(run) for run in re.findall(r"`+", words)), default=0) + 1)
    return f"{fence} {words} {fence}" if words.startswith("`") or words.endswith("`") else f"{fence}{words}{fence}"


def plain(text: object, most: int = 160) -> str:
    """A text of somebody else's as plain words on one line: no mark in it does anything."""
    words = printable(" ".join(str(text).split()))
    return _MARKS.sub(r"\\\1", words if len(words) <= most else f"{words[: most - 1].rstrip()}…")


def printable(text: str) -> str:
    """A text in which nothing moves the cursor, hides or turns the direction of writing."""
    return "".join(each if each.isprintable() else f"\\u{{{ord(each):x}}}" for each in text)


def place(path: object, project: Path | None, home: Path) -> str:
    """A path as people say it: from the project's folder, or from ``~``."""
    words = str(path)
    for folder, short in ((project, ""), (home, "~/")):
        if folder is not None and words.startswith(f"{folder}/"):
            return short + words[len(str(folder)) + 1 :]
    return words


def number(count: int, what: str) -> str:
    """``1 command``, ``2 commands``."""
    return f"{count} {what}{'' if count == 1 else 's'}"
