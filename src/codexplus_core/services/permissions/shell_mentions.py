"""Which words a text may come to in a shell or another program's hands: too many rather than one too few."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import islice

_CONTINUED = re.compile(r"\\\r?\n")
_ANSI_C = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8}|[0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}
_EXPANSION = re.compile(r"\$(?:\{[^{}]{0,200}\}|[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?!$-])")
_BRACES = re.compile(r"\{([^\s{}]{0,200}?,[^\s{}]{0,200})\}")
_GLOB = re.compile(r"[*?\[]")
_BRACKET = re.compile(r"\[[^\]]{1,100}\]")
MOST_BRACES = 100
_COARSE = re.compile(r"[\s;|&()<>`$]+")
_FINE = re.compile(r"[\s;|&()<>`$,={}!:@#+]+")
_SUFFIX = re.compile(r"\.(?:exe|com|bat|cmd)$")


def base_name(program: str) -> str:
    """The name by which a program is compared: no folder, no ``.exe``, lower case (file systems may ignore case)."""
    return _SUFFIX.sub("", program.strip().replace("\\", "/").rpartition("/")[2].casefold())


def mentioned(text: str) -> list[str]:
    """Every word that can be made out in ``text``: quotes, escapes and braces decoded in several ways.

    In order; of a word that comes often only the first and the last are kept.
    """
    decoded = _ANSI_C.sub(lambda found: "'" + _ESCAPE.sub(_unescaped, found[1]) + "'", _CONTINUED.sub("", text))
    words: list[str] = []
    for spelling in _spellings(decoded):
        for word in _COARSE.split(spelling):
            if word:
                words.append(word)
                if _FINE.search(word):
                    words += [part for part in _FINE.split(word) if part]
    last = {word: place for place, word in enumerate(words)}
    first = {word: place for place, word in reversed(list(enumerate(words)))}
    return [words[place] for place in sorted({*first.values(), *last.values()})]


def _spellings(text: str) -> list[str]:
    bare = re.sub(r"[\\'\"^]", "", text)
    spellings = [bare, re.sub(r"\\(?=\w)", "/", text).replace('"', "").replace("'", "")]
    if "$" in bare or "%" in bare:
        spellings += [_EXPANSION.sub("", bare), _EXPANSION.sub(" ", bare)]
    if "{" in bare:
        spellings.append(" ".join(_braced(bare)))
    return list(dict.fromkeys(spellings))


def _braced(text: str) -> Iterator[str]:
    for found in islice(_BRACES.finditer(text), MOST_BRACES):
        before = re.split(r"[\s{}]", text[max(found.start() - 100, 0) : found.start()])[-1]
        after = re.split(r"[\s{}]", text[found.end() : found.end() + 100])[0]
        for middle in found[1].split(","):
            yield f"{before}{middle}{after}"


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "xuU" and len(code) > 1:
        number = int(code[1:], 16)
    elif code[0] in "01234567":
        number = int(code, 8)
    else:
        return _LETTERS.get(code, code)
    return chr(number) if 0 < number < 0x110000 else ""


def may_be(word: str, name: str) -> bool:
    """Whether the program of a word may be the one called ``name`` (folded, may hold ``*``); patterns count."""
    own = base_name(word)
    if own == name:
        return True
    if "*" in name:
        return name.strip("*") != "" and fnmatchcase(own, name.replace("[", "[[]"))
    # A pattern of nothing but wildcards names everything and so nothing.
    return _GLOB.search(own) is not None and re.search(r"\w", own) is not None and may_expand_to(own, name)


def may_expand_to(pattern: str, name: str) -> bool:
    """Whether a shell may expand the pattern to the name; a bracket counts as any character."""
    pattern = _BRACKET.sub("?", pattern)
    at = begin = 0
    star = -1
    place = 0
    while place < len(name):
        if at < len(pattern) and pattern[at] in ("?", name[place]):
            at, place = at + 1, place + 1
        elif at < len(pattern) and pattern[at] == "*":
            star, begin = at, place
            at += 1
        elif star >= 0:
            begin += 1
            at, place = star + 1, begin
        else:
            return False
    return not pattern[at:].strip("*")
