"""The model that Codex takes where its user chooses none."""

from __future__ import annotations

from collections.abc import Callable

_DEFAULTS = {"0.169": "gpt-6.1-sol"}
"""By the first two numbers of a version. Source: recorded requests of Codex 0.169.0 without ``-m`` and a cached list;
a list of models that the backend sends may name another."""
DEFAULT_FIX = "have it listed, or let everybody choose a listed one: model = … in Codex's config.toml, or -m"
"""What to do about a default that is left out."""


def default_of(version: str) -> str:
    """The default model of a version of Codex, ``""`` where it is not known."""
    return _DEFAULTS.get(".".join(version.split(".")[:2]), "")


def default_left_out(allows: Callable[[str], bool], version: str) -> str:
    """That a list leaves out the default of the installed Codex, ``version`` of it; ``""`` where it does not.

    Where that default is not known, none of those that are may be missing.
    """
    known = default_of(version)
    missing = [each for each in ([known] if known else _DEFAULTS.values()) if not allows(each)]
    if not missing:
        return ""
    what = f"Codex {version}'s default, {known}" if known else f"what may be Codex's default ({', '.join(missing)})"
    return f"leaves out {what}: every request of whoever chooses no other model is refused"
