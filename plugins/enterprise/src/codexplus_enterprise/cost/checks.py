"""What the doctor looks at: whether the account can be written, and whether budgets can be held."""

from __future__ import annotations

from pathlib import Path

from codexplus_core import Check, CheckResult, open_core

from .plan import plan_of
from .prices import CHECKED
from .store import Unusable, UsageStore
from .usage import state_file


def checks() -> list[Check]:
    """The checks of this part."""
    return [Check("usage", look)]


def look() -> CheckResult:
    """The account of usage and the budgets."""
    with open_core() as core:
        plan = plan_of(core.config.user, Path.home())
    if not plan.on:
        return CheckResult("ok", "usage is not counted (usage.enabled is false)")
    path = state_file()
    store = UsageStore(path)
    try:
        store.windows() if store.exists else None
    except Unusable as error:
        return CheckResult("error", f"what is used cannot be kept: {error}", f"make {path} readable, or move it away")
    finally:
        store.close()
    held = f"{len(plan.budgets)} budgets" if len(plan.budgets) != 1 else "1 budget"
    return CheckResult("ok", f"usage is counted in {path}; {held}; list prices of {CHECKED}")
