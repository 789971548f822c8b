"""What each plugin keeps with an object of the core, apart from all others."""

from __future__ import annotations

from typing import Any


class PluginStates:
    """One dict per plugin, made on first use."""

    __slots__ = ("_by_plugin",)

    def __init__(self) -> None:
        self._by_plugin: dict[str, dict[str, Any]] = {}

    def of(self, plugin: str) -> dict[str, Any]:
        """The plugin's own dict."""
        return self._by_plugin.setdefault(plugin, {})
