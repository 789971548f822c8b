"""A home with hooks in it, a project, and a proxy between Codex and a scripted model that works there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexplus_core.services.config import Config
from codexplus_core.testing import CodexClient, Harness
from codexplus_hooks.plugin import HooksPlugin


def own_hooks(folders: Path, hooks: Mapping[str, Any]) -> None:
    """Hooks of the user's: by event a command, or a list of (matcher, command)."""
    made: dict[str, Any] = {}
    for event, given in hooks.items():
        pairs = [("", given)] if isinstance(given, str) else given
        made[event] = [
            {"matcher": matcher, "hooks": [{"type": "command", "command": command}]} for matcher, command in pairs
        ]
    path = folders / "home/.claude/settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"hooks": made}), encoding="utf-8")


def noting(folders: Path, then: str = "") -> str:
    """A command that notes what it was told, and then does something."""
    return f"cat >> {folders / 'told.jsonl'}; {then or 'true'}"


def told(folders: Path) -> list[dict[str, Any]]:
    """What the noting hooks were told, in order."""
    path = folders / "told.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def events(folders: Path) -> list[str]:
    """The names of the events that they were told."""
    return [each["hook_event_name"] for each in told(folders)]


def says(value: Any) -> str:
    """A command that prints JSON."""
    text = json.dumps(value)
    assert "'" not in text
    return f"echo '{text}'"


def hooked_proxy(folders: Path, plugin: HooksPlugin | None = None, *, tui: bool = False, **more: Any) -> Harness:
    """A proxy with the plugin, for a Codex that works in the project; with ``tui`` somebody can answer questions."""
    config, cwd = Config(folders / "home", {}), str(folders / "work")
    proxy = Harness({"hooks": HooksPlugin() if plugin is None else plugin}, config=config, cwd=cwd, **more)
    if tui:
        proxy.codex = CodexClient(proxy.codex.version.name, cwd=cwd, tui=True)
    return proxy


def sent(proxy: Harness, at: int = -1) -> str:
    """A request to the model, as text."""
    return json.dumps(proxy.upstream.turns[at].conversation, ensure_ascii=False)
