"""Tables of ours at the end of Codex's config.toml: added and removed with every other byte left as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .codex_config import ConfigUnreadable, parse

Values = Mapping[str, str | int | float | bool]
_MARK = "# of codex-plus: init --undo removes it"
_LINES = r"(?:\n(?![ \t]*(?:\[|#|\r?$))[^\n]*)*\n?"


def table_in(data: bytes, name: str, where: Path) -> dict[str, Any] | None:
    """The values of the table ``name`` (dotted), None where there is none. Raises ConfigUnreadable."""
    value: Any = parse(data, where)
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def has_table(data: bytes, name: str, values: Values, where: Path) -> bool:
    """Whether the table ``name`` is there with these values, among others. Raises ConfigUnreadable."""
    there = table_in(data, name, where)
    return there is not None and all(there.get(key) == value for key, value in values.items())


def with_table(data: bytes, name: str, values: Values, where: Path) -> bytes:
    """The file with the table ``name``, at its end where it is new; the same bytes where somebody else's is there.

    Raises ConfigUnreadable where the file cannot be edited safely.
    """
    there, text = table_in(data, name, where), data.decode("utf-8")
    found = _ours(name).search(text)
    if has_table(data, name, values, where) or (there is not None and found is None):
        return data
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = [_MARK, f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    block = newline.join(lines) + newline
    if found is None:
        block = (
            "" if not text or text.endswith(newline * 2) else newline if text.endswith("\n") else newline * 2
        ) + block
        after = text + block
    else:
        after = text[: found.start("block")] + block + text[found.end() :]
    if not has_table(after.encode("utf-8"), name, values, where):
        raise ConfigUnreadable(f"{where}: has no place where {name} can be added safely; write that table by hand")
    return after.encode("utf-8")


def without_table(data: bytes, name: str, where: Path) -> bytes:
    """The file without our table ``name`` and what Codex put below it; the same bytes where there is none of ours.

    Raises ConfigUnreadable where the file cannot be edited safely.
    """
    before, text = parse(data, where), data.decode("utf-8")
    if _ours(name).search(text) is None:
        return data
    text = re.sub(rf"^\[{re.escape(name)}\.[^\n]*{_LINES}", "", _ours(name).sub("", text, count=1), flags=re.MULTILINE)
    after = text.encode("utf-8")
    if parse(after, where) != _less(before, name.split(".")):
        raise ConfigUnreadable(f"{where}: {name} cannot be taken out safely; remove that table by hand")
    return after


def _ours(name: str) -> re.Pattern[str]:
    # Our lines, and those that others wrote right below; the blank line in front of it was added with it.
    lines = rf"{re.escape(_MARK)}[ \t]*\r?\n\[{re.escape(name)}\][^\n]*{_LINES}"
    return re.compile(rf"(?:(?<=\n)\r?\n)?^(?P<block>{lines})", re.MULTILINE)


def _less(values: Any, path: list[str]) -> Any:
    """The values without what is at ``path``, and without the tables that only led there."""
    inner = {**values}
    if path[1:] and isinstance(inner.get(path[0]), dict):
        below = _less(inner[path[0]], path[1:])
        if below:
            return {**inner, path[0]: below}
    inner.pop(path[0], None)
    return inner
