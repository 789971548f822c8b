"""The doctor's look at the user's settings files and the administrator's policy."""

from __future__ import annotations

from pathlib import Path

from ..contributions import CheckResult
from ..services.config import BadPolicy, Config, Value, policy_place
from ..services.rules import rule_notices
from .surroundings import Surroundings


def upstream_in_settings(around: Surroundings) -> Value | None:
    """``upstream.url`` as the settings files have it, None where none says it or the policy is a bad one."""
    home = Path(around.env.get("HOME") or Path.home())
    try:
        return Config(home, env=around.env, policy=policy_place()).user.value("upstream.url")
    except BadPolicy:
        return None


def settings(around: Surroundings) -> CheckResult:
    """Whether all that the user's settings say counts, and nobody else can write them."""
    home = Path(around.env.get("HOME") or Path.home())
    try:
        config = Config(home, env=around.env, policy=policy_place())
    except BadPolicy as bad:
        return CheckResult("error", str(bad), "nothing is served before it is put right")
    found = config.user
    unsafe = [file for file in found.files if not file.trusted]
    if config.has_policy and not any(plugin.enforces_policy for plugin in getattr(around.loaded, "loaded", ())):
        return CheckResult(
            "error", f"{policy_place().path}: no plugin enforces this policy", "install codex-plus-enterprise"
        )
    if warnings := [*found.warnings, *rule_notices(found)]:
        lines = "\n".join(str(notice) for notice in warnings)
        return CheckResult("error" if unsafe else "warning", lines, "codex-plus config list")
    count = len(found.files)
    return CheckResult("ok", f"{count} settings file{'' if count == 1 else 's'} read" if count else "no settings files")
