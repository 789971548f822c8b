"""What tests of the command line begin with."""

from __future__ import annotations

import json
import os

import pytest
from cli import stand_ins


@pytest.fixture
def codex_home(private_home, tmp_path, monkeypatch):
    """A home with Codex 0.169, logged in by API key, with a configuration."""
    directory = private_home / ".codex"
    directory.mkdir()
    (directory / "auth.json").write_text(json.dumps({"auth_mode": "apikey", "OPENAI_API_KEY": stand_ins.SECRET}))
    (directory / "config.toml").write_text('# mine\nmodel = "x"\n')
    stand_ins.codex(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    # No service manager of the person who tests is ever spoken to.
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    (tmp_path / "systemctl").chmod(0o755)
    return directory
