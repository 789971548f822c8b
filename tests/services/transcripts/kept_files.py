"""Transcripts in a home of their own, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from codexplus_core.services.config import Config
from codexplus_core.services.transcripts import Transcripts


class Kept:
    """Transcripts in a home of their own, and what they report."""

    def __init__(self, home: Path, config: Config | None = None) -> None:
        self.home = home
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.now = 1_700_000_000.0
        self.config = config or Config(None)
        self.transcripts = self.again()

    def again(self) -> Transcripts:
        """As a new process has them."""
        report = lambda event, fields: self.events.append((event, fields))  # noqa: E731
        return Transcripts(self.home, config=self.config, report=report, clock=lambda: self.now)

    def lines(self, stem: str = "s-1") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.home / f"sessions/{stem}.jsonl").read_bytes().splitlines()]
