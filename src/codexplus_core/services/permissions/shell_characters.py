"""Characters that make a command look like something else than what a shell reads."""

from __future__ import annotations

import re
import unicodedata

FIRST_MARK = 0xE000
"""The first of the private-use characters that stand for wildcards while a text is read."""

MARK = re.compile("[\ue000-\uf8ff]")
_SUSPECT = re.compile("[^\n\t\x20-\x7e]")
_WORD = re.compile(r"\w+")
# Categories of what is not seen or not where it seems: controls, format (bidi, zero width, tags), unassigned, lone
# surrogates, private use, line separators. Ordinary blanks other than U+0020 are category Zs.
_HIDDEN = {"Cc", "Cf", "Cn", "Cs", "Co", "Zl", "Zp", "Zs"}
# Letters and marks that are drawn as nothing at all.
_FILLERS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_MIMICS = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET", "FULLWIDTH", "MATHEMATICAL")


def odd_character(text: str, *, marks: bool = False) -> str:
    """Why a character of ``text`` must not be shown for a yes or run unasked; empty when all is plain.

    ``marks`` lets the private-use characters pass that stand for wildcards.
    """
    if text.isascii() and text.isprintable():
        return ""
    for found in _SUSPECT.finditer(text):
        character = found[0]
        if marks and MARK.match(character):
            continue
        if unicodedata.category(character) in _HIDDEN or _FILLERS.match(character):
            return f"it holds the character U+{ord(character):04X}, which is not shown as what it is"
    for word in _WORD.findall(text):
        if not word.isascii() and re.search("[A-Za-z]", word):
            for character in word:
                if unicodedata.name(character, "").startswith(_MIMICS):
                    return f"it mixes {character!r} (U+{ord(character):04X}) with letters that look like it"
    return ""
