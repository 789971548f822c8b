"""What the doctor says of servers that are refused because nobody vouches for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codexplus_core import Check, CheckResult, Problem, open_core

from .settings import Servers
from .shown import one_line
from .signed import signed_of

_SHOWN = 20


def checks() -> list[Check]:
    """The checks of ``codex-plus doctor``: none where unsigned servers may be used."""
    try:
        with open_core() as core:
            signed = signed_of(core, Path.cwd())
            found = Servers(core).of(Path.cwd())
    except Problem:
        return []  # a policy that cannot be relied on is told by a check of its own
    if not signed.everything and not signed.projects:
        return []
    refused = [f"{one_line(one.name)}: {one_line(one.origin, 400)}" for one in found if one.standing == "unsigned"]
    return [Check("unsigned mcp servers", lambda: _told(refused))]


def _told(places: Sequence[str]) -> CheckResult:
    if not places:
        return CheckResult("ok", "there are none; only servers of signed packs are used (security.requireSigned)")
    more = [f"and {len(places) - _SHOWN} more"] if len(places) > _SHOWN else []
    words = [f"{len(places)} are not used, because they come from no signed pack:", *places[:_SHOWN], *more]
    return CheckResult("warning", "\n".join(words), "ask for them in a pack, or have security.requireSigned changed")
