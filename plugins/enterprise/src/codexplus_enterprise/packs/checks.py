"""What the doctor says of signed packs."""

from __future__ import annotations

from codexplus_core import Check, CheckResult, open_core

from .contents import unused_kinds
from .provider import Packs


def checks() -> list[Check]:
    """The checks of ``codex-plus doctor``."""
    return [Check("signed packs", _packs)]


def _packs() -> CheckResult:
    with open_core() as core:
        packs = Packs(core)
        rows, required = packs.rows(), core.packs.required(None)
        unused = unused_kinds(rows, core)
    used = [row.found.manifest.title for row in rows if row.found is not None]
    refused = [row.problem for row in rows if row.problem]
    only = "; nothing else is used (security.requireSigned)" if required else ""
    if refused:
        fix = "get them again from their publisher and install them, or: codex-plus pack remove NAME"
        return CheckResult("error", "\n".join(refused), fix)
    if unused:
        return CheckResult("warning", "\n".join(unused), "install what uses them beside codex-plus")
    if not used and required:
        words = "only signed packs are used (security.requireSigned), and none is installed"
        return CheckResult("warning", words, "codex-plus pack install DIR")
    return CheckResult("ok", f"verified: {', '.join(used)}{only}" if used else "none is installed")
