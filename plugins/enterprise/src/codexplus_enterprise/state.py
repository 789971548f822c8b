"""Where codex-plus keeps what is its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_folder(env: Mapping[str, str] | None = None) -> Path:
    """``$CODEX_PLUS_HOME``, else ``~/.codexplus``; ``env`` is the environment, by default this process's."""
    found = os.environ if env is None else env
    named = found.get("CODEX_PLUS_HOME")
    return (Path(named).expanduser() if named else Path(found.get("HOME") or Path.home()) / ".codexplus").absolute()
