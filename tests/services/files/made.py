"""A project with a secret in it and one beside it, and rules for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from codexplus_core.services.files import Judge, Opened, open_named
from codexplus_core.services.permissions import Layer, ReadFile, RuleSet, Verdict

CANARY = b"CANARY-7f3a"


class Made:
    """``project`` holds ``src/app.py``, ``ok.txt`` and a secret ``.env``; ``home`` and ``outside`` hold secrets."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.project, self.home, self.outside = root / "project", root / "home", root / "outside"
        for folder in (self.project / "src", self.home / ".ssh", self.outside):
            folder.mkdir(parents=True)
        (self.project / "src/app.py").write_text("print('hello')\n")
        (self.project / "ok.txt").write_text("fine\n")
        (self.project / ".env").write_bytes(CANARY)
        (self.home / ".ssh/id_rsa").write_bytes(CANARY)
        (self.outside / "secret.txt").write_bytes(CANARY)

    def judge(
        self, *, allow: Sequence[str] = (), ask: Sequence[str] = (), deny: Sequence[str] = ("Read(./.env)",)
    ) -> Judge:
        """The user's rules."""
        rules = RuleSet([Layer("settings", True, tuple(allow), tuple(ask), tuple(deny))], home=self.home)
        return self.by(rules.judge)

    def by(self, ask: Callable[[ReadFile], Verdict]) -> Judge:
        """A judge in this project."""
        return lambda written, real: ask(ReadFile(written, real, str(self.project), str(self.project)))

    def open(self, written: str, **options: object) -> Opened:
        """Open by name, with the rules above unless others are given."""
        judge = options.pop("judge", None) or self.judge()
        return open_named(written, project=self.project, home=self.home, judge=judge, **options)  # type: ignore[arg-type]
