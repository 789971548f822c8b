"""What the doctor says of the policy, and of whoever it lets nothing do."""

from __future__ import annotations

import os
import time

from codexplus_core import Check, CheckResult, Core, open_core

from . import kept as keeping
from .defaults import DEFAULT_FIX, default_left_out
from .policy import API, CHATGPT, remedy_of
from .remote import BadRemote, as_kept, verified, wanted
from .rules import Rules


def checks() -> list[Check]:
    """The checks of ``codex-plus doctor``."""
    return [Check("policy", _policy), Check("allowlists", _allowlists)]


def _policy() -> CheckResult:
    try:
        with open_core() as core:
            if not core.config.has_policy:
                return CheckResult("ok", "no administrator's policy on this machine")
            want = wanted(core.config.user)
    except BadRemote as bad:
        return CheckResult("error", str(bad), _MEANWHILE)
    if want is None:
        return CheckResult("ok", "an administrator's policy is in force")
    if want.barred:
        return CheckResult("error", want.barred, _MEANWHILE)
    found = keeping.read(keeping.place(os.environ))
    if found is None or found.url != want.url:
        fix = "start the proxy, which fetches it: codex-plus run"
        return CheckResult("warning", f"the policy of {want.url} was not fetched yet; nothing is served without", fix)
    try:
        said = verified(want.key, found.data, found.signature)
    except BadRemote as bad:
        return CheckResult("error", f"the kept policy of {want.url}: {bad}", "ask your administrator for a signed one")
    now = time.time()
    hours = max(0.0, now - found.fetched) / 3600
    words = f"the policy of {want.url}, {said}, was verified {hours:.1f} hours ago"
    if expired := said.expired(now):
        return CheckResult("error", f"{words}; {expired}", "ask your administrator for a newer one")
    if hours * 3600 > want.max_age_s:
        fix = "nothing is served before it can be fetched again; look at the network and at HTTPS_PROXY"
        return CheckResult("error", f"{words}, and counts for {want.max_age_s / 3600:g} hours", fix)
    return CheckResult("ok", words)


_MEANWHILE = "correct it: codex-plus policy check FILE; a proxy that runs goes by the one before, and no other starts"


def _allowlists() -> CheckResult:
    """Whether the lists let Codex do anything at all here: the installed one, by its login."""
    with open_core() as core:
        # By what is kept: a doctor fetches nothing that counts afterwards.
        if as_kept(core.config, keeping.place(os.environ)).problem:
            return CheckResult("warning", "unknown, because of the policy of policy.url", "see above")
        rules = Rules(core.config.user)
        refused = _refused(core, rules)
        left_out = (
            "" if rules.models is None else default_left_out(rules.models.allows, core.about.codex_here().version)
        )
    if refused:
        return CheckResult("error", "\n".join(refused), "have the list corrected, or use what it allows")
    if left_out:
        return CheckResult("warning", f"security.modelAllowlist {left_out}", DEFAULT_FIX)
    return CheckResult("ok", "what Codex needs here is allowed")


def _refused(core: Core, rules: Rules) -> list[str]:
    if rules.endpoints is None and rules.versions is None:
        return []
    here = core.about.codex_here()
    found = []
    if rules.endpoints is not None:
        own = core.config.user.get("upstream.url")
        # Without a login either may be meant, as for a proxy that starts.
        by_login = {"chatgpt": (CHATGPT,), "api key": (API,)}.get(here.login, (CHATGPT, API))
        remedy = remedy_of(core.config.user)
        denied = [rules.endpoints.problem(url, remedy=remedy) for url in ((own,) if own else by_login)]
        found += [f"every request is refused: {denied[0]}"] if all(denied) else []
    if rules.versions is not None and here.version and not rules.versions.allows(here.version):
        found.append(f"every request of the installed Codex is refused: {rules.versions.refusal(here.version)}")
    return found
