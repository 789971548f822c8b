"""The fixtures that several of these tests use."""

from __future__ import annotations

import pytest
from home_and_work import folders as hook_folders
from home_and_work import over_both as hooks_over_both

from codexplus_core.testing.codex_versions import VERSIONS

__all__ = ["hook_folders", "hooks_over_both"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what does not exist: Codex before 0.120 speaks no WebSocket."""
    items[:] = [item for item in items if not _impossible(getattr(item, "callspec", None))]


def _impossible(callspec: object) -> bool:
    params = getattr(callspec, "params", {})
    version = VERSIONS.get(str(params.get("codex")))
    return params.get("hooks_over_both") == "websocket" and version is not None and not version.websocket
