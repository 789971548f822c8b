"""Where the secrets of sign-ins lie: the system's keyring where there is a real one, else files of mode 0600."""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path
from typing import Any, Literal, Protocol

from codexplus_core import Core, Problem, private_dir, read_private, write_atomic

_SERVICE = "codex-plus-mcp"
Kind = Literal["file", "keyring"]


class Vault(Protocol):
    """Texts by key, over a restart. Every method may block and raises Problem."""

    kind: Kind

    def read(self, key: str) -> str | None:
        """What lies there, None for nothing."""
        ...

    def write(self, key: str, text: str) -> None:
        """Put it there."""
        ...

    def remove(self, key: str) -> None:
        """Take it away, if it is there."""
        ...


class FileVault:
    """A file for each key, readable for its owner alone. They are not encrypted: the key would lie beside them."""

    kind: Kind = "file"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: str) -> str | None:
        """What lies there. Raises Problem for a link, a file of somebody else, and one that others may read."""
        data = read_private(self._path(key))
        return None if data is None else data.decode("utf-8", "replace")

    def write(self, key: str, text: str) -> None:
        """Put it there, whole or not at all."""
        private_dir(self._folder)
        write_atomic(self._path(key), text.encode("utf-8"))

    def remove(self, key: str) -> None:
        """Take it away."""
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Problem(f"{path}: cannot be removed ({error.strerror}); remove it yourself") from None

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


class KeyringVault:
    """The system's keyring, through the package of that name."""

    kind: Kind = "keyring"

    def __init__(self, backend: Any, failures: type[Exception]) -> None:
        self._backend = backend
        self._failures = failures

    def read(self, key: str) -> str | None:
        """What lies there."""
        found = self._call("read", "get_password", _SERVICE, key)
        return found if isinstance(found, str) else None

    def write(self, key: str, text: str) -> None:
        """Put it there."""
        self._call("written to", "set_password", _SERVICE, key, text)

    def remove(self, key: str) -> None:
        """Take it away."""
        if self.read(key) is not None:
            self._call("changed", "delete_password", _SERVICE, key)

    def _call(self, what: str, method: str, *values: str) -> Any:
        try:
            return getattr(self._backend, method)(*values)
        except self._failures as error:
            raise Problem(
                f"the keyring cannot be {what} ({type(error).__name__}); unlock it, "
                'or set mcp.oauth.store to "file" and sign in again'
            ) from None


async def vault_of(core: Core, folder: Path) -> Vault:
    """The vault that ``mcp.oauth.store`` names: ``file``, ``keyring``, or ``auto`` (default), which takes the keyring
    if there is a real one. On Windows, whose own holds no more than 2.5 KB a secret, that is the file.

    Raises Problem where ``keyring`` is wanted and there is none.
    """
    wanted = core.config.user.get("mcp.oauth.store", "auto")
    if wanted not in ("auto", "file", "keyring"):
        raise Problem('mcp.oauth.store has to be "auto", "file" or "keyring"')
    if wanted == "file" or (wanted == "auto" and sys.platform == "win32"):
        return FileVault(folder)
    # Its first look imports packages and may ask the desktop, which takes a while.
    found = await asyncio.to_thread(_keyring)
    if found is None and wanted == "keyring":
        raise Problem(
            "mcp.oauth.store is keyring, but there is none here; "
            'run: pip install keyring (in the environment of codex-plus), or set it to "file"'
        )
    return found or FileVault(folder)


def _keyring() -> Vault | None:
    try:
        # Optional: most machines without a desktop have nothing behind it.
        package = importlib.import_module("keyring")
        failures = importlib.import_module("keyring.errors").KeyringError
    except ImportError:
        return None
    backend = package.get_keyring()
    # The package's own stand-ins for "none": fail refuses, null forgets; a priority below 1 is not recommended.
    try:
        weight = float(backend.priority)
    except (RuntimeError, TypeError, ValueError, AttributeError):
        return None
    return KeyringVault(backend, failures) if weight >= 1 else None
