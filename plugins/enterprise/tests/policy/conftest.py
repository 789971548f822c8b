"""A home, a project and an administrator's policy, and the proxy that goes by them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.services.config import Config, PolicyPlace
from codexplus_core.testing import Harness
from codexplus_enterprise import plugin

CHATGPT = "https://chatgpt.com/backend-api/codex"


class Workspace:
    """``policy`` and ``user`` write what they say; ``proxy`` is a harness with the plugin, others before it."""

    def __init__(self, root: Path) -> None:
        self.home, self.project = root / "home", root / "project"
        self.place = PolicyPlace(root / "etc/policy.yaml", owner=os.getuid(), top=root / "etc")
        for folder in (self.home, self.project, self.place.path.parent):
            folder.mkdir(parents=True)

    def policy(self, text: str) -> None:
        """What the administrator says."""
        self.place.path.write_text(text, encoding="utf-8")
        self.place.path.chmod(0o644)

    def user(self, text: str) -> None:
        """What the user says."""
        self._write(self.home / ".codexplus/settings.json", text)

    def of_project(self, text: str) -> None:
        """What the repository says."""
        self._write(self.project / ".codexplus/settings.json", text)

    def config(self, *, upstream: str | None = CHATGPT) -> Config:
        """The configuration, looked at anew each time."""
        env = {"CODEX_PLUS_HOME": str(self.home / ".codexplus")}
        served = {"port": 3000, "upstream": upstream}
        return Config(self.home, env=env, policy=self.place, served=served, every_s=0.0)

    def proxy(self, *before: object, upstream: str | None = CHATGPT, **more: Any) -> Harness:
        """The proxy, the plugin at its end."""
        plugins = {f"before{at}": one for at, one in enumerate(before)}
        given = {**plugins, "enterprise": plugin}
        return Harness(given, config=self.config(upstream=upstream), cwd=str(self.project), **more)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = Workspace(tmp_path)
    monkeypatch.setenv("HOME", str(made.home))
    monkeypatch.setenv("CODEX_PLUS_HOME", str(made.home / ".codexplus"))
    return made
