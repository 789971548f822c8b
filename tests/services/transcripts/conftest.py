"""What tests of transcripts begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from services.transcripts.kept_files import Kept


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Transcripts in a home of their own, closed at the end."""
    kept = Kept(tmp_path / "home")
    yield kept
    kept.transcripts.close()
