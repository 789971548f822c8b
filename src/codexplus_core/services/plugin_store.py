"""What plugins keep over a restart: one JSON value per key, each plugin for itself."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from ..exchange import current_plugin


class Values(Protocol):
    """Where the values live."""

    def value(self, plugin: str, key: str) -> bytes | None:
        """A value's bytes."""
        ...

    def keep(self, plugin: str, key: str, value: bytes | None) -> None:
        """Keep a value; None removes it."""
        ...


class PluginStore:
    """A plugin's own values: ``store.get("seen")``, ``store.set("seen", 3)``, ``store.delete("seen")``."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, ``default`` where there is none."""
        raw = self._values.value(current_plugin.get(), key)
        return default if raw is None else msgspec.json.decode(raw)

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value. Raises TypeError for one that is no JSON."""
        self._values.keep(current_plugin.get(), key, msgspec.json.encode(value))

    def delete(self, key: str) -> None:
        """Forget a key."""
        self._values.keep(current_plugin.get(), key, None)
