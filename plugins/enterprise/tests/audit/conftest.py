"""What tests of the audit log work with: a folder, a key, and a writer that is closed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_log import Log
from metered import Settings


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """A log of one stream."""
    made = Log(tmp_path / "audit")
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home and a policy; state of codex-plus lies in the home."""
    made = Settings(tmp_path)
    monkeypatch.setenv("CODEX_PLUS_HOME", str(made.home / ".codexplus"))
    monkeypatch.setenv("HOME", str(made.home))
    return made
