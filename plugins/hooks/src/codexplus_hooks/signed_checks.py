"""What the doctor says of hooks that are refused because nobody vouches for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codexplus_core import Check, CheckResult, Problem, open_core

from .settings import Hooks

_SHOWN = 20


def checks() -> list[Check]:
    """The checks of ``codex-plus doctor``: none where unsigned hooks may run."""
    try:
        with open_core() as core:
            found = Hooks(core).of(Path.cwd())
    except Problem:
        return []  # a policy that cannot be relied on is told by a check of its own
    if not found.signed.everything and not found.signed.projects:
        return []
    refused = [f"{hook.origin}: {hook.place}" for hook in found.hooks if found.signed.refuses(hook)]
    return [Check("unsigned hooks", lambda: _told(refused))]


def _told(places: Sequence[str]) -> CheckResult:
    if not places:
        return CheckResult("ok", "there are none; only hooks of signed packs run (security.requireSigned)")
    more = [f"and {len(places) - _SHOWN} more"] if len(places) > _SHOWN else []
    words = [f"{len(places)} do not run, because they come from no signed pack:", *places[:_SHOWN], *more]
    return CheckResult("warning", "\n".join(words), "ask for them in a pack, or have security.requireSigned changed")
