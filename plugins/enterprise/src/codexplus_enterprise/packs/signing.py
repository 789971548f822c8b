"""Minisign signatures: reading, checking and making them; what the program ``minisign`` makes and takes, too.

The library is ``py-minisign``. A package called ``minisign`` is an empty one under the same import name.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from codexplus_core import Problem

from .manifest import PackError


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature file says, before anything of it is believed: whose key, and the trusted comment."""

    key_id: str
    comment: str
    data: bytes


def key_id(public: str) -> str:
    """The id of a public key in base64, as ``minisign`` prints it. Raises PackError for what is no such key."""
    try:
        raw = base64.b64decode(public.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 42 or raw[:2] != b"Ed":
        raise PackError("is no public key of minisign; it is the second line of a .pub file and begins with RW")
    return _shown(raw[2:10])


def public_key(text: str) -> str:
    """The key in a ``.pub`` file's text, or in base64 alone. Raises PackError."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if not lines or len(lines) > 2:
        raise PackError("is no public key of minisign; its .pub file has two lines")
    key_id(lines[-1])
    return lines[-1]


def signed(data: bytes) -> Signed:
    """A signature file. Raises PackError for one that is none, and for the old kind that ``minisign -l`` makes."""
    found = _parsed(data)
    if not found.is_prehashed():
        raise PackError("the signature is of the old kind (minisign -l); sign it again without -l")
    raw = base64.b64decode(data.split(b"\n")[1].strip())
    return Signed(_shown(raw[2:10]), found.trusted_comment, data)


def check(public: str, data: bytes, signature: Signed) -> None:
    """That ``data`` and the trusted comment were signed with this key. Raises PackError."""
    library = _library()
    try:
        key = library.PublicKey.from_base64(public)
        key.verify(data, library.Signature.from_bytes(signature.data))
    except (library.Error, ValueError) as error:
        raise PackError(f"the signature does not fit what is signed ({error})") from None


def sign(secret: bytes, password: str | None, data: bytes, comment: str) -> tuple[bytes, str]:
    """A signature file for ``data``, and the public key of the ``secret`` one, a key file of ``minisign``.

    Raises Problem for what is no such file, and for a password that does not open it or is missing.
    """
    library = _library()
    try:
        with library.SecretKey.from_bytes(secret) as key:
            if key.is_encrypted():
                if password is None:
                    raise Problem("the key has a password; type it in a terminal, or give it by --password-stdin")
                key.decrypt(password)
            made = key.sign(data, prehash=True, trusted_comment=comment)
            public = key.get_public_key().to_base64().decode("ascii")
    except (library.Error, ValueError) as error:
        raise Problem(f"the key cannot be used: {error}") from None
    return bytes(made) + b"\n", public


def is_encrypted(secret: bytes) -> bool:
    """Whether a key file needs a password. Raises Problem for what is no such file."""
    library = _library()
    try:
        with library.SecretKey.from_bytes(secret) as key:
            return bool(key.is_encrypted())
    except (library.Error, ValueError) as error:
        raise Problem(f"this is no secret key of minisign: {error}") from None


def _parsed(data: bytes) -> Any:
    library = _library()
    try:
        return library.Signature.from_bytes(data)
    except (library.Error, ValueError, IndexError) as error:
        raise PackError(f"the signature file is none of minisign's ({error})") from None


def _shown(raw: bytes) -> str:
    # The program prints the number, whose bytes are stored lowest first.
    return raw[::-1].hex().upper()


def _library() -> Any:
    # Late: it brings in cryptography, which nobody without packs shall wait for.
    try:
        import minisign  # type: ignore[import-untyped]
    except ImportError:
        raise Problem("py-minisign is not installed; run: pip install py-minisign") from None
    if not all(hasattr(minisign, name) for name in ("PublicKey", "Signature", "SecretKey")):
        raise Problem(
            "the package minisign is an empty one; run: pip uninstall minisign;"
            " pip install --force-reinstall py-minisign"
        )
    return minisign
