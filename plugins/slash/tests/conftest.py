"""The fixtures that several of these tests use."""

from __future__ import annotations

import pytest
from home_and_work import folders, over_both

__all__ = ["folders", "over_both"]


@pytest.fixture(autouse=True)
def disks_may_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read folders to their end: a slow machine would leave some of the files for the next time, and say so."""
    monkeypatch.setattr("codexplus_slash.catalogue.READING_S", 1000.0)
