"""What the doctor says of the policy."""

from __future__ import annotations

import os
import time

from codexplus_core import Check, CheckResult, Problem, open_core

from . import kept as keeping
from .remote import BadRemote, serial_of, wanted


def checks() -> list[Check]:
    """The checks of ``codex-plus doctor``."""
    return [Check("policy", _policy)]


def _policy() -> CheckResult:
    try:
        with open_core() as core:
            if not core.config.has_policy:
                return CheckResult("ok", "no administrator's policy on this machine")
            want = wanted(core.config.user)
    except (Problem, BadRemote) as bad:
        return CheckResult("error", str(bad), "ask your administrator; nothing is served before it is put right")
    if want is None:
        return CheckResult("ok", "an administrator's policy is in force")
    found = keeping.read(keeping.place(os.environ))
    if found is None or found.url != want.url:
        return CheckResult(
            "warning", f"the policy of {want.url} was not fetched yet", "start the proxy: codex-plus run"
        )
    try:
        serial = serial_of(want.key, found.data, found.signature)
    except BadRemote as bad:
        return CheckResult("error", f"the kept policy of {want.url}: {bad}", "ask your administrator")
    hours = max(0.0, time.time() - found.fetched) / 3600
    said = f"the policy of {want.url}, serial {serial}, was verified {hours:.1f} hours ago"
    if hours * 3600 > want.max_age_s:
        return CheckResult("error", said, "nothing is served before it can be fetched again; look at the network")
    return CheckResult("ok", said)
