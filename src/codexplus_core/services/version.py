"""The version of codex-plus, as installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """``"0.1.0"`` and the like; ``"unknown"`` when run from a tree that is not installed."""
    try:
        return version("codex-plus")
    except PackageNotFoundError:
        return "unknown"
