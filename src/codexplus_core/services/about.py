"""What codex-plus can say of itself: ``core.about``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..loader import Plugins
from .codex import Verdict, verdict
from .version import own_version


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One plugin: ``problem`` says why it does not work (``""`` if it does), ``warnings`` what is wrong besides."""

    name: str
    order: int
    distribution: str
    version: str
    problem: str
    warnings: tuple[str, ...]


class About:
    """The version, the plugins, the proxy's health, and what is known of a version of Codex."""

    def __init__(self, plugins: Plugins, health: Callable[[], dict[str, Any]] = dict) -> None:
        self._plugins = plugins
        self._health = health

    @property
    def version(self) -> str:
        """The version of codex-plus."""
        return own_version()

    @property
    def health(self) -> dict[str, Any]:
        """What ``/_codexplus/health`` says now; empty where no proxy runs in this process."""
        return self._health()

    def plugins(self) -> tuple[PluginRow, ...]:
        """The plugins that were asked for, in their order, broken ones included."""
        return tuple(
            PluginRow(found.name, found.order, found.distribution, found.version, found.error or "", (*found.warnings,))
            for found in self._plugins.plugins
        )

    def codex(self, version: str) -> Verdict:
        """Whether a version of Codex works with codex-plus: ``status`` ("ok", "warning", "error") and ``text``."""
        return verdict(version)
