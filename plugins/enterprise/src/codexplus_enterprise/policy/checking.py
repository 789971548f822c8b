"""What is wrong with a policy, and what in it does less than it seems to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexplus_core import Core, Problem

from .endpoints import BadEndpoint, entry_of
from .remote import BadRemote, wanted
from .versions import BadRange, Versions


def problems(core: Core, data: bytes, file: Path) -> list[str]:
    """Why the proxy would not serve with this policy; empty where it would. ``core`` is one without a policy."""
    try:
        core.config.impose(data, file)
    except Problem as bad:
        return str(bad).split("; " + str(file)) if str(bad).count(str(file)) > 1 else [str(bad)]
    settings = core.config.user
    found = []
    try:
        wanted(settings)
    except BadRemote as bad:
        found.append(f"{file}: {bad}")
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
    settings = core.config.user
    said = [str(notice) for notice in (*settings.warnings, *settings.ignored)]
    if settings.get("security.modelAllowlist") == []:
        said.append("security.modelAllowlist is empty: no model may be used")
    if settings.get("security.endpointAllowlist") == []:
        said.append("security.endpointAllowlist is empty: nothing may be reached, no upstream either")
    plugins = settings.get("plugins.allowed")
    if isinstance(plugins, list) and not any("enterprise" in entry for entry in plugins):
        said.append(
            "plugins.allowed does not name enterprise: without it the policy is not enforced, nothing is served"
        )
    if settings.get("security.requireSigned") is True and not settings.get("packs.keys"):
        said.append("security.requireSigned is on and packs.keys names no key: no pack can be used")
    return said


def values(core: Core) -> Mapping[str, Any]:
    """The plain values that count, as an object of objects."""
    settings = core.config.user
    return {key: settings.get(key) for key in settings.keys()}  # noqa: SIM118
