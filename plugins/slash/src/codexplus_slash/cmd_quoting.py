"""Values put into the text of a command for ``cmd /c`` on Windows."""

from __future__ import annotations

import re

from .placeholders import Placeholders
from .quoting import CannotQuote, Filled

_HARMLESS = re.compile(r"[\w.@+:/\\ -]*")


def filled_for_cmd(template: str, places: Placeholders) -> Filled:
    """A template for ``cmd /c`` with its values: only such as need no quoting, ``cmd`` has none that always holds.

    Raises CannotQuote.
    """
    options: list[str] = []
    typed = touched = program = False

    def put(found: re.Match[str]) -> str:
        nonlocal typed, touched, program
        value = places.value(found)
        if value is None:
            return found[0]
        touched = True
        if value.literal:
            return value.text
        if _HARMLESS.fullmatch(value.text) is None:
            raise CannotQuote(
                f"the value of {found[0]} cannot be quoted for cmd; use letters, digits, blanks and . @ + : / \\ - _"
            )
        if value.typed:
            typed = True
            before = template[: found.start()].rstrip(' "@')
            program = program or not before or before[-1] in "&|("
            options.extend(part for part in value.text.split() if part[0] in "-/")
        return (found.groupdict()["slashes"] or "") + value.text

    text = places.pattern.sub(put, template)
    return Filled(text, tuple(options), typed, touched, program)
