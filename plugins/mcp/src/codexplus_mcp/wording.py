"""Texts of servers as they may be shown or handed on: nothing in them that cannot be seen or that moves a cursor."""

from __future__ import annotations

import re
import unicodedata

# Escape sequences whole, so that "[31m" does not stay behind.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])|\x9b[0-?]*[ -/]*[@-~]")
_KEPT = frozenset("\n\t")
_FRAME = re.compile(r"<(?=/?system-reminder)", re.IGNORECASE)
# Marks that make text run backwards, hide it or carry hidden words (the tag characters); controls of both sets.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co"})


def visible(text: str) -> str:
    """``text`` without escape sequences and without characters that nobody sees; line breaks and tabs stay.

    For descriptions and labels, where a hidden character is never of use. Results of calls are data and only made
    sendable (``sendable``).
    """
    text = _ESCAPE.sub("", text.replace("\r\n", "\n"))
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in text if char in _KEPT or unicodedata.category(char) not in _HIDDEN)


def line(text: str, longest: int = 200) -> str:
    """``visible`` text as one line of at most ``longest`` characters, without what Markdown would take for code."""
    flat = " ".join(visible(text).replace("`", "'").split())
    return flat if len(flat) <= longest else f"{flat[: longest - 1]}…"


def unframed(text: str) -> str:
    """``text`` in which nothing ends the frame that says whose words it holds, or begins one."""
    return _FRAME.sub("&lt;", text)


def sendable(text: str) -> str:
    """``text`` as UTF-8 can carry it: half characters are replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
