"""Settings to be shown: every value with its origin, without secrets, and what does not count."""

from __future__ import annotations

import functools
import re
from typing import Any

from ..redact import Redactor
from .origin import Notice, Origin, Value
from .schema import DENY, Schema
from .settings import Settings
from .steps import names

_SECRET = re.compile(
    r"(?i)token|secret|passw|passphrase|api_?key|apikey|_key$|auth|cookie|credential|bearer|private|_pat$"
)
HIDDEN = "…"
"""In the place of a value that its key calls a secret."""


def listing(settings: Settings) -> dict[str, Any]:
    """Everything that counts, and what does not, as JSON has it; ``codex-plus config list --json`` prints this."""
    # What a rule is, is known a layer above; only whoever shows settings wants to know.
    from ..reviewed import ignored_here
    from ..rules import rule_notices

    return {
        "project": None if settings.project is None else str(settings.project),
        "files": [
            {"path": str(file.path), "layer": file.layer, "state": file.state, "trusted": file.trusted}
            for file in settings.files
        ],
        # Its rules stand in permissions.deny as well, which is where they count.
        "settings": [value_row(value) for value in settings.list() if value.key != DENY[1]],
        "ignored": [notice_row(notice) for notice in ignored_here(settings)],
        "warnings": [notice_row(notice) for notice in (*settings.warnings, *rule_notices(settings))],
        "remarks": [notice_row(notice) for notice in settings.remarks],
    }


def asks_first(value: Value) -> bool:
    """Whether the value is a repository's and has no effect before the user was asked."""
    if value.origin.trusted:
        return False
    path = names(value.key)
    # A name with a dot in it reads like several, of which only the first are known.
    known = (_schema().find(path[:end]) for end in range(len(path), 0, -1))
    key = next((each for each in known if each is not None), None)
    return key is not None and key.project == "asks"


def value_row(value: Value) -> dict[str, Any]:
    """One value."""
    row: dict[str, Any] = {"key": value.key, "value": masked(value.key, value.written), **origin_row(value.origin)}
    if asks_first(value):
        row["asks"] = True
    if value.reads:
        row["reads"] = list(value.reads)
    if value.overrides:
        row["overrides"] = [value_row(other) for other in value.overrides]
    if value.parts:
        row["parts"] = [value_row(part) for part in value.parts]
    return row


def origin_row(origin: Origin) -> dict[str, Any]:
    """Where something stands."""
    file = None if origin.file is None else str(origin.file)
    return {"layer": origin.layer, "file": file, "line": origin.line, "trusted": origin.trusted}


def notice_row(notice: Notice) -> dict[str, Any]:
    """One notice."""
    return {"key": notice.key, "text": notice.what, "fix": notice.todo, **origin_row(notice.origin)}


def masked(key: str, value: Any) -> Any:
    """``value`` without what is secret by the name of its key, or by its own looks."""
    if isinstance(value, str):
        return HIDDEN if _SECRET.search(re.split(r"[.\[]", key)[-1]) else _redactor().text(value)
    if isinstance(value, dict):
        return {name: masked(str(name).replace(".", "_"), item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(key, item) for item in value]
    return value


@functools.cache
def _schema() -> Schema:
    return Schema()


@functools.cache
def _redactor() -> Redactor:
    return Redactor()
