"""The deny rules of a file that cannot be read as a whole, as far as eyes can tell.

Too many are better than too few: what stands behind a key ``deny`` and looks like a rule counts.
"""

from __future__ import annotations

import itertools
import re

RULES = 500
"""Rules that are taken from one broken file."""
KEYS = 200
"""Places with the word ``deny`` that are looked at."""
REACH = 256 * 1024
"""Characters of lists that are looked at, those of lists that lie in each other counted for each."""
_REACH = 64 * 1024
_WORD = 300
_KEY = re.compile(r"""(?<![\w.-])(["']?)deny\1[ \t]*:""")
_RULE = re.compile(r"[A-Za-z][\w*.-]{0,99}(?:\([^\n\"]{0,500}\))?")
_QUOTED = re.compile(r'"((?:[^"\\\n]|\\.){0,600})"?|\'([^\'\n]{0,600})\'?')
_BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.{0,500}?\*/|#[^\n]*)+", re.DOTALL)
_COLON = re.compile(r"\s{0,100}:")
_ITEM = re.compile(r"^([ \t]*)-[ \t]+(.*)$")


def deny_rules(text: str) -> list[str]:
    """The rules of every ``deny`` list in the text, in order, each once."""
    found: list[str] = []
    left = REACH
    for key in itertools.islice(_KEY.finditer(text), KEYS):
        rest = key.end()
        end = min(len(text), rest + min(left, _REACH))
        blank = _BLANK.match(text, rest, end)
        at = blank.end() if blank else rest
        if text.startswith("[", at):
            rules, at = _in_brackets(text, at + 1, end)
        elif text[at : at + 1] in ('"', "'"):
            rules = [_unquoted(one) for one in [_QUOTED.match(text, at)] if one]
        else:
            rules, at = _in_lines(text, rest, end)
        found += rules
        left -= at - rest
        if len(found) > RULES or left <= 0:
            break
    rules = [rule.strip() for rule in found]
    return list(dict.fromkeys(rule for rule in rules if _RULE.fullmatch(rule)))[:RULES]


def _in_brackets(text: str, at: int, end: int) -> tuple[list[str], int]:
    """Items up to the bracket that ends the list, or to where another key shows that the bracket is missing."""
    found: list[str] = []
    while at < end and len(found) <= RULES:
        blank = _BLANK.match(text, at)
        if blank:
            at = blank.end()
        elif text[at : at + 1] in "]}":
            break
        elif text[at] in ",[{":
            at += 1
        elif text[at] in "\"'":
            quoted = _QUOTED.match(text, at)
            if quoted is None:
                break
            at = quoted.end()
            if _COLON.match(text, at):
                break
            found.append(_unquoted(quoted))
        else:
            at, word = _bare(text, at)
            found.append(word)
    return found, at


def _bare(text: str, at: int) -> tuple[int, str]:
    """A word without quotes; a comma or bracket within its round brackets belongs to it."""
    start, depth = at, 0
    end = min(len(text), at + _WORD)
    while at < end and text[at] != "\n" and (depth or text[at] not in ",]"):
        depth += (text[at] == "(") - (text[at] == ")")
        at += 1
    # Something is consumed in any case.
    return max(at, start + 1), text[start:at]


def _unquoted(quoted: re.Match[str]) -> str:
    if quoted[1] is None:
        return quoted[2] or ""
    text = re.sub(r'\\([\\"/])', r"\1", quoted[1])
    # A quote that is never closed: what belongs to the list around it does not belong to the rule.
    return text if quoted[0].endswith('"') and len(quoted[0]) > 1 else re.sub(r"[\],}\s]+$", "", text)


def _in_lines(text: str, start: int, end: int) -> tuple[list[str], int]:
    """The ``- item`` lines that follow at once, as YAML writes a list."""
    found: list[str] = []
    indent: str | None = None
    at = _next_line(text, start)
    while at < end and len(found) <= RULES:
        line, at = text[at : _next_line(text, at)].rstrip("\n"), _next_line(text, at)
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        item = _ITEM.match(line)
        if item is None or (indent is not None and item[1] != indent):
            break
        indent = item[1]
        word = item[2].strip()[:1000]
        quoted = _QUOTED.match(word)
        found.append(_unquoted(quoted) if quoted else re.sub(r"\s+#.*$", "", word))
    return found, at


def _next_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
