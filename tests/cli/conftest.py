"""What tests of the command line begin with."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest
from cli import stand_ins

from codexplus_core.cli.surroundings import Surroundings
from codexplus_core.services.codex import Codex

NO_PLUGINS = SimpleNamespace(plugins=(), call_sync=lambda hook: [])


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


@pytest.fixture
def around(private_home):
    """Surroundings with Codex 0.169 and a free choice of everything else."""

    def make(version="0.169.0", config=None, port=None, loaded=NO_PLUGINS, **env) -> Surroundings:
        (private_home / ".codex").mkdir(exist_ok=True)
        if config is not None:
            (private_home / ".codex" / "config.toml").write_text(config)
        found = Surroundings({"HOME": str(private_home), **env}, port, None, loaded, [])
        found.__dict__["codex"] = Codex(private_home / "codex", version)
        return found

    return make
