"""What the doctor says of the audit log."""

from __future__ import annotations

import os
from typing import Literal

from codexplus_core import Check, CheckResult, Problem


def checks() -> list[Check]:
    """The checks of ``codex-plus doctor``."""
    return [Check("audit log", _look)]


def _look() -> CheckResult:
    from codexplus_core import open_core

    from .keys import read_key
    from .settings import audit_settings

    with open_core() as core:
        settings = audit_settings(core.config.user)
    if not settings.on:
        return CheckResult("ok", "off; audit.enabled in your settings begins one")
    folder = settings.directory
    status: Literal["error", "warning"] = "error" if settings.required else "warning"
    # The proxy makes what is missing, where it may.
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        what = f"{folder} cannot be written" if there == folder else f"{folder} cannot be made in {there}"
        fix = "make it writable for you, or have audit.directory changed"
        return CheckResult(status, f"{what}{'; nothing is served without' if settings.required else ''}", fix)
    if there != folder:
        return CheckResult("ok", f"{folder}, which is made when the proxy starts")
    try:
        if settings.key_path.exists() or settings.key_file is not None:
            read_key(settings.key_path)
    except Problem as problem:
        return CheckResult(status, str(problem), "see docs/enterprise/audit.md")
    whose = "your administrator's" if settings.managed else "your own"
    return CheckResult("ok", f"{folder}, by {whose} settings")
