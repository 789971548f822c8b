"""Whose signature counts for which pack: the keys of the settings, and those that were given when one was installed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from codexplus_core import Core

from .manifest import PackError
from .signing import key_id

SETTING = "packs.keys"
REQUIRED = "security.requireSigned"


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that counts for packs of one name, which may have ``*`` in it.

    ``until`` is when it retires, in seconds since 1970, None for never. A pack with a serial below ``serial`` is not
    used. ``origin`` says where the key stands; ``managed`` that this is the administrator's policy.
    """

    pack: str
    public: str
    id: str
    origin: str
    until: float | None = None
    serial: int = 0
    managed: bool = False


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys that count. ``only_policy`` is True where none but the administrator's do."""

    keys: tuple[Key, ...] = ()
    only_policy: bool = False

    def of(self, pack: str) -> tuple[Key, ...]:
        """The keys that count for a pack: those for its very name, where there are none those for a pattern."""
        exact = tuple(key for key in self.keys if key.pack == pack)
        return exact or tuple(key for key in self.keys if "*" in key.pack and _fits(key.pack, pack))

    def with_pinned(self, pinned: Mapping[str, str]) -> Keyring:
        """With the keys, by pack, that were given by hand; they count for packs that the settings say nothing of."""
        if self.only_policy:
            return self
        named = {key.pack for key in self.keys}
        added = [
            Key(pack, public, key_id(public), "pack install --key")
            for pack, public in pinned.items()
            if pack not in named
        ]
        return Keyring((*self.keys, *added), only_policy=False)


def keyring_of(core: Core) -> Keyring:
    """The keys of the settings as they are now.

    Where the administrator's policy names keys, or demands signatures, its keys are the only ones: nobody vouches for
    what they wrote themselves.
    """
    settings = core.config.user
    entries = settings.items(SETTING)
    demanded = settings.value(REQUIRED)
    said = () if demanded is None else (demanded, *demanded.overrides)
    managed = [entry for entry in entries if entry.origin.layer == "enterprise"]
    only = bool(managed) or any(each.value is True and each.origin.layer == "enterprise" for each in said)
    return Keyring(tuple(_keys(managed if only else entries)), only_policy=only)


def _keys(entries: Iterable[Any]) -> Iterator[Key]:
    for entry in entries:
        pack = entry.key.removeprefix(f"{SETTING}.")
        for said in entry.value if isinstance(entry.value, list) else [entry.value]:
            fields: Mapping[str, Any] = said if isinstance(said, Mapping) else {"key": said}
            public = str(fields["key"]).strip()
            try:
                id = key_id(public)
            except PackError:
                continue  # the settings' own check has complained
            yield Key(
                pack, public, id, str(entry.origin), _until(fields.get("notAfter")), int(fields.get("minSerial", 0)),
                entry.origin.layer == "enterprise",
            )  # fmt: skip


def _until(day: Any) -> float | None:
    """The end of a day in UTC."""
    if day is None:
        return None
    return (datetime.fromisoformat(str(day)).replace(tzinfo=UTC) + timedelta(days=1)).timestamp()


def _fits(pattern: str, pack: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), pack) is not None
