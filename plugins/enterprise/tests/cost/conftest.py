"""The fixtures of these tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from metered import Clock, Settings


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path)
