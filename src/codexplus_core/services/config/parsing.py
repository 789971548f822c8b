"""A settings file's text as plain JSON values with line numbers; what is ambiguous or outsized is refused."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .origin import KeyPath
from .stray import slip

JSON_LIMIT = 1 << 20
"""Bytes of a settings file."""
YAML_LIMIT = 64 * 1024
"""Bytes of a YAML file: its parser needs a second for 200 KB, and whoever asks for settings waits."""
DEPTH = 32
PROJECTS = "projects"
"""Below it, in files of servers, stand those of single projects."""
NODES = 20_000
"""Values in a YAML file, those that an alias repeats counted each time."""
_LINES_UP_TO = 128 * 1024

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|\n|[^\s{}\[\]:,"]+')


class Unparsable(Exception):
    """The text is no settings file; the message says what is wrong, with the line where it is known."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The file's top-level object, and the line of each key and list item."""

    data: dict[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)


def decoded(data: bytes) -> str:
    """The text of a file. Raises Unparsable where it is no UTF-8; a byte order mark is left out."""
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        kind = "UTF-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "no UTF-8"
        raise Unparsable(f"is {kind} (byte {error.start}), a settings file is UTF-8") from None


def parse(data: bytes, *, yaml: bool) -> Parsed:
    """Read a file's bytes. Raises Unparsable."""
    text = decoded(data)
    if yaml:
        return parse_yaml(text)
    return _parse_json(text)


def part_of(data: bytes, within: tuple[str, ...], only: tuple[str, ...], *, alone: bool = False) -> Parsed | None:
    """The keys ``only`` of the object at ``within``, as a file by itself; None where it has none. Raises Unparsable.

    ``alone`` says that the file is for these alone: slips in their names are kept to be complained about, and a file
    without any of them is read, too.
    """
    if not alone and not any(f'"{name}"'.encode() in data for name in only):
        return None
    whole = parse(data, yaml=False)
    found: Any = whole.data
    for name in within:
        found = found.get(name) if isinstance(found, dict) else None
    # Claude Code keeps an empty object for every project that it has seen.
    kept = {name: found[name] for name in only if found.get(name)} if isinstance(found, dict) else {}
    if alone and not within:
        others = {name: value for name, value in whole.data.items() if name not in (*only, PROJECTS)}
        kept |= {name: value for name, value in others.items() if slip(name, value, only) is not None}
    depth = len(within)
    lines = {
        path[depth:]: line
        for path, line in whole.lines.items()
        if path[:depth] == within and path[depth : depth + 1] and path[depth] in kept
    }
    return Parsed(kept, lines) if kept else None


def _parse_json(text: str) -> Parsed:
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise Unparsable(f"is no JSON: {error.msg.lower()} in line {error.lineno}") from None
    except RecursionError:
        raise Unparsable(f"is nested more than {DEPTH} deep") from None
    except ValueError as error:  # a number with thousands of digits
        raise Unparsable(f"is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Unparsable("holds no object at its top")
    if too_deep(value):
        raise Unparsable(f"is nested more than {DEPTH} deep")
    return Parsed(value, _json_lines(text) if len(text) <= _LINES_UP_TO else {})


def parse_yaml(text: str) -> Parsed:
    """Read a YAML text. Raises Unparsable."""
    # ruamel is slow to import, and most people have no YAML settings.
    from ..plain_yaml import BadYaml, read_yaml

    try:
        found = read_yaml(text, nodes=NODES, depth=DEPTH)
    except BadYaml as bad:
        raise Unparsable(str(bad)) from None
    if found.value is None and not found.lines:
        return Parsed({})
    if not isinstance(found.value, dict):
        raise Unparsable("holds no mapping at its top")
    return Parsed(found.value, found.lines)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise Unparsable(f"has the key {twice!r} twice in one object")
    return made


def _no_constant(name: str) -> Any:
    raise Unparsable(f"is no JSON: {name} is no number there")


def too_deep(value: Any) -> bool:
    """Whether a value is nested deeper than any settings are."""
    level = [value]
    for _ in range(DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return any(isinstance(value, dict | list) for value in level)


def _json_lines(text: str) -> dict[KeyPath, int]:
    """Where each key and item of a JSON text begins; the text has been read before, so its shape can be trusted."""
    lines: dict[KeyPath, int] = {}
    path: list[str | int] = []
    # For each open object the key that is being read, for each open list the number of its item.
    open_lists: list[bool] = []
    line, expect_key = 1, False
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token == "\n":
            line += 1
        elif token in "{[":
            if open_lists and open_lists[-1]:
                lines.setdefault(tuple(path), line)
            open_lists.append(token == "[")
            path.append(0 if token == "[" else "")
            expect_key = token == "{"
        elif token in "}]":
            open_lists.pop()
            path.pop()
        elif token == ",":
            last = path[-1]
            if isinstance(last, int):
                path[-1] = last + 1
            expect_key = not open_lists[-1]
        elif token == ":":
            expect_key = False
        elif expect_key:
            path[-1] = json.loads(token)
            lines[tuple(path)] = line
        else:
            lines.setdefault(tuple(path), line)
    return lines
