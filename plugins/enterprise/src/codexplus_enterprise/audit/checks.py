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
    if not folder.exists():
        return CheckResult("ok", f"{folder}, which is made when the proxy starts")
    status: Literal["error", "warning"] = "error" if settings.required else "warning"
    if not os.access(folder, os.W_OK):
        fix = "make it writable for you, or have audit.directory changed"
        return CheckResult(status, f"{folder} cannot be written", fix)
    try:
        if settings.key_path.exists() or settings.key_file is not None:
            read_key(settings.key_path)
    except Problem as problem:
        return CheckResult(status, str(problem), "see docs/enterprise/audit.md")
    whose = "your administrator's" if settings.managed else "your own"
    return CheckResult("ok", f"{folder}, by {whose} settings")
