"""Showing hostile text so that nobody is fooled: every character that hides, turns or imitates is spelled out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

MAX_CHARS = 3000
"""Characters of all that a question shows; beyond them nobody reads to the end."""
MAX_TEXTS = 20
"""Texts of a question."""
MAX_PARTS = 100
"""Permissions, programs, variables and the like, of all proposals of a question together."""
MAX_BLANKS = 40
"""Blanks in a row; more push what follows out of sight."""

# Unicode has no names for these.
_CONTROLS = {
    0x00: "NULL", 0x07: "BELL", 0x08: "BACKSPACE", 0x09: "TAB", 0x0A: "LINE FEED", 0x0B: "LINE TABULATION",
    0x0C: "FORM FEED", 0x0D: "CARRIAGE RETURN", 0x1B: "ESCAPE", 0x7F: "DELETE", 0x85: "NEXT LINE", 0x9B: "CSI",
}  # fmt: skip
_UNNAMED = {"Cc": "CONTROL", "Cs": "NO CHARACTER", "Co": "PRIVATE USE", "Cn": "UNASSIGNED"}
TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction in which others are read."""
# Letters by their category, blanks to the eye.
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0\u17b4\u17b5\u034f")
# Of the scripts that are shown as they are, what looks like a sign of the shell or like another letter.
_IMITATORS = frozenset("一丨丶丿亅〇ノヘロニハエーへくしーㅡㅣㅇㅁ")
_SCRIPTS = ("CJK UNIFIED IDEOGRAPH", "HIRAGANA LETTER", "KATAKANA LETTER", "HANGUL SYLLABLE")
_OWN_LETTERS = frozenset("ßæœøåþðłđÆŒØÅÞÐŁĐ")
_LIKE = dict(
    zip(
        "авекмнорстухѕіјԁԛԝһӏАВЕЗКМНОРСТУХЅІЈαορνικυΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɡɑ⁄∕⧸−–—‐‑‒‘’“”‚∣ǀ∶꞉∗˜․",
        "aBekMHopcTyxsijdqwhlABE3KMHOPCTYXSIJaopvikuABEZHIKMNOPTYXiga///------''\"\",||::*~.",
        strict=True,
    )
)


def visible(text: str) -> str:
    """``text`` on one line: what is not plainly itself becomes ``\\u{202e RIGHT-TO-LEFT OVERRIDE}``.

    No two texts look the same: a text that imitates this spelling is spelled out itself.
    """
    return "".join(
        char if _shown(char) and not text.startswith("\\u{", at) else _spelled(char) for at, char in enumerate(text)
    )


def code(text: str) -> str:
    """``text`` made visible, as inline code of Markdown."""
    words = visible(text)
    ticks = "`" * (_longest(words, "`") + 1)
    pad = " " if len(ticks) > 1 else ""
    return f"{ticks}{pad}{words}{pad}{ticks}"


def block(lines: Iterable[str]) -> str:
    """Lines made visible, each on its own, as a fenced block of Markdown that none of them can end."""
    words = [visible(line) for line in lines]
    fence = "`" * max(3, *(_longest(line, "`") + 1 for line in words))
    return "\n".join([fence, *words, fence])


def deceives(text: str) -> bool:
    """True where a character had to be spelled out."""
    return any(not _shown(char) for char in text)


def oddities(text: str) -> list[str]:
    """What is unusual about the characters of a text, in words; empty for plain ones."""
    found: dict[str, list[str]] = {}
    for char in dict.fromkeys(text):
        if not " " <= char <= "~":
            found.setdefault(_class(char), []).append(_named(char))
    told = [f"{what}: {', '.join(names[:5])}{', …' if len(names) > 5 else ''}" for what, names in found.items()]
    blanks = _longest(text, " ")
    if blanks > MAX_BLANKS // 4:
        told.append(f"{blanks} blanks in a row")
    return told


def unreviewable(texts: Sequence[str], parts: Sequence[str] = ()) -> str:
    """Why texts, and the ``parts`` that are shown around them, cannot be judged in a chat, ``""`` where they can."""
    if any(len(text.splitlines()) > 1 or "\n" in text or "\r" in text for text in texts):
        return "it has several lines"
    # The lengths alone first: who has to spell out a million characters has lost already.
    whole = (*texts, *parts)
    if sum(map(len, whole)) > MAX_CHARS or sum(len(visible(text)) for text in whole) > MAX_CHARS:
        return f"it is longer than {MAX_CHARS} characters"
    if len(texts) > MAX_TEXTS:
        return f"these are more than {MAX_TEXTS}"
    if len(parts) > MAX_PARTS:
        return f"it has more than {MAX_PARTS} permissions, programs, variables and the like"
    if (blanks := max((_longest(text, " ") for text in whole), default=0)) > MAX_BLANKS:
        return f"it has {blanks} blanks in a row"
    return ""


def _shown(char: str) -> bool:
    if " " <= char <= "~":
        return True
    if unicodedata.category(char) not in ("Ll", "Lu", "Lo") or char in _IMITATORS or char in _FILLERS:
        return False
    if unicodedata.name(char, "").startswith(_SCRIPTS):
        return True
    # An accent that is part of a letter is seen; one that would follow it may stand anywhere.
    base = unicodedata.normalize("NFD", char)[0]
    return char in _OWN_LETTERS or (base.isascii() and unicodedata.normalize("NFC", char) == char)


def _spelled(char: str) -> str:
    return f"\\u{{{ord(char):x} {_name(char)}}}"


def _name(char: str) -> str:
    unnamed = _UNNAMED.get(unicodedata.category(char), "UNNAMED")
    return unicodedata.name(char, "") or _CONTROLS.get(ord(char), unnamed)


def _named(char: str) -> str:
    like = _like(char)
    shown = f"{char} " if _shown(char) else ""
    return f"{shown}U+{ord(char):04X} {_name(char)}" + (f" (like {like})" if like else "")


def _class(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cc":
        return "control characters"
    if char in TURNS:
        return "characters that turn the direction of text"
    selector = "\ufe00" <= char <= "\ufe0f" or "\U000e0000" <= char <= "\U000e0fff" or "\u180b" <= char <= "\u180f"
    if category in ("Cf", "Zs", "Zl", "Zp", "Co", "Cn", "Cs") or char in _FILLERS or selector:
        return "characters that cannot be seen"
    if _shown(char):
        return "letters outside ASCII"
    if category[0] in "LN" or _like(char):
        return "characters that look like others"
    return "signs outside ASCII"


def _like(char: str) -> str:
    folded = unicodedata.normalize("NFKC", char)
    return folded if len(folded) == 1 and "!" <= folded <= "~" else _LIKE.get(char, "")


def _longest(text: str, char: str) -> int:
    return max((len(run) for run in re.findall(f"{re.escape(char)}+", text)), default=0)
