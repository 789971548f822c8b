"""Just enough of JavaScript's grammar to find literals at the top of a file and the comment that heads it.

Files of strangers are read with this in the proxy, so it goes through the text once, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

# Every alternative ends somewhere whatever follows, so that nothing is looked at twice.
_TOKEN = re.compile(
    r"(?P<doc>/\*\*(?!/).*?(?:\*/|\Z))|(?P<comment>/\*.*?(?:\*/|\Z)|//[^\n]*|\A#![^\n]*)"
    r"|(?P<string>'(?:[^'\\\n]|\\.)*(?:'|\n|\Z)|\"(?:[^\"\\\n]|\\.)*(?:\"|\n|\Z)|`(?:[^`\\]|\\.)*(?:`|\Z))"
    r"|(?P<number>\d[\d_]*(?:\.\d+)?)|(?P<word>[A-Za-z_$][\w$]*)|(?P<end>\n)|(?P<mark>[^\s\w])",
    re.DOTALL,
)
_DECLARING = ("const", "let", "var", "export")
_OWNERS = ("exports", "module", "command", "run", "main", "default")
_ESCAPES: Mapping[str, str] = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def declared(source: str, names: Sequence[str]) -> tuple[dict[str, object], str, list[str]]:
    """The values that the top of a file gives to ``names``, its documentation, and what is wrong with it.

    Found are ``export const x = …``, ``const x = …``, ``exports.x = …``, ``module.exports.x = …`` and ``command.x = …``
    where the value is a text, a list of texts or a number. The documentation is the first ``/** … */`` at the top.
    """
    found: dict[str, object] = {}
    problems: list[str] = []
    doc = ""
    tokens = list(_outermost(source))
    for at, token in enumerate(tokens):
        if token.kind == "doc" and not doc:
            doc = re.sub(r"^[ \t]*\*+[ \t]?", "", token.text[3:].removesuffix("*/"), flags=re.MULTILINE)
        if token.kind != "word" or token.text not in names or not _is_assigned(tokens, at):
            continue
        try:
            found[token.text] = _value(tokens, at + 2)
        except ValueError:
            problems.append(
                f"line {token.line}: {token.text} is no literal, so it is not known without running the file"
            )
    return found, doc, problems


def _outermost(source: str) -> Iterator[_Token]:
    """The tokens outside of all braces and parentheses; comments that are no documentation are left out."""
    line, depth = 1, 0
    for match in _TOKEN.finditer(source):
        kind, text = match.lastgroup or "", match[0]
        if kind == "mark" and text in "({":
            depth += 1
        if depth == 0 and kind != "comment":
            yield _Token(kind, text, line)
        if kind == "mark" and text in ")}":
            depth = max(depth - 1, 0)
        line += text.count("\n")


def _is_assigned(tokens: Sequence[_Token], at: int) -> bool:
    """Whether the word begins or ends what stands left of a single ``=``."""
    after = [token.text for token in tokens[at + 1 : at + 3]]
    if after[:1] != ["="] or after[1:] == ["="]:
        return False
    before = [token.text for token in tokens[max(at - 2, 0) : at]]
    if before[-1:] == ["."]:
        return before[0] in _OWNERS
    return bool(before) and before[-1] in _DECLARING


def _value(tokens: Sequence[_Token], at: int) -> object:
    """The literal that begins there and ends its statement. Raises ValueError."""
    found: list[object] = []
    is_list = at < len(tokens) and tokens[at].text == "["
    separated = True
    # By position: a copy of the rest for each name would take the square of their number.
    for position in range(at + 1 if is_list else at, len(tokens)):
        token = tokens[position]
        if token.kind == "doc" or (token.kind == "end" and (is_list or not found)):
            continue
        if is_list and token.text == "]":
            return found
        if token.text == "," and is_list and not separated:
            separated = True
        elif token.kind in ("string", "number") and separated:
            found.append(_literal(token))
            separated = False
        elif found and not is_list and (token.kind == "end" or token.text == ";"):
            return found[0]
        else:
            raise ValueError
    if is_list or not found:
        raise ValueError
    return found[0]


def _literal(token: _Token) -> object:
    text = token.text
    if token.kind == "number":
        return float(text.replace("_", ""))
    if len(text) < 2 or text[-1] != text[0] or (text[0] == "`" and "${" in text):
        raise ValueError

    def plain(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else _ESCAPES.get(match[2], match[2])

    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", plain, text[1:-1], flags=re.DOTALL)
