"""A home, a project and a policy in a temporary directory, and the configuration that is read from them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from codexplus_core.services.config import Config, PolicyPlace, Settings


class World:
    """``home`` and ``project`` are empty folders; ``write`` fills them, ``settings`` reads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.project = root / "project"
        self.policy = root / "etc" / "policy.yaml"
        self.now = 0.0
        for folder in (self.home, self.project, self.policy.parent):
            folder.mkdir(parents=True)

    def write(self, place: str, content: Any) -> Path:
        """Write ``home/…``, ``project/…`` or ``etc/…``; anything but a text or bytes as JSON."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def config(self, command_line: Any = None, *, every_s: float = 0.0, env: dict[str, str] | None = None) -> Config:
        """A configuration of this world."""
        owner = os.getuid() if hasattr(os, "getuid") else 0
        return Config(
            self.home,
            command_line,
            env=env,
            policy=PolicyPlace(self.policy, owner=owner, top=self.policy.parent),
            clock=lambda: self.now,
            every_s=every_s,
        )

    def settings(self, command_line: Any = None, **env: str) -> Settings:
        """What counts in the project."""
        return self.config(command_line, env=env).for_project(self.project)


def said(notices: Any) -> str:
    """The texts of notices, one a line."""
    return "\n".join(str(notice) for notice in notices)
