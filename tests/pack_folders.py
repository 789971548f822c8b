"""Signed packs for tests: made, signed and installed in a home of their own, with a proxy that works there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import minisign  # type: ignore[import-untyped]
import pytest

from codexplus_core.services.config import Config, PolicyPlace
from codexplus_core.testing import Harness
from codexplus_enterprise.packs import building
from codexplus_enterprise.packs.keyring import Key, Keyring
from codexplus_enterprise.packs.signing import key_id
from codexplus_enterprise.packs.store import Store
from codexplus_enterprise.packs.verify import verify

NAME = "team-tools"
FILES = {"commands/deploy.md": "Deploy $ARGUMENTS.", "skills/review/SKILL.md": "Review it.", "lib/check.sh": "exit 0\n"}


@dataclass
class Signer:
    """A key without a password, as ``minisign -G -W`` makes one."""

    secret: bytes = field(default=b"", repr=False)
    public: str = ""

    def __post_init__(self) -> None:
        pair = minisign.KeyPair.generate()
        self.secret = bytes(pair.secret_key)
        self.public = pair.public_key.to_base64().decode()

    @property
    def id(self) -> str:
        return key_id(self.public)

    def ring(self, name: str = NAME, **more: Any) -> Keyring:
        return Keyring((Key(name, self.public, self.id, "the settings", **more),))


def put(path: Path, words: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(words if isinstance(words, bytes) else words.encode())
    return path


def pack(
    folder: Path,
    signer: Signer,
    files: Mapping[str, str] | None = None,
    *,
    name: str = NAME,
    serial: int | None = None,
    now: float | None = None,
    days: int = 365,
) -> Path:
    """A signed pack in a folder."""
    for path, words in (FILES if files is None else files).items():
        put(folder / path, words)
    wanted = building.Wanted(name, "1.0", serial, days)
    building.build(folder, wanted, now=time.time() if now is None else now)
    building.sign_pack(folder, signer.secret, None)
    return folder


@dataclass(frozen=True)
class PackWorld:
    """A home, a project ``work``, and a policy's place ``etc``, with a proxy that works there."""

    root: Path

    @property
    def store(self) -> Store:
        return Store(self.root / "home/.codexplus/packs")

    def trust(self, **keys: object) -> None:
        """The keys of the user's own settings; ``_`` stands for ``-`` in the packs' names."""
        self.settings("home", {"packs": {"keys": _named(keys)}})

    def settings(self, whose: str, said: Mapping[str, Any]) -> None:
        """Settings of ``home`` or ``work``."""
        put(self.root / whose / ".codexplus/settings.json", json.dumps(said))

    def policy(self, *, signed: bool = True, **keys: object) -> None:
        """The administrator's policy, with keys."""
        said = {"security": {"requireSigned": signed}, "packs": {"keys": _named(keys)}}
        put(self.root / "etc/policy.yaml", json.dumps(said))

    def install(
        self, signer: Signer, files: Mapping[str, str] | None = None, *, name: str = NAME, serial: int = 1
    ) -> Path:
        """Make, sign and install a pack; the folder that it is in then."""
        made = pack(self.root / f"made/{name}-{serial}", signer, files, name=name, serial=serial)
        return self.store.install(verify(made, signer.ring(name), now=time.time()))

    def config(self) -> Config:
        owner = os.getuid() if hasattr(os, "getuid") else 0
        place = PolicyPlace(self.root / "etc/policy.yaml", owner=owner, top=self.root / "etc")
        home = self.root / "home"
        return Config(home, env={"HOME": str(home)}, policy=place, every_s=0.0)

    def proxy(self, **more: Any) -> Harness:
        # Late: what is about packs alone is tested without the other plugins, too.
        from codexplus_enterprise.plugin import Enterprise
        from codexplus_hooks.plugin import HooksPlugin
        from codexplus_slash.plugin import Slash

        plugins = {"hooks": HooksPlugin(), "slash": Slash(), "enterprise": Enterprise()}
        return Harness(plugins, config=self.config(), cwd=str(self.root / "work"), **more)


def _named(keys: Mapping[str, object]) -> dict[str, object]:
    return {name.replace("_", "-"): getattr(key, "public", key) for name, key in keys.items()}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackWorld:
    """An empty world; HOME leads to its home."""
    for name in ("home", "work", "etc"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("CODEX_PLUS_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    return PackWorld(tmp_path)


@pytest.fixture
def signer() -> Signer:
    return Signer()
