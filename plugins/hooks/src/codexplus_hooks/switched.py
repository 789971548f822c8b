"""Single hooks that the user has switched off: the setting ``disabledHooks``, which no project can set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .hook import Hook

LISTED = "disabledHooks"
"""The key. Each entry begins with the first digits of a hook's digest; what stands behind them is for readers."""

_DIGITS = 12
_WORDS = 60


def line_for(hook: Hook) -> str:
    """The entry for a hook."""
    words = " ".join(hook.command.split())
    return f"{hook.digest[:_DIGITS]} {hook.event}: {words if len(words) <= _WORDS else words[: _WORDS - 1] + '…'}"


def matches_line(hook: Hook, line: str) -> bool:
    """Whether an entry is about this hook; one that changes is another hook, and runs."""
    digits = line.split(None, 1)[0] if line.strip() else ""
    return len(digits) >= _DIGITS and hook.digest.startswith(digits)


def switched_off(settings: Any) -> tuple[str, ...]:
    """The entries that count, out of the settings of a project."""
    return tuple(str(value.value) for value in settings.items(LISTED) if value.origin.trusted)


def is_off(hook: Hook, lines: Iterable[str]) -> bool:
    """Whether the user has switched this hook off; the administrator's cannot be."""
    return hook.scope != "enterprise" and any(matches_line(hook, line) for line in lines)
