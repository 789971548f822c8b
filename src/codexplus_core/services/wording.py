"""Texts that others wrote, in Markdown and on a terminal: nothing in them does anything there."""

from __future__ import annotations

import re
from pathlib import Path

# What CommonMark obeys in the middle of a line. An underscore between letters, a home directory's tilde and a lone
# "<" are not among it; an ampersand only where it begins a named character: `&rlm;` turns what follows around.
_MARK = re.compile(r"[\\`*\[\]|]|(?<!\w)_|_(?!\w)|(?<=.)~|~(?!/)|<(?=[^=])|&(?=#?\w+;)")
_FIRST = re.compile(r"#+|[-+=]+|\d+[.)]|>.*")
"""First words of a line that make it a heading, a list or a quotation."""
# What is between backticks already stays there, if nothing but punctuation touches them.
_SPAN = re.compile(r"\(?`[^`]+`")
_WORD = re.compile(rf"(?<!\S){_SPAN.pattern}(?=[).,;:!?]*(?:\s|$))|\S+")
_TICKS = re.compile(r"`+")


def printable(text: str) -> str:
    """``text`` without what a terminal would obey, hide or turn around: such characters stand there by number.

    Line breaks are such characters, too.
    """
    return "".join(each if each.isprintable() else f"\\u{{{ord(each):x}}}" for each in text)


def plain_text(text: object, most: int = 160) -> str:
    """Somebody else's text as plain words of Markdown: on one line of at most ``most`` characters, no mark in force.

    A word with a mark in it stands between backticks, not behind backslashes: `codex exec` shows Markdown as it is.
    """
    words = printable(" ".join(str(text).split()))
    return _WORD.sub(_without_marks, words if len(words) <= most else f"{words[: most - 1].rstrip()}…")


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


def _without_marks(found: re.Match[str]) -> str:
    word = found[0]
    if found.start() == 0 and _FIRST.fullmatch(word):
        return code_span(word)
    if _MARK.search(word) is None or _SPAN.fullmatch(word):
        return word
    begun = word.lstrip("\"'(")
    inside = begun.rstrip("\"'.,;:!?" if "(" in begun else "\"').,;:!?")
    return f"{word[: -len(begun)]}{code_span(inside)}{begun[len(inside) :]}"
