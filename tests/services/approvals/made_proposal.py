"""A proposal to change one thing of, and a clock that stands still until told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from codexplus_core import Proposal

PRETTIER = ("prettier", "/usr/bin/prettier", "a" * 64)


def proposal(**changed: Any) -> Proposal:
    """What a hook of a project asks for, with some of it changed."""
    asked = Proposal(
        kind="run",
        scope="project",
        title="hook PostToolUse[0]",
        source=".claude/settings.json",
        source_digest="f" * 64,
        project=Path("/home/user/project"),
        text="prettier --write src/a.ts",
        argvs=(("prettier", "--write", "src/a.ts"),),
        programs=(PRETTIER,),
        permissions=("run:prettier", "read_repo"),
        writes=(".prettier.log",),
        env_names=("NODE_ENV",),
        env=(("DEBUG", "1"),),
        timeout=5,
    )
    return replace(asked, **changed)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Reports:
    """What was reported."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def __call__(self, event: str, fields: dict[str, Any]) -> None:
        self.events.append(event)
