"""A home and a project in a temporary directory, and tests that run over both transports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexplus_core.testing import Harness


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with ``home``, the user's, and ``work``, the project."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("CODEX_PLUS_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(params=["http", "websocket"])
def over_both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test once for each transport."""
    defaults: Any = Harness.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "transport", request.param)
    return str(request.param)
