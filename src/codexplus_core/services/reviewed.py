"""The rules of a project that allow something: whether the user has read them and said yes, as they are now."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from .approvals.proposal import Proposal
from .config import Notice, Settings
from .paths import state_dir

EVERY_S = 0.5
"""Seconds for which an answer counts: a withdrawal in another process holds that much later at most."""

REMEMBERED = 64
"""Projects whose answers are remembered."""


def rules_asked_for(settings: Settings) -> Proposal | None:
    """The yes that a project's ``permissions.allow`` needs, None where it has none; any change of them is another."""
    project = settings.project
    if project is None:
        return None
    lines = []
    for item in settings.withheld:
        file = item.origin.file
        place = file.relative_to(project) if file is not None and file.is_relative_to(project) else file
        lines.append(f"{place}: {item.value}")
    if not lines:
        return None
    return Proposal(
        "rules",
        "project",
        "permissions.allow of the project",
        source=", ".join(dict.fromkeys(line.partition(": ")[0] for line in lines)),
        project=project,
        text="\n".join(lines),
        notes=("what these rules name then needs no question in this project, as if they were your own",),
    )


class ReviewedRules:
    """Knows which projects' ``permissions.allow`` counts. May be asked in any thread.

    ``home`` is where approvals lie; without one nothing was ever allowed.
    """

    def __init__(self, home: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._clock = clock
        self._known: dict[Proposal, tuple[float, bool]] = {}

    def count(self, settings: Settings) -> bool:
        """Whether the user has said yes to these very rules of the project."""
        asked = None if self._home is None else rules_asked_for(settings)
        if asked is None:
            return False
        now = self._clock()
        looked, allowed = self._known.get(asked, (now - EVERY_S, False))
        if now - looked >= EVERY_S:
            allowed = self._allowed(asked)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[asked] = (now, allowed)
        return allowed

    def _allowed(self, asked: Proposal) -> bool:
        from .approvals.service import Approvals

        # A connection of its own: the proxy's belongs to the loop, and rules are asked about in threads, too.
        approvals = Approvals(self._home)
        try:
            return approvals.allowed([asked])
        finally:
            approvals.close()


def ignored_here(settings: Settings) -> list[Notice]:
    """What of the settings is ignored for the user of this process: rules of a project that he reviewed are not."""
    reviewed = ReviewedRules(state_dir(os.environ)).count(settings)
    return [each for each in settings.ignored if not (reviewed and each.key == "permissions.allow")]
