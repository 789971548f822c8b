"""The key of the chain: who has it can continue the log, so it belongs to as few as possible."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path

from codexplus_core import Problem

LEAST = 16
"""Bytes that a key must have."""
_MOST = 4096


def key_id(key: bytes) -> str:
    """A name for a key that tells nothing of it."""
    return hashlib.sha256(b"codexplus-audit-key-id\n" + key).hexdigest()[:16]


def read_key(path: Path) -> bytes:
    """The key in a file: hexadecimal digits or plain bytes. Raises Problem where it is not there or not private."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise Problem(f"{path}: the audit key cannot be read ({error.strerror})") from error
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise Problem(f"{path}: is no regular file; name the file with the audit key")
        if os.name == "posix" and found.st_mode & 0o007:
            raise Problem(f"{path}: the audit key is open to everybody; run: chmod o-rwx {path}")
        data = file.read(_MOST + 1)
    return _parsed(path, data)


def read_or_make_key(path: Path, *, make: bool) -> bytes:
    """The key in a file, which is made, with 32 random bytes, where it is ours to make. Raises Problem."""
    if make and not os.path.lexists(path):
        _make(path)
    return read_key(path)


def _parsed(path: Path, data: bytes) -> bytes:
    text = data.strip()
    with contextlib.suppress(ValueError):
        data = bytes.fromhex(text.decode("ascii"))
    if not LEAST <= len(data) <= _MOST:
        raise Problem(f"{path}: holds no audit key; put at least 64 hexadecimal digits there (openssl rand -hex 32)")
    return data


def _make(path: Path) -> None:
    # Whole or not at all, and by whoever comes first: two processes must not write with two keys.
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_hex(32).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    except OSError as error:
        raise Problem(
            f"{path}: the audit key cannot be written ({error.strerror}); make the folder writable"
        ) from error
    finally:
        fresh.unlink(missing_ok=True)
