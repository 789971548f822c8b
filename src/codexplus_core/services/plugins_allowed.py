"""The administrator's list of plugins that may be loaded: ``plugins.allowed``."""

from __future__ import annotations

import os

from .config import BadPolicy, Config, Settings, policy_place


def plugins_allowed(settings: Settings) -> tuple[str, ...] | None:
    """The plugins that the administrator lets load, None where the policy names none."""
    entries = settings.get("plugins.allowed")
    return tuple(entries) if isinstance(entries, list) else None


def plugins_allowed_here() -> tuple[str, ...] | None:
    """The same for a command, by the policy of this machine alone; no settings file of the user is read.

    A policy that cannot be relied on forbids nothing here: nothing is served with it, and commands are what it is put
    right with.
    """
    place = policy_place()
    if not os.path.lexists(place.path):
        return None
    try:
        return plugins_allowed(Config(None, policy=place).user)
    except BadPolicy:
        return None
