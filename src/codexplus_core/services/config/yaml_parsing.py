"""A YAML settings file: plain values only, no tags, no repeated keys, aliases within bounds."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from .origin import KeyPath
from .parsing import DEPTH, NODES, Parsed, Unparsable

_TAG = "tag:yaml.org,2002:"
_FLOW_DEPTH = 2 * DEPTH
"""Brackets that may be open at once, those in texts counted; the time grows with the square, 400 take a second."""
_TRUE = ("true", "True", "TRUE")
_DECIMAL = re.compile(r"[-+]?[0-9_]+")


def parse_yaml(text: str) -> Parsed:
    """Read a text. Raises Unparsable."""
    if _flow_depth(text) > _FLOW_DEPTH:
        raise Unparsable(f"is nested more than {DEPTH} deep")
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except RecursionError:
        raise Unparsable(f"is nested more than {DEPTH} deep") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = str(getattr(error, "problem", None) or str(error).partition("\n")[0])
        raise Unparsable(f"is no YAML: {problem}{f' in line {mark.line + 1}' if mark else ''}") from None
    except ValueError as error:
        raise Unparsable(f"is no YAML: {error}") from None
    if node is None:
        return Parsed({})
    reader = _Reader()
    value = reader.value(node, ())
    if not isinstance(value, dict):
        raise Unparsable("holds no mapping at its top")
    return Parsed(value, reader.lines)


def _flow_depth(text: str) -> int:
    deepest = depth = 0
    for found in re.finditer(r"[\[\]{}]", text):
        depth = depth + 1 if found[0] in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


class _Reader:
    """Makes values of nodes; ruamel's own constructors know dates, sets, binaries and merge keys, settings do not."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._left = NODES

    def value(self, node: Any, path: KeyPath) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Unparsable(f"holds more than {NODES} values, aliases counted")
        if len(path) > DEPTH:
            raise Unparsable(f"is nested more than {DEPTH} deep")
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if isinstance(node, MappingNode):
            _known_tag(node, "map")
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            _known_tag(node, "seq")
            return [self.value(item, (*path, number)) for number, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return _scalar(node)
        raise Unparsable(f"holds something strange in line {line}")

    def _mapping(self, node: Any, path: KeyPath) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode) or str(key.tag).endswith(":merge"):
                raise Unparsable(f"has a key in line {line} that is no plain text")
            name = str(key.value)
            if name in made:
                raise Unparsable(f"has the key {name!r} twice in one mapping, again in line {line}")
            self.lines[(*path, name)] = line
            made[name] = self.value(value, (*path, name))
        return made


def _known_tag(node: Any, kind: str) -> None:
    if node.tag != _TAG + kind:
        raise Unparsable(f"has the tag {node.tag} in line {node.start_mark.line + 1}; tags are not read")


def _scalar(node: Any) -> Any:
    kind = node.tag.removeprefix(_TAG)
    text = str(node.value)
    if kind in ("str", "timestamp", "value"):
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return text in _TRUE
    try:
        if kind == "int":
            plain = text.replace("_", "")
            return int(plain) if _DECIMAL.fullmatch(text) else int(plain, 0)
        if kind == "float":
            number = float(text.replace("_", ""))
            return number if isfinite(number) else text
    except ValueError:  # .nan, which JSON does not have either
        return text
    raise Unparsable(f"has the tag {node.tag} in line {node.start_mark.line + 1}; tags are not read")
