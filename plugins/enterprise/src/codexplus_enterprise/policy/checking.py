"""What is wrong with a policy, and what in it does less than it seems to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexplus_core import Core, Problem

from ..cost.prices import Prices
from .defaults import DEFAULT_FIX, default_left_out
from .endpoints import BadEndpoint, entry_of
from .models import matches
from .remote import BadRemote, stated, wanted
from .versions import BadRange, Versions

ENFORCER = "enterprise"
"""This plugin's short name."""


def problems(core: Core, data: bytes, file: Path) -> list[str]:
    """Why the proxy would not serve with this policy; empty where it would. ``core`` is one without a policy."""
    try:
        core.config.impose(data, file)
    except Problem as bad:
        # Each with its file, and without the advice that is for the policy's subjects.
        parts = str(bad).removeprefix(str(file)).split(f"; {file}")
        return [f"{file}{part.removesuffix('; ask your administrator')}" for part in parts]
    settings = core.config.administrators
    found = []
    try:
        want = wanted(settings)
        if want is not None and want.barred:
            found.append(f"{file}: {want.barred}")
    except BadRemote as bad:
        found.append(f"{file}: {bad}")
    plugins = settings.value("plugins.allowed")
    if plugins is not None and ENFORCER not in core.about.admitted(plugins.value):
        found.append(
            f"{plugins.origin}: plugins.allowed: does not name {ENFORCER} as it is installed here, and nothing else"
            f" enforces the policy; add {ENFORCER}"
        )
    for item in settings.items("security.endpointAllowlist"):
        try:
            entry_of(item.value)
        except BadEndpoint as bad:
            found.append(f"{item.origin}: security.endpointAllowlist: {item.value!r} {bad}")
    versions = settings.value("codex.versions")
    if versions is not None:
        try:
            Versions(versions.value)
        except BadRange as bad:
            found.append(f"{versions.origin}: codex.versions: {bad}")
    return found


def remarks(core: Core) -> list[str]:
    """What surprises in a policy that is in order, once ``problems`` has taken it."""
    settings = core.config.administrators
    said = [str(notice) for notice in (*settings.warnings, *settings.ignored)]
    if settings.get("security.modelAllowlist") == []:
        said.append("security.modelAllowlist is empty: no model may be used")
    if settings.get("security.endpointAllowlist") == []:
        said.append("security.endpointAllowlist is empty: nothing may be reached, no upstream either")
    if plugins := settings.get("plugins.allowed"):
        admitted = core.about.admitted(plugins)
        left_out = [row.name for row in core.about.plugins() if row.name not in admitted]
        if left_out:
            said.append(f"plugins.allowed leaves out what is installed here: {', '.join(left_out)}")
    said += _models(settings, core) + _budgets(settings)
    if settings.get("security.requireSigned") is True and not settings.get("packs.keys"):
        said.append("security.requireSigned is on and packs.keys names no key: no pack can be used")
    return said


def signature_remarks(file: Path, now: float) -> list[str]:
    """What is signed of a policy that is to be fetched from a URL, where its signature lies beside it."""
    from ..packs.manifest import PackError
    from ..packs.signing import signed

    beside = file.with_name(f"{file.name}.minisig")
    try:
        found = signed(beside.read_bytes())
        said = stated(found.comment)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"{beside}: cannot be read ({error.strerror})"]
    except (PackError, BadRemote, Problem) as bad:
        return [f"{beside}: {bad}"]
    # By which key it should be only the machines know that fetch it.
    words = f"{beside}: {said}, by the key {found.key_id}; whether it fits the file was not looked at"
    return [words, *([f"{beside}: {expired}"] if (expired := said.expired(now)) else [])]


def _models(settings: Any, core: Core) -> list[str]:
    listed = settings.get("security.modelAllowlist") or []
    if not listed:
        return []
    if any(matches(pattern, name) for pattern in listed for name in Prices({}).names()):
        version = core.about.codex_here().version
        left_out = default_left_out(lambda name: any(matches(pattern, name) for pattern in listed), version)
        return [f"security.modelAllowlist {left_out}; {DEFAULT_FIX}"] if left_out else []
    some = f"{', '.join(listed[:3])}{', …' if len(listed) > 3 else ''}"
    return [f"security.modelAllowlist: no model that codex-plus knows is one of {some}; is that how they are spelled?"]


def _budgets(settings: Any) -> list[str]:
    prices = settings.get("prices") or {}
    currency = prices.get("currency", "USD")
    if currency == "USD" or set(prices) - {"currency"}:
        return []
    # The list prices are in US dollars; what has no price cannot be paid from a budget of money.
    return [
        f"{budget.origin}: {budget.key}: is in {currency}, and prices gives no model a price in {currency}:"
        " every model is refused"
        for budget in settings.items("budgets")
        if isinstance(budget.value, dict) and "amount" in budget.value and budget.value.get("hard", True)
    ]


def values(core: Core) -> Mapping[str, Any]:
    """The policy alone as an object of objects, as it is written: what a variable holds here, it does not elsewhere."""
    settings = core.config.administrators
    found = {key: settings.value(key) for key in settings.keys()}  # noqa: SIM118
    return {key: value.written for key, value in found.items() if value is not None}
