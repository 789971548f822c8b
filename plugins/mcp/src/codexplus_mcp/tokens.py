"""The stored sign-ins: read by everybody, changed only by whoever holds the server's lock."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from codexplus_core import Core, private_dir, state_dir

from .credentials import Credentials
from .lock import locked
from .oauth_entry import oauth_entry
from .server import Server
from .vault import Kind, Vault, vault_of


class Tokens:
    """Sign-ins by server, in ``$CODEX_PLUS_HOME/mcp-logins`` or the keyring.

    Two servers share one only when scope, name, URL and configured client are the same. Methods raise Problem where
    the vault cannot be used.
    """

    def __init__(self, vault: Vault, folder: Path) -> None:
        self._vault = vault
        self._folder = folder

    @classmethod
    async def of(cls, core: Core) -> Tokens:
        """Those of this user."""
        folder = state_dir() / "mcp-logins"
        return cls(await vault_of(core, folder), folder)

    @property
    def kind(self) -> Kind:
        """Where the secrets lie."""
        return self._vault.kind

    def stamp(self, server: Server) -> int:
        """Changes whenever a sign-in of this server does, whoever changed it; 0 where there never was one."""
        try:
            return self._lock(key_of(server)).stat().st_mtime_ns
        except OSError:
            return 0

    async def load(self, server: Server) -> Credentials | None:
        """The sign-in of this server."""
        if not self.stamp(server):
            # No lock file, so nothing was ever kept; the keyring is not bothered, which may ask the user something.
            return None
        return await asyncio.to_thread(self._read, key_of(server), server.url)

    async def client_secret(self, server: Server) -> str:
        """The secret of the configured client, ``""`` for none."""
        if not self.stamp(server):
            return ""
        return await asyncio.to_thread(self._vault.read, f"{key_of(server)}-client") or ""

    @asynccontextmanager
    async def hold(self, server: Server) -> AsyncIterator[Held]:
        """The right to change this server's sign-in. Nobody else changes or renews it meanwhile."""
        key = key_of(server)
        private_dir(self._folder, within=self._folder.parent)
        path = self._lock(key)
        async with locked(path):
            yield Held(self._vault, key, server.url, path)

    def _read(self, key: str, url: str) -> Credentials | None:
        return _parsed(self._vault.read(key), url)

    def _lock(self, key: str) -> Path:
        return self._folder / f"{key}.lock"


class Held:
    """One server's sign-in while its lock is held."""

    def __init__(self, vault: Vault, key: str, url: str, lock: Path) -> None:
        self._vault = vault
        self._key = key
        self._url = url
        self._lock = lock

    async def load(self) -> Credentials | None:
        """The sign-in as it is now."""
        return _parsed(await asyncio.to_thread(self._vault.read, self._key), self._url)

    async def save(self, credentials: Credentials) -> None:
        """Keep this one instead."""
        text = json.dumps(credentials.to_json())
        await self._change(lambda: self._vault.write(self._key, text))

    async def remove(self) -> None:
        """Keep none."""
        await self._change(lambda: self._vault.remove(self._key))

    async def save_client_secret(self, secret: str) -> None:
        """Keep the secret of the configured client; ``""`` removes it."""
        name = f"{self._key}-client"
        await self._change(lambda: self._vault.write(name, secret) if secret else self._vault.remove(name))

    async def _change(self, change: Callable[[], None]) -> None:
        task = asyncio.ensure_future(asyncio.to_thread(self._changed, change))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            # Whoever holds the lock next must find it done.
            await asyncio.wait([task])
            raise

    def _changed(self, change: Callable[[], None]) -> None:
        change()
        # What others watch. Two seconds later than before is another time on every file system.
        stamp = max(time.time_ns(), self._lock.stat().st_mtime_ns + 2_000_000_000)
        os.utime(self._lock, ns=(stamp, stamp))


def key_of(server: Server) -> str:
    """The name under which a server's sign-in is kept."""
    what = [server.scope, server.name, server.url, oauth_entry(server).client_id]
    return hashlib.sha256(json.dumps(what).encode("utf-8")).hexdigest()[:40]


def _parsed(text: str | None, url: str) -> Credentials | None:
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    credentials = Credentials.from_json(found) if isinstance(found, dict) else None
    # Never a token for another address, whatever the key says.
    return credentials if credentials is not None and credentials.url == url else None
