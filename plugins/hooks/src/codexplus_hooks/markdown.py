"""Values in Markdown and on a terminal: on one line, without what either of them would obey."""

from __future__ import annotations

import re
from pathlib import Path

_MARKS = re.compile(r"([\\`*_\[\]<>|#~])")


def code(text: object) -> str:
    """A value between backticks, each character that is no plain one shown by its number."""
    words = printable(str(text))
    # A longer fence than any run of backticks inside; a blank parts it from one at an end.
    fence = "`" * (max((len(run) for run in re.findall(r"`+", words)), default=0) + 1)
    return f"{fence} {words} {fence}" if words.startswith("`") or words.endswith("`") else f"{fence}{words}{fence}"


def plain(text: object, most: int = 300) -> str:
    """A text of somebody else's as plain words on one line: no mark in it does anything."""
    words = printable(" ".join(str(text).split()))
    return _MARKS.sub(r"\\\1", words if len(words) <= most else f"{words[: most - 1].rstrip()}…")


def block(text: str, most: int = 4000) -> str:
    """A text of several lines in a fence that nothing in it ends."""
    words = text if len(text) <= most else f"{text[:most]}\n… and {len(text) - most} characters more"
    lines = [printable(line.replace("\t", "    ")) for line in words.rstrip("\n").split("\n")]
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence, *lines, fence])


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
