"""Texts that others wrote, in Markdown and on a terminal: nothing in them does anything there."""

from __future__ import annotations

import re
from pathlib import Path

# An ampersand only where a renderer would take it for a character: `&rlm;` turns what follows around.
_MARKS = re.compile(r"([\\`*_\[\]<>|#~]|&(?=[A-Za-z0-9]+;))")
_TICKS = re.compile(r"`+")


def printable(text: str) -> str:
    """``text`` without what a terminal would obey, hide or turn around: such characters stand there by number.

    Line breaks are such characters, too.
    """
    return "".join(each if each.isprintable() else f"\\u{{{ord(each):x}}}" for each in text)


def plain_text(text: object, most: int = 160) -> str:
    """Somebody else's text as plain words of Markdown: on one line of at most ``most`` characters, no mark in force."""
    words = printable(" ".join(str(text).split()))
    return _MARKS.sub(r"\\\1", words if len(words) <= most else f"{words[: most - 1].rstrip()}…")


def code_span(text: object) -> str:
    """A value between backticks, on one line: as many of them as it takes for the value to end nothing."""
    # Two backticks with nothing between would begin a span that what comes next ends.
    words = printable(str(text)) or " "
    fence = "`" * (_longest_run(words) + 1)
    # A blank parts the fence from a backtick at an end.
    return f"{fence} {words} {fence}" if words.startswith("`") or words.endswith("`") else f"{fence}{words}{fence}"


def code_block(text: str, most: int = 4000) -> str:
    """A text of several lines in a fence that nothing in it ends; what is behind ``most`` characters is counted."""
    words = text if len(text) <= most else f"{text[:most]}\n… and {len(text) - most} characters more"
    inside = "\n".join(printable(line.replace("\t", "    ")) for line in words.rstrip("\n").split("\n"))
    fence = "`" * max(3, _longest_run(inside) + 1)
    return f"{fence}\n{inside}\n{fence}"


def short_path(path: object, project: Path | None, home: Path) -> str:
    """A path, or a text that begins with one, as people say it: from the project's folder, or from ``~``."""
    words = str(path)
    for folder, short in ((project, ""), (home, "~/")):
        if folder is not None and words.startswith(f"{folder}/"):
            return short + words[len(str(folder)) + 1 :]
    return words


def counted(count: int, what: str) -> str:
    """``1 command``, ``2 commands``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def _longest_run(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
