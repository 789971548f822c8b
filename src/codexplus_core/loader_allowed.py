"""Which plugins the administrator lets load, and what is to be done where none of them enforces the policy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .loader import Plugin, Plugins

ENFORCER = "codex-plus-enterprise"
"""The distribution that a message names where nobody enforces a policy; any other that does so will do."""


def is_allowed(plugin: Plugin, allowed: Sequence[str]) -> bool:
    """Whether an entry names the plugin: by its short name or its distribution, ``==VERSION`` behind it if need be."""
    names = {plugin.name, _normal(plugin.distribution)} - {""}
    for entry in allowed:
        name, given, version = entry.partition("==")
        if (name.strip() in names or _normal(name.strip()) in names) and version.strip() in (plugin.version, given):
            return True
    return False


def enforcement_lacks(plugins: Plugins) -> str:
    """Why no plugin enforces a policy and what to do about it, as the end of a sentence; ``""`` where one does."""
    if any(plugin.enforces_policy for plugin in plugins.loaded):
        return ""
    if any(_is_enforcer(plugin) for plugin in plugins.plugins if plugin.forbidden):
        why = f"{ENFORCER} is installed, and plugins.allowed does not name it; add enterprise there"
        return f"no plugin that enforces it may be loaded: {why}"
    broken = next((plugin for plugin in plugins.plugins if _is_enforcer(plugin) and plugin.error), None)
    if broken is not None:
        return f"no plugin that enforces it works: {broken.error}"
    if any(_is_enforcer(plugin) for plugin in plugins.not_selected):
        return f"no plugin that enforces it is loaded: {ENFORCER} is installed; add enterprise to --plugins"
    return f"no plugin that enforces it; install {ENFORCER}"


def _is_enforcer(plugin: Plugin) -> bool:
    return _normal(plugin.distribution) == ENFORCER


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
