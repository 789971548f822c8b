"""What the doctor says of commands: those that are refused because nobody vouches for them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from codexplus_core import Check, CheckResult, Problem, open_core

from .catalogue import Catalogue
from .signed import signed_of
from .surroundings import user_folders

_SHOWN = 20


def checks() -> list[Check]:
    """The checks of ``codex-plus doctor``: none where unsigned commands may be used."""
    try:
        with open_core() as core:
            signed = signed_of(core, Path.cwd())
    except Problem:
        return []  # a policy that cannot be relied on is told by a check of its own
    if not signed.everything and not signed.projects:
        return []
    home = Path(os.environ.get("HOME") or Path.home())
    view = Catalogue(home, folders=user_folders(os.environ)).of(Path.cwd(), strict=False, signed=signed)
    return [Check("unsigned commands", lambda: _told([str(source.path) for source in view.refused]))]


def _told(paths: Sequence[str]) -> CheckResult:
    if not paths:
        return CheckResult("ok", "there are none; only commands of signed packs are used (security.requireSigned)")
    more = [f"and {len(paths) - _SHOWN} more"] if len(paths) > _SHOWN else []
    words = [f"{len(paths)} not used, because they come from no signed pack:", *paths[:_SHOWN], *more]
    return CheckResult("warning", "\n".join(words), "ask for them in a pack, or have security.requireSigned changed")
