"""A YAML text that is changed in one place, with its comments, its order and the style of its texts."""

from __future__ import annotations

import io
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .json_text import CannotChange, Path

_WIDTH = 1 << 20
_ITEM = re.compile(r"^( *)[^\s#][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*#[^\n]*\n)*( *)- ", re.MULTILINE)


class YamlText:
    """A YAML document; ``data`` is what it says, ``text`` what it looks like. Raises CannotChange for no mapping."""

    def __init__(self, text: str) -> None:
        self._yaml = YAML(typ="rt")
        self._yaml.preserve_quotes = True
        self._yaml.width = _WIDTH
        item = _ITEM.search(text)
        if item is not None and len(item[2]) > len(item[1]):
            deeper = len(item[2]) - len(item[1])
            self._yaml.indent(mapping=2, sequence=deeper + 2, offset=deeper)
        try:
            loaded = self._yaml.load(text)
        except (YAMLError, ValueError, RecursionError) as error:
            raise CannotChange(f"is no YAML ({str(error).partition(chr(10))[0]})") from None
        self._loaded: Any = {} if loaded is None else loaded
        if not isinstance(self._loaded, dict):
            raise CannotChange("holds no mapping at its top")
        self._kept = text if loaded is None else ""

    @property
    def data(self) -> dict[str, Any]:
        """What it says."""
        plain: dict[str, Any] = _plain(self._loaded)
        return plain

    @property
    def text(self) -> str:
        """What it looks like."""
        out = io.StringIO()
        self._yaml.dump(self._loaded, out)
        before = self._kept if not self._kept or self._kept.endswith("\n") else f"{self._kept}\n"
        return before + out.getvalue()

    def put(self, path: Path, value: Any) -> None:
        """Set the member at ``path``, whose parent is there; a list takes its own length as the place of a new item."""
        parent = self._at(path[:-1])
        key: Any = path[-1]
        if isinstance(parent, list) and key == len(parent):
            parent.append(value)
        else:
            parent[key] = value

    def drop(self, path: Path) -> None:
        """Take the member at ``path`` out."""
        key: Any = path[-1]
        try:
            del self._at(path[:-1])[key]
        except (KeyError, IndexError):
            raise CannotChange(f"has no {key!r} where it was expected") from None

    def line_of(self, path: Path) -> int:
        """The line in which the member at ``path`` begins, from 1."""
        parent, key = self._at(path[:-1]), path[-1]
        line: int = parent.lc.item(key)[0] if hasattr(parent, "append") else parent.lc.key(key)[0]
        return line + 1

    def _at(self, path: Path) -> Any:
        node: Any = self._loaded
        for step in path:
            key: Any = step
            try:
                node = node[key]
            except (KeyError, IndexError, TypeError):
                raise CannotChange(f"has no {step!r} where it was expected") from None
        if not isinstance(node, dict | list):
            raise CannotChange("has a plain value where a mapping or a list was expected")
        return node


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return float(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
