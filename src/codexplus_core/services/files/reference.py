"""How a mention names a part of a file: ``src/app.py#L3-10``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"#L([1-9]\d{0,8})(?:-L?([1-9]\d{0,8}))?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """A path, and the lines of it that are meant, counted from 1 and both included; None for all."""

    path: str
    first: int | None = None
    last: int | None = None


def reference_of(text: str) -> Reference:
    """What a mention names. Lines in the wrong order are put right; what is no range belongs to the path."""
    found = _RANGE.search(text)
    if found is None or not found.start():
        return Reference(text)
    first = int(found[1])
    last = first if found[2] is None else int(found[2])
    return Reference(text[: found.start()], min(first, last), max(first, last))


def lines_of(text: str, reference: Reference) -> str:
    """The lines of a text that a reference means; fewer where the text ends before."""
    if reference.first is None:
        return text
    lines = text.splitlines(keepends=True)
    return "".join(lines[reference.first - 1 : reference.last])
