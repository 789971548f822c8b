"""A home, a project with command files, and the plugin in a proxy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

from codexplus_core.services.config import Config
from codexplus_core.services.transcripts import Transcripts
from codexplus_core.testing import Harness
from codexplus_slash.plugin import Slash

Transport = Literal["http", "websocket"]

FILES = {
    "home/.claude/commands/fix.md": "---\ndescription: Mine\n---\npersonal fix",
    "home/.claude/commands/notes.md": "Take notes about $ARGUMENTS",
    "home/.claude/commands/help.md": "never reached",
    "project/.claude/commands/fix.md": (
        "---\ndescription: Fix *an* issue\nargument-hint: '[number]'\nallowed-tools: Bash(git status:*)\n---\n"
        "Fix issue $1. State: !`git status --short`\nSee @src/app.py and @../outside.txt\n"
    ),
    "project/.claude/commands/frontend/component.md": "Make $ARGUMENTS",
    "project/src/app.py": "x = 1\n",
    "outside.txt": "secret",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which ``home`` and ``project`` lie."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "project/.git").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("CODEX_PLUS_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def start(place: Path) -> Callable[..., Harness]:
    """Make a proxy with the plugin: ``start(transport, settings)``."""

    def make(
        transport: Transport = "http",
        settings: Mapping[str, Any] | None = None,
        others: Mapping[str, object] | None = None,
    ) -> Harness:
        config = Config(place / "home", dict(settings or {}))
        transcripts = Transcripts(place / "home/.codexplus", config=config)
        plugins = {"slash": Slash(), **(others or {})}
        return Harness(plugins, config=config, transcripts=transcripts, transport=transport, cwd=str(place / "project"))

    return make
