"""The words of what was typed after a command's name."""

from __future__ import annotations

import re

# What Claude Code 2.1.329 was seen to do: a shell's grammar, and only the first simple command counts.
_STRICT = re.compile(
    r"""(?P<blank>[ \t]+)
    |(?P<quote>'[^']*'|"(?:[^"\\]|\\.)*")
    |(?P<escape>\\.)
    |(?P<end>[;&|<>\n])
    |(?P<error>["'()])
    |(?P<plain>[^ \t\n'"\\;&|<>()]+|\\)""",
    re.DOTALL | re.VERBOSE,
)
# Ours: what a shell would take for an operator, a comment or a variable is what it looks like, a path on Windows too.
_TYPED = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
    |(?P<quote>'[^']*'|"(?:[^"\\]|\\.)*")
    |(?P<escape>\\[ \t"'])
    |(?P<error>["'])
    |(?P<plain>[^ \t\r\n'"\\]+|\\)""",
    re.DOTALL | re.VERBOSE,
)
_VARIABLE = re.compile(r"\$(?:[A-Za-z_]\w*|[0-9@*#?$!-]|\{[^}]*\})", re.ASCII)


def words(raw: str, *, strict: bool = False) -> list[str]:
    """The words of the arguments: parted at blanks, but not inside of quotes or after a backslash, which are taken off.

    In the strict profile what a shell would not hand to the first command is lost, as with Claude Code: what follows
    ``;``, ``|``, ``#`` or a line's end, and a variable that is not the first word; and where quotes are not closed the
    whole text is one word. In the default profile nothing is lost, and quotes that are not closed are just characters.
    """
    found: list[str] = []
    word: list[str] | None = None
    bare = True
    for token in (_STRICT if strict else _TYPED).finditer(raw):
        kind, text = token.lastgroup, token[0]
        if strict and (kind == "error" or (kind == "end" and not found and word is None)):
            return [raw]
        if strict and word is None and kind == "plain" and text.startswith("#"):
            break
        if kind == "end":
            if not _closed(raw, token.end()):
                return [raw]
            break
        if kind == "blank":
            if word is not None:
                _add(found, "".join(word), dropped=strict and bare)
            word, bare = None, True
            continue
        bare = bare and kind == "plain"
        word = word or []
        word.append(text[1:-1] if kind == "quote" else text[1:] if kind == "escape" else text)
    if word is not None:
        _add(found, "".join(word), dropped=strict and bare)
    return found


def _add(found: list[str], word: str, *, dropped: bool) -> None:
    if not (dropped and found and _VARIABLE.fullmatch(word)):
        found.append(word)


def _closed(raw: str, position: int) -> bool:
    return all(token.lastgroup != "error" or token[0] in "()" for token in _STRICT.finditer(raw, position))
