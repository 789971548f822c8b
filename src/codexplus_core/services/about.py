"""What codex-plus can say of itself: ``core.about``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..loader import Plugins
from ..loader_allowed import is_allowed
from .codex import Verdict, detect, login, verdict
from .paths import codex_home
from .version import own_version


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One plugin: ``problem`` says why it does not work (``""`` if it does), ``warnings`` what is wrong besides.

    ``forbidden`` says that the administrator's policy does not let it load; its order is not known then (None).
    """

    name: str
    order: int | None
    distribution: str
    version: str
    problem: str
    warnings: tuple[str, ...]
    forbidden: bool = False


@dataclass(frozen=True, slots=True)
class CodexHere:
    """Codex on this machine: ``version`` is ``""`` where none is found, ``login`` "chatgpt", "api key", "none" or
    "unreadable".
    """

    version: str
    login: str


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
            PluginRow(
                found.name,
                None if found.forbidden else found.order,
                found.distribution,
                found.version,
                found.error or "",
                (*found.warnings,),
                found.forbidden,
            )
            for found in self._plugins.plugins
        )

    def admitted(self, entries: Sequence[str]) -> tuple[str, ...]:
        """The names of those plugins that a list such as ``plugins.allowed`` lets load."""
        return tuple(found.name for found in self._plugins.plugins if is_allowed(found, entries))

    def codex_here(self) -> CodexHere:
        """The Codex that is installed for this user and its login. Runs it to ask for its version."""
        found = detect(os.environ)
        return CodexHere(found.version if found is not None else "", login(codex_home(os.environ)))

    def codex(self, version: str) -> Verdict:
        """Whether a version of Codex works with codex-plus: ``status`` ("ok", "warning", "error") and ``text``."""
        return verdict(version)
