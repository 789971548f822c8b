"""What tests of the door begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.files.made import Made

from codexplus_core.services.files import reaching


@pytest.fixture(params=["by the kernel", "part by part"])
def made(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Every case on both ways: the kernel's, and the one for systems whose kernel has none."""
    if request.param == "part by part":
        monkeypatch.setattr(reaching, "_by_kernel", lambda: False)
    elif not reaching._by_kernel():
        pytest.skip("no openat2 here")
    return Made(tmp_path.resolve())
