"""The YAML between two ``---`` lines at the head of a command file, read as tolerantly as Claude Code reads it.

Anything that a person may have written there leaves a usable command: what cannot be read is passed over and named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

LONGEST = 64 * 1024
"""Characters of frontmatter that are read."""
_NODES = 2000
_DEPTH = 20
# Lines and commas, which a YAML parser takes 0.2 ms each to read.
_SIGNS = 1000

# A closing line may end the file; `----`, ` ---` and `...` close and open nothing.
_FENCED = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"([A-Za-z_][\w-]*):(?=\s|\Z)")
# Scalars that are texts in every YAML: plain ones, plain but for a colon and a blank, in quotes with nothing to undo.
_PLAIN = re.compile(r"[A-Za-z](?:[^:#]|:(?! |$)|(?<! )#)*")
_COLON = re.compile(r"[A-Za-z](?:[^:#]|:(?!$)|(?<! )#)*")
_QUOTED = re.compile(r"\"[^\"\\]*\"|'[^']*'")
_ITEM = r" *[A-Za-z](?:[\w ./()<>|*-]|:(?=[\w*/]))*"
_LIST = re.compile(rf"\[{_ITEM}(?:,{_ITEM})*\]", re.ASCII)
_AFTER_LIST = re.compile(rf"\[{_ITEM}(?:,{_ITEM})*\] +[A-Za-z\[<].*", re.ASCII)
_RECOVERED = "its values were read as plain text, put them in quotes"
_MORE_THAN_TEXT = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_NEEDS_QUOTES = re.compile(r"[{}\[\]*&#!|>%@`]|: ")


@dataclass(frozen=True, slots=True)
class Frontmatter:
    """``values`` are plain (text, numbers, booleans, None, lists and dicts of them), by key as written.

    ``written`` has the text of each value that stands on its key's line. ``body`` is the rest of the file as it is, and
    begins in line ``body_line``. ``problems`` are sentences about what was passed over.
    """

    values: dict[str, Any]
    body: str
    body_line: int
    problems: tuple[str, ...] = ()
    written: dict[str, str] = field(default_factory=dict)


def split(text: str) -> Frontmatter:
    """Part a file's text into frontmatter and body. Never raises.

    As observed with Claude Code 2.1.329: a byte order mark is dropped; frontmatter that is no YAML is read again with
    its values in quotes, and is no part of the body even if that fails.
    """
    text = text.removeprefix("\ufeff")
    fenced = _FENCED.match(text)
    if fenced is None:
        return Frontmatter({}, text, 1)
    inside = fenced[1].replace("\r\n", "\n")
    values, problems = _values(inside)
    body_line = 1 + text.count("\n", 0, fenced.end())
    return Frontmatter(values, text[fenced.end() :], body_line, problems, _written(inside) if values else {})


def _values(inside: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    if len(inside) > LONGEST:
        return {}, (f"the frontmatter is longer than {LONGEST // 1024} KB and was passed over",)
    simple = _simple(inside)
    if simple is not None:
        return simple
    # Paid for by files that need it: most frontmatter is a few plain lines.
    from codexplus_core import BadYaml

    try:
        return _by_yaml(inside), ()
    except BadYaml as error:
        first = str(error)
    try:
        recovered = _by_yaml("\n".join(map(_quoted, inside.split("\n"))))
    except BadYaml:
        return {}, (f"the frontmatter {first}; it was passed over",)
    return recovered, (f"the frontmatter {first}; {_RECOVERED}",)


def _by_yaml(inside: str) -> dict[str, Any]:
    from codexplus_core import BadYaml, read_yaml

    if inside.count("\n") + inside.count(",") > _SIGNS:
        raise BadYaml(f"has more than {_SIGNS} lines and commas")
    # The first line of the file is the opening `---`.
    found = read_yaml(inside, nodes=_NODES, depth=_DEPTH, first_line=2, aliases=False, decimal_only=True)
    return found.value if isinstance(found.value, dict) else {}


def _simple(inside: str) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """What is said about lines that can only mean one thing, just as by way of YAML; None where there are others.

    A colon and a blank in a text without quotes is the mistake that people make; it is no YAML.
    """
    lines = [(number, line) for number, line in enumerate(inside.split("\n"), 2) if line]
    found: dict[str, Any] = {}
    broken = ""
    for number, line in lines:
        key, value = _entry(line)
        if not value or key in found or not line.isprintable():
            return None
        said = _meant(value)
        if said is None:
            mistake = _mistake(value)
            if not mistake:
                return None
            broken = broken or f"the frontmatter is no YAML: {mistake} in line {number}; {_RECOVERED}"
        found[key] = value if said is None else said
    if not broken:
        return found, ()
    # What is read as plain text is no list any more.
    written = _written(inside)
    return {key: written[key] if isinstance(value, list) else value for key, value in found.items()}, (broken,)


def _meant(value: str) -> Any:
    if _QUOTED.fullmatch(value):
        return value[1:-1]
    if value in ("true", "false"):
        return value == "true"
    if _PLAIN.fullmatch(value):
        return None if value.lower() in _MORE_THAN_TEXT else value
    if _LIST.fullmatch(value):
        items = [item.strip() for item in value[1:-1].split(",")]
        return None if any(item.lower() in _MORE_THAN_TEXT for item in items) else items
    return None


def _mistake(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return ""
    if _COLON.fullmatch(value):
        return "a colon and a blank in a text without quotes"
    return "text after a list" if _AFTER_LIST.fullmatch(value) else ""


def _quoted(line: str) -> str:
    key, value = _entry(line)
    if not value:
        return line
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return line
    if _NEEDS_QUOTES.search(value) is None:
        return line
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}: "{escaped}"'


def _written(inside: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in inside.split("\n"):
        key, value = _entry(line)
        if value:
            found.setdefault(key, value)
    return found


def _entry(line: str) -> tuple[str, str]:
    """The key that a line begins with and the text behind it, ``""`` where there is none."""
    # By hand: a pattern with blanks around the value takes the square of their number.
    key = _KEY.match(line)
    return ("", "") if key is None else (key[1], line[key.end() :].strip())
