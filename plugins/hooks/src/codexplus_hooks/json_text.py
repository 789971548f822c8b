"""A JSON text that is changed in one place: every other byte stays, order, blanks and line ends included."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

Path = tuple[str | int, ...]

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+)')
_INDENT = re.compile(r"\n([ \t]+)\S")


class CannotChange(ValueError):
    """The text is not what an edit expects; the message says what it is."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A value in the text: where it begins and ends, and its members as (key, where the member begins, value)."""

    kind: Literal["object", "list", "scalar"]
    start: int
    end: int
    members: tuple[tuple[str | int, int, _Node], ...] = ()

    def at(self, key: str | int) -> int:
        """The number of a member, -1 where there is none."""
        return next((number for number, member in enumerate(self.members) if member[0] == key), -1)


class JsonText:
    """A JSON object; ``data`` is what it says, ``text`` what it looks like. Raises CannotChange for other texts."""

    def __init__(self, text: str) -> None:
        self.text = text if text.strip() else "{}\n"
        self._newline = "\r\n" if "\r\n" in text else "\n"
        found = _INDENT.search(self.text)
        self._unit = found[1] if found else "  "
        self._flat = "\n" not in self.text.strip() and bool(text.strip("{} \t\r\n"))
        self.data: dict[str, Any] = self._parsed()

    def put(self, path: Path, value: Any) -> None:
        """Set the member at ``path``, whose parent is there; a list takes its own length as the place of a new item."""
        parent = self._node(path[:-1])
        number = parent.at(path[-1])
        if number >= 0:
            old = parent.members[number][2]
            self._splice(old.start, old.end, self._shown(value, self._indent_at(old.start)))
            return
        name = "" if parent.kind == "list" else f"{json.dumps(path[-1], ensure_ascii=False)}: "
        if not parent.members:
            outer = self._indent_at(parent.start)
            inner = "" if self._flat else f"{outer}{self._unit}"
            body = f"{name}{self._shown(value, inner)}"
            opening, closing = ("[", "]") if parent.kind == "list" else ("{", "}")
            if not self._flat:
                body = f"{self._newline}{inner}{body}{self._newline}{outer}"
            self._splice(parent.start, parent.end, f"{opening}{body}{closing}")
            return
        _, begins, last = parent.members[-1]
        before = self.text[parent.start : begins]
        if "\n" in before:
            indent = self._indent_at(begins)
            self._splice(last.end, last.end, f",{self._newline}{indent}{name}{self._shown(value, indent)}")
        else:
            self._splice(last.end, last.end, f", {name}{json.dumps(value, ensure_ascii=False)}")

    def drop(self, path: Path) -> None:
        """Take the member at ``path`` out."""
        parent = self._node(path[:-1])
        number = parent.at(path[-1])
        if number < 0:
            raise CannotChange(f"has no {path[-1]!r} where it was expected")
        _, begins, node = parent.members[number]
        if len(parent.members) == 1:
            self._splice(parent.start + 1, parent.end - 1, "")
        elif number + 1 < len(parent.members):
            self._splice(begins, parent.members[number + 1][1], "")
        else:
            self._splice(parent.members[number - 1][2].end, node.end, "")

    def line_of(self, path: Path) -> int:
        """The line in which the member at ``path`` begins, from 1."""
        parent = self._node(path[:-1])
        return self.text.count("\n", 0, parent.members[parent.at(path[-1])][1]) + 1

    def _parsed(self) -> dict[str, Any]:
        try:
            data = json.loads(self.text)
        except RecursionError:
            raise CannotChange("is nested too deep") from None
        except ValueError as error:
            raise CannotChange(f"is no JSON ({error})") from None
        if not isinstance(data, dict):
            raise CannotChange("holds no object at its top")
        return data

    def _splice(self, start: int, end: int, new: str) -> None:
        self.text = self.text[:start] + new + self.text[end:]
        self.data = self._parsed()

    def _shown(self, value: Any, indent: str) -> str:
        if self._flat:
            return json.dumps(value, ensure_ascii=False)
        lines = json.dumps(value, ensure_ascii=False, indent=self._unit).split("\n")
        return f"{self._newline}{indent}".join(lines)

    def _indent_at(self, at: int) -> str:
        line = self.text[self.text.rfind("\n", 0, at) + 1 : at]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _node(self, path: Path) -> _Node:
        node, _ = _read(self.text, 0)
        for step in path:
            number = node.at(step)
            if number < 0:
                raise CannotChange(f"has no {step!r} where it was expected")
            node = node.members[number][2]
        if node.kind == "scalar":
            raise CannotChange("has a plain value where an object or a list was expected")
        return node


def _read(text: str, at: int) -> tuple[_Node, int]:
    """The value that begins behind ``at``, and where it ends; the text has been read before, so its shape is sound."""
    token, start, at = _next(text, at)
    if token not in ("{", "["):
        return _Node("scalar", start, at), at
    closing: str = "}" if token == "{" else "]"
    members: list[tuple[str | int, int, _Node]] = []
    following, begins, behind = _next(text, at)
    while following != closing:
        if following == ",":
            following, begins, behind = _next(text, behind)
        if token == "{":
            _, _, colon = _next(text, behind)
            node, at = _read(text, colon)
            members.append((json.loads(following), begins, node))
        else:
            node, at = _read(text, begins)
            members.append((len(members), begins, node))
        following, begins, behind = _next(text, at)
    return _Node("object" if token == "{" else "list", start, behind, tuple(members)), behind


def _next(text: str, at: int) -> tuple[str, int, int]:
    found = _TOKEN.match(text, at)
    if found is None:
        raise CannotChange("cannot be taken apart")
    return found[1], found.start(1), found.end()
