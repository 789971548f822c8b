"""Verifying a pack: signature first, then the manifest, then every byte of every file; nothing else may lie there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .folder import Folder, Stamp
from .keyring import Key, Keyring
from .manifest import LARGEST_MANIFEST, MANIFEST, SIGNATURE, Manifest, PackError, comment, read
from .signing import Signed, check, key_id, signed

BESIDE = frozenset({".git"})
"""What may lie in the folder that a pack is built in, and never in an installed one."""
_LARGEST_SIGNATURE = 4096


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest state of a pack that was ever used here: its serial, its manifest's SHA-256, the key."""

    serial: int
    sha256: str
    key: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A pack as it was verified, with the bytes of every file.

    ``sha256`` is the manifest's. ``stamps`` are those of everything that was read, to notice a change. ``until`` is
    when it is not to be used any more, in seconds since 1970.
    """

    root: Path
    manifest: Manifest
    key: Key
    sha256: str
    contents: Mapping[str, bytes]
    stamps: Mapping[Path, Stamp]
    until: float
    written: Mapping[str, bytes]
    """``pack.json`` and its signature, as they were read."""

    @property
    def seen(self) -> Seen:
        """What is to be remembered of it."""
        return Seen(self.manifest.serial, self.sha256, self.key.public)


def verify(root: Path, keyring: Keyring, *, now: float, source: bool = False) -> Verified:
    """Verify the pack in a folder; ``source`` says that it is not installed yet. Raises PackError.

    Whether it is older than what was used here before is another question: see ``against``.
    """
    folder = Folder(root)
    again = "get it again from its publisher" if source else "install the pack again"
    build = f"; make one: codex-plus pack build {root}" if source else ""
    data = folder.read(MANIFEST, LARGEST_MANIFEST, missing=f"is no signed pack: {MANIFEST} is missing{build}")
    sign = f"get it signed by its publisher, or sign it: codex-plus pack sign {root} --key FILE" if source else again
    unsigned = f"is not signed: {SIGNATURE} is missing; {sign}"
    signature = signed(folder.read(SIGNATURE, _LARGEST_SIGNATURE, missing=unsigned))
    # Nothing of the manifest is believed, or even read as JSON, before a key that is known has signed it.
    signers = [key for key in keyring.keys if key.id == signature.key_id]
    if not signers:
        todo = (
            "only keys of the administrator's policy count here; have its public key added to packs.keys there"
            if keyring.only_policy
            else "name its public key in packs.keys, or give it once: codex-plus pack install --key"
        )
        raise PackError(f"is signed by the key {signature.key_id}, which nobody trusts here; {todo}")
    public = _first_that_fits(signers, data, signature)
    manifest = read(data)
    try:
        return _as_signed(folder, data, signature, manifest, keyring, public, now=now, source=source, again=again)
    except PackError as error:
        if any(key.public == public for key in keyring.of(manifest.name)):
            error.manifest = manifest
        raise


def _as_signed(
    folder: Folder,
    data: bytes,
    signature: Signed,
    manifest: Manifest,
    keyring: Keyring,
    public: str,
    *,
    now: float,
    source: bool,
    again: str,
) -> Verified:
    """The pack of a manifest that ``public`` has signed, once all the rest is as it should be. Raises PackError."""
    key = _key_for(manifest.name, keyring, public, now)
    expected = comment(manifest.name, manifest.serial, data)
    if signature.comment != expected:
        raise PackError(
            f"the trusted comment of the signature is not {expected!r}; sign it again: codex-plus pack sign"
        )
    if manifest.expires < now:
        raise PackError(f"expired on {_day(manifest.expires)}; ask its maker for a newer one")
    contents = {}
    for path, entry in manifest.files.items():
        other = f"{path} is not the file that was signed; {again}"
        found = folder.read(path, entry.size, larger=other, missing=f"{path} was signed and is missing; {again}")
        if len(found) != entry.size or hashlib.sha256(found).hexdigest() != entry.sha256:
            raise PackError(other)
        contents[path] = found
    listed = {*manifest.files, MANIFEST, SIGNATURE}
    for path in folder.names(without=BESIDE if source else frozenset()):
        if path not in listed:
            raise PackError(f"{path!r} is in the folder and not in {MANIFEST}; remove it")
    until = min(float(manifest.expires), float(manifest.expires) if key.until is None else key.until)
    own = {MANIFEST: data, SIGNATURE: signature.data}
    return Verified(
        folder.root, manifest, key, hashlib.sha256(data).hexdigest(), contents, folder.stamps, until, own
    )  # fmt: skip


def against(seen: Seen | None, found: Verified) -> None:
    """That a pack is no older, and no other one, than was used before. Raises PackError."""
    manifest = found.manifest
    if manifest.serial < found.key.serial:
        raise PackError(f"has the serial {manifest.serial}, and {found.key.origin} wants {found.key.serial} or higher")
    if seen is None:
        return
    if manifest.serial < seen.serial:
        raise PackError(f"is older (serial {manifest.serial}) than what was used here before (serial {seen.serial})")
    if manifest.serial == seen.serial and found.sha256 != seen.sha256:
        raise PackError(
            f"has the serial {manifest.serial} of another state that was used here before; raise the serial"
        )


def _first_that_fits(signers: list[Key], data: bytes, signature: Signed) -> str:
    """The key that has signed; several may have one id, which anybody can choose."""
    wrong: PackError | None = None
    for public in dict.fromkeys(key.public for key in signers):
        try:
            check(public, data, signature)
        except PackError as error:
            wrong = error
            continue
        return public
    raise wrong or PackError("is signed by no key that is known")


def _key_for(name: str, keyring: Keyring, public: str, now: float) -> Key:
    known = keyring.of(name)
    keys = [key for key in known if key.public == public]
    signer = key_id(public)
    if not keys and not known:
        raise PackError(f"is called {name!r}, and the key {signer} is not for packs of that name; see packs.keys")
    if not keys:
        others = ", ".join(dict.fromkeys(f"{key.id} ({key.origin})" for key in known))
        raise PackError(
            f"is signed by {signer}, and the key for {name!r} is {others}; where its maker says that the key has"
            f" changed, correct packs.keys, or forget it: codex-plus pack remove {name} --forget"
        )
    current = [key for key in keys if key.until is None or now < key.until]
    if not current:
        raise PackError(f"the key {signer} has retired ({keys[0].origin}); ask its maker for a newer pack")
    # Of several entries for one key the one that demands most.
    return max(current, key=lambda key: key.serial)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
