"""A home and a project with commands in them, and a proxy between Codex and a scripted model that works there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from codexplus_core.services.config import Config
from codexplus_core.testing import Harness
from codexplus_slash.plugin import Slash

ALLOW = "Allow? (Y)es/(N)o/(A)lways"


def write(path: Path, words: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words, encoding="utf-8")
    return path


def project_command(folders: Path, name: str, words: str) -> Path:
    return write(folders / f"work/.codexplus/commands/{name}.md", words)


def own_command(folders: Path, name: str, words: str) -> Path:
    return write(folders / f"home/.codexplus/commands/{name}.md", words)


def proxy_in(folders: Path, *, settings: dict[str, Any] | None = None, **more: Any) -> Harness:
    config = Config(folders / "home", settings or {})
    return Harness({"slash": Slash()}, config=config, cwd=str(folders / "work"), **more)


def user_items(proxy: Harness, at: int = -1) -> list[Any]:
    """The user's messages as they went up, each as the list of its texts."""
    body: Any = proxy.upstream.turns[at].body
    return [
        [part.get("text", part["type"]) for part in item["content"]]
        for item in body["input"]
        if item.get("role") == "user"
    ]


def prompt_at(proxy: Harness, at: int = -1) -> list[str]:
    """The newest message of the user's."""
    found: list[str] = user_items(proxy, at)[-1]
    return found


def whole(proxy: Harness) -> str:
    """All that the model was sent."""
    return json.dumps([turn.body for turn in proxy.upstream.turns], ensure_ascii=False)
