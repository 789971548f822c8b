"""The doctor's look at the user's settings files and the administrator's policy."""

from __future__ import annotations

from pathlib import Path

from ..contributions import CheckResult
from ..loader_allowed import enforcement_lacks
from ..services.config import BadPolicy, Config, Value, policy_place
from ..services.config.cleaning import ONLY_ADMIN
from ..services.rules import rule_notices
from .surroundings import Surroundings


def upstream_in_settings(around: Surroundings) -> Value | None:
    """``upstream.url`` as the settings files have it, None where none says it. Raises BadPolicy."""
    home = Path(around.env.get("HOME") or Path.home())
    return Config(home, env=around.env, policy=policy_place()).user.value("upstream.url")


def settings(around: Surroundings) -> CheckResult:
    """Whether all that the user's settings say counts, and nobody else can write them."""
    home = Path(around.env.get("HOME") or Path.home())
    try:
        config = Config(home, env=around.env, policy=policy_place())
    except BadPolicy as bad:
        before = "a proxy that runs goes by the policy as it was before, and no other starts"
        then = before if around.running else "nothing is served until then"
        return CheckResult("error", str(bad), f"have it corrected (codex-plus policy check FILE); {then}")
    found = config.user
    unsafe = [file for file in found.files if not file.trusted]
    if config.has_policy and (lacks := enforcement_lacks(around.loaded)):
        return CheckResult("error", f"{policy_place().path}: {lacks}", "nothing is served before it is put right")
    # Of one's own files, what only the administrator can say has no effect and looks as if it had.
    idle = [notice for notice in found.ignored if notice.what == ONLY_ADMIN]
    if warnings := [*found.warnings, *rule_notices(found), *idle]:
        lines = "\n".join(str(notice) for notice in warnings)
        return CheckResult("error" if unsafe else "warning", lines, "codex-plus config list")
    count = len(found.files)
    return CheckResult("ok", f"{count} settings file{'' if count == 1 else 's'} read" if count else "no settings files")
