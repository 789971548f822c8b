"""The administrator's list of plugins that may be loaded: ``plugins.allowed``."""

from __future__ import annotations

import os
from typing import Any

from ..loader import Plugins
from ..loader_allowed import is_allowed
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


class ForbiddenSince:
    """Tells the log which loaded plugins the policy has come to forbid: it counts when the proxy starts the next time.

    Taking a plugin's code out of a process that serves is no thing that Python can do, and half of it would be none.
    """

    def __init__(self, plugins: Plugins, config: Config, log: Any) -> None:
        self._plugins = plugins
        self._config = config
        self._log = log
        self._told: set[str] = set()

    def look(self) -> None:
        """Log each such plugin once, and again when it was allowed in between."""
        allowed = plugins_allowed(self._config.user)
        now = set()
        if allowed is not None:
            now = {plugin.name for plugin in self._plugins.loaded if not is_allowed(plugin, allowed)}
        for name in sorted(now - self._told):
            reason = "plugins.allowed does not name it any more; it takes effect at the next start: codex-plus stop"
            self._log.error("plugin_not_allowed", plugin=name, reason=reason)
        self._told = now
