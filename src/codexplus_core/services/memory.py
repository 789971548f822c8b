"""The state of a proxy that writes nothing to disk."""

from __future__ import annotations

from ..conversation.record import LedgerStore, Record


class MemoryValues:
    """A ledger store with a place for plugins' values beside it, in memory."""

    def __init__(self, ledger: LedgerStore) -> None:
        self._ledger = ledger
        self._values: dict[tuple[str, str], bytes] = {}
        self.trouble = ""

    def load(self, thread: str) -> list[Record]:
        """A thread's records."""
        return self._ledger.load(thread)

    def save(self, thread: str, record: Record) -> None:
        """Keep a record."""
        self._ledger.save(thread, record)

    def inherit(self, thread: str, parent: str) -> None:
        """Copy a parent's records."""
        self._ledger.inherit(thread, parent)

    @property
    def any_edited(self) -> bool:
        """True where any thread has records."""
        return self._ledger.any_edited

    def known(self, thread: str) -> bool:
        """True where the thread has records."""
        return self._ledger.known(thread)

    def edited(self, thread: str) -> bool:
        """True where the thread has records."""
        return self._ledger.edited(thread)

    def close(self) -> None:
        """Nothing is open."""

    def value(self, plugin: str, key: str) -> bytes | None:
        """A plugin's value."""
        return self._values.get((plugin, key))

    def keep(self, plugin: str, key: str, value: bytes | None) -> None:
        """Keep a plugin's value; None removes it."""
        if value is None:
            self._values.pop((plugin, key), None)
        else:
            self._values[plugin, key] = value
