"""``$file`` and ``$tool`` in the commands of the flat shape: filled in as the words that they are, never as syntax.

Both are variables of the shell that runs the command, so no value is ever part of its text. What the text needs for it
is the same for every value: quotes around a place that has none, and a way out of single quotes and back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .condition import files_of

LONGEST = 4096
"""Characters of a value; no file's name is longer."""

PLACE = re.compile(r"\$(?:file|tool)(?!\w)|\$\{(?:file|tool)\}", re.ASCII)
"""Where a value goes."""

# Programs that read an argument as a program. In there the variable stays what it is, for the program to look up.
_READS_PROGRAMS = re.compile(
    r"(?<![\w.-])(?:eval|exec|source|(?:ba|da|z|k|fi|c|tc)?sh|ssh|su|sudo|doas|env|xargs|parallel|watch|trap|find|time"
    r"|[gmn]?awk|sed|perl|ruby|php|node|deno|bun|python[\d.]*|lua|tclsh|osascript|make|docker|podman|tmux|screen|at"
    r"|psql|mysql|sqlite3|jq|nohup|timeout|nice|setsid|busybox)(?![\w-])"
)
# These read the text that the shell has put a value into as a program again.
_EVALUATES = re.compile(
    r"(?<![\w.-])(?:(?:eval|ssh|parallel|watch|trap)(?![\w-])"
    r"|(?:\w*sh|su|python[\d.]*|perl|ruby|php|node|deno|bun|lua|psql|mysql|osascript)(?![\w-])[^;&|\n]*?\s--?\w*[cerp]"
    r"|\|\s*(?:\S*/)?(?:\w*sh|python[\d.]*|perl|ruby|php|node|lua|psql|mysql|sqlite3|bc|at)(?![\w-])"
    r"|(?:\w*sh|python[\d.]*|perl|ruby|php|node|lua|psql|mysql|sqlite3)(?![\w-])[^;&|\n]*<<)"
)
_PLAIN = re.compile(r"[\w@%+:.,/= -]*")
_DOUBTFUL = ("<<", "`", "$(", "$'", "\\\n")


def variables_of(payload: Mapping[str, Any]) -> dict[str, str]:
    """The two variables: the file that a tool is about, and the tool's name; empty where there is none."""
    given, tool = payload.get("tool_input"), payload.get("tool_name")
    files = files_of(given) if isinstance(given, Mapping) else []
    file = _value(files[0] if files else "")
    # The model names both, and what begins with "-" would be an option of the program that gets it.
    file = f"./{file}" if file.startswith("-") else file
    return {"file": file, "tool": _value(tool if isinstance(tool, str) else "").lstrip("-")}


def prepared(text: str) -> str:
    """The text for a shell that has both variables: each of them is one word, in single quotes, too.

    Where the quotes are not plain to see, or a program takes a quoted text for a program, the text stays as it is.
    """
    if PLACE.search(text) is None or _is_doubtful(text):
        return text
    in_quotes = _READS_PROGRAMS.search(text) is None
    out: list[str] = []
    for piece, inside in _pieces(text):
        if inside is None or inside == '"':
            out.append(piece)
        elif not inside:
            out.append(f'"{piece}"')
        else:
            out.append(f"'\"{piece}\"'" if in_quotes else piece)
    return "".join(out)


def endangered(text: str, variables: Mapping[str, str]) -> str:
    """The place whose value would be read as a program (``sh -c "cat $file"`` and an odd name), ``""`` for none."""
    if _EVALUATES.search(text) is None:
        return ""
    if _is_doubtful(text):
        places = [found[0] for found in PLACE.finditer(text)]
    else:
        places = [piece for piece, inside in _pieces(text) if inside in ("", '"')]
    odd = (place for place in places if _PLAIN.fullmatch(variables[place.strip("${}")]) is None)
    return next(odd, "")


def _is_doubtful(text: str) -> bool:
    return any(sign in text for sign in _DOUBTFUL)


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """The text in pieces: a place with the quotes that it stands in (``""`` for none), anything else with None."""
    inside, at = "", 0
    while at < len(text):
        char = text[at]
        place = PLACE.match(text, at)
        if place is not None:
            yield place[0], inside
            at = place.end()
        elif char == "\\" and inside != "'":
            yield text[at : at + 2], None
            at += 2
        elif char == "#" and not inside and (at == 0 or text[at - 1] in " \t\n;|&("):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            yield text[at:end], None
            at = end
        else:
            if char in "'\"" and inside in ("", char):
                inside = "" if inside else char
            yield char, None
            at += 1


def _value(text: str) -> str:
    return text.replace("\0", "")[:LONGEST]
