"""YAML that is no trouble: plain values only, no tags, no repeated keys, no aliases, bounded."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

NODES = 2000
"""Values in one frontmatter, those inside others counted."""
DEPTH = 20
"""Levels of values inside values."""
_TAG = "tag:yaml.org,2002:"
_TRUE = ("true", "True", "TRUE")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}")
# ruamel's time grows with the square of the brackets that are open at once.
_OPEN = 4 * DEPTH
# Lines and commas, which it takes 0.2 ms each to read.
_SIGNS = 1000


class NotReadable(Exception):
    """The text holds no mapping that can be read; its message goes on after "the frontmatter"."""


def mapping(text: str) -> dict[str, Any]:
    """The values by key; a text that holds no mapping has none. Raises NotReadable."""
    if text.count("\n") + text.count(",") > _SIGNS:
        raise NotReadable(f"has more than {_SIGNS} lines and commas")
    if _open_brackets(text) > _OPEN:
        raise NotReadable(f"is nested more than {DEPTH} deep")
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except RecursionError:
        raise NotReadable(f"is nested more than {DEPTH} deep") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = str(getattr(error, "problem", None) or str(error).partition("\n")[0])
        # The first line of the file is the opening `---`.
        raise NotReadable(f"is no YAML: {problem}{f' in line {mark.line + 2}' if mark else ''}") from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError) as error:
        # What ruamel raises on texts that are no YAML in a way it did not expect, `%YAML 1.999…` among them.
        raise NotReadable(f"is no YAML: {type(error).__name__}") from None
    if not isinstance(node, MappingNode):
        return {}
    value = _Reader().value(node, 0)
    return value if isinstance(value, dict) else {}


def _open_brackets(text: str) -> int:
    deepest = depth = 0
    for found in re.finditer(r"[\[\]{}]", text):
        depth = depth + 1 if found[0] in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


class _Reader:
    """Makes values of nodes; ruamel's constructors know dates, sets and binaries, which commands have no use for."""

    def __init__(self) -> None:
        self._left = NODES
        self._seen: set[int] = set()

    def value(self, node: Any, depth: int) -> Any:
        self._left -= 1
        line = node.start_mark.line + 2
        if self._left < 0:
            raise NotReadable(f"holds more than {NODES} values")
        if depth > DEPTH:
            raise NotReadable(f"is nested more than {DEPTH} deep")
        if id(node) in self._seen:
            raise NotReadable(f"repeats the value of line {line} by an alias, which is not read")
        self._seen.add(id(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, depth)
        if isinstance(node, SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        if isinstance(node, ScalarNode):
            return _scalar(node, line)
        raise NotReadable(f"holds something strange in line {line}")

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise NotReadable(f"has a key in line {key.start_mark.line + 2} that is no plain text")
            name = str(key.value)
            if name in made:
                raise NotReadable(f"has the key {name!r} twice, again in line {key.start_mark.line + 2}")
            made[name] = self.value(value, depth + 1)
        return made


def _scalar(node: Any, line: int) -> Any:
    kind = str(node.tag).removeprefix(_TAG)
    text = str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return text in _TRUE
    if kind == "int":
        return int(text) if _DECIMAL.fullmatch(text) else text
    if kind == "float":
        try:
            number = float(text)
        except ValueError:
            return text
        return number if isfinite(number) else text
    if kind in ("str", "timestamp", "value", "merge"):
        return text
    raise NotReadable(f"has the tag {node.tag} in line {line}; tags are not read")
