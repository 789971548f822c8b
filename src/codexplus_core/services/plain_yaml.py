"""YAML that others wrote: plain values only, no tags, no repeated keys, within bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

_TAG = "tag:yaml.org,2002:"
_TRUE = ("true", "True", "TRUE")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_WHOLE = re.compile(r"[-+]?[0-9_]+")
# ruamel's time grows with the square of the brackets that are open at once, those in texts counted: 400 take a second.
_OPEN_PER_LEVEL = 2
_SHOWN = 80
# What ruamel raises on a text that is no YAML in a way it did not expect, `%YAML 1.999` among them.
_NOT_EXPECTED = (ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError)


class BadYaml(Exception):
    """A text that is not read; the message goes on after its name: ``is no YAML: … in line 3``."""


@dataclass(frozen=True, slots=True)
class Yaml:
    """``value`` is made of dicts, lists, texts, numbers, booleans and None; ``lines`` says where each part begins."""

    value: Any
    lines: Mapping[tuple[str | int, ...], int]


def read_yaml(
    text: str,
    *,
    nodes: int = 20_000,
    depth: int = 32,
    first_line: int = 1,
    aliases: bool = True,
    decimal_only: bool = False,
) -> Yaml:
    """Read a text of somebody else's. Raises BadYaml, and nothing else whatever the text is.

    At most ``nodes`` values (what an alias repeats is counted each time) and ``depth`` levels of them are read; dates
    are texts. ``first_line`` is the number of the text's first line in its file. Without ``aliases`` a repeated value
    is refused; with ``decimal_only`` whole numbers of another notation (``0x10``, ``1_000``) are texts. 200 KB take a
    second: bound the text's length.
    """
    if _open_brackets(text) > _OPEN_PER_LEVEL * depth:
        open_ones = f"{_OPEN_PER_LEVEL * depth} brackets open, those in texts counted"
        raise BadYaml(f"is nested more than {depth} deep, or has more than {open_ones}")
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except RecursionError:
        raise BadYaml(f"is nested more than {depth} deep") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = str(getattr(error, "problem", None) or str(error).partition("\n")[0])
        raise BadYaml(f"is no YAML: {problem}{f' in line {mark.line + first_line}' if mark else ''}") from None
    except _NOT_EXPECTED as error:
        raise BadYaml(f"is no YAML: {str(error) or type(error).__name__}") from None
    reader = _Reader(nodes, depth, first_line, aliases, decimal_only)
    return Yaml(None if node is None else reader.value(node, ()), reader.lines)


def _open_brackets(text: str) -> int:
    deepest = depth = 0
    for found in re.finditer(r"[\[\]{}]", text):
        depth = depth + 1 if found[0] in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


class _Reader:
    """Makes values of nodes; ruamel's own constructors know dates, sets, binaries and merge keys, nobody here does."""

    def __init__(self, nodes: int, depth: int, first_line: int, aliases: bool, decimal_only: bool) -> None:
        self.lines: dict[tuple[str | int, ...], int] = {}
        self._nodes = self._left = nodes
        self._depth, self._first_line = depth, first_line
        self._seen: set[int] | None = None if aliases else set()
        self._decimal_only = decimal_only

    def value(self, node: Any, path: tuple[str | int, ...]) -> Any:
        self._left -= 1
        if self._left < 0:
            raise BadYaml(f"holds more than {self._nodes} values, aliases counted")
        if len(path) > self._depth:
            raise BadYaml(f"is nested more than {self._depth} deep")
        line = self._line(node)
        if self._seen is not None:
            if id(node) in self._seen:
                raise BadYaml(f"repeats the value of line {line} by an alias, which is not read")
            self._seen.add(id(node))
        self.lines.setdefault(path, line)
        if isinstance(node, MappingNode):
            self._known_tag(node, "map")
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            self._known_tag(node, "seq")
            return [self.value(item, (*path, number)) for number, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        raise BadYaml(f"holds something strange in line {line}")

    def _mapping(self, node: Any, path: tuple[str | int, ...]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in node.value:
            line = self._line(key)
            if not isinstance(key, ScalarNode) or str(key.tag).endswith(":merge"):
                raise BadYaml(f"has a key in line {line} that is no plain text")
            name = str(key.value)
            if name in made:
                raise BadYaml(f"has the key {name[:_SHOWN]!r} twice in one mapping, again in line {line}")
            self.lines[(*path, name)] = line
            made[name] = self.value(value, (*path, name))
        return made

    def _scalar(self, node: Any) -> Any:
        kind = str(node.tag).removeprefix(_TAG)
        text = str(node.value)
        if kind in ("str", "timestamp", "value", "merge"):
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return text in _TRUE
        try:
            if kind == "int":
                return self._number(text)
            if kind == "float":
                number = float(text.replace("_", ""))
                return number if isfinite(number) else text
        except ValueError:  # .nan, which JSON does not have either
            return text
        raise self._strange_tag(node)

    def _number(self, text: str) -> int | str:
        if self._decimal_only:
            return int(text) if _DECIMAL.fullmatch(text) else text
        plain = text.replace("_", "")
        return int(plain) if _WHOLE.fullmatch(text) else int(plain, 0)

    def _known_tag(self, node: Any, kind: str) -> None:
        if node.tag != _TAG + kind:
            raise self._strange_tag(node)

    def _strange_tag(self, node: Any) -> BadYaml:
        return BadYaml(f"has the tag {str(node.tag)[:_SHOWN]} in line {self._line(node)}; tags are not read")

    def _line(self, node: Any) -> int:
        line: int = node.start_mark.line
        return line + self._first_line
