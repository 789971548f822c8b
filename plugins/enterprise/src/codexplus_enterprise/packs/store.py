"""The packs that are installed for the user, and the memory of what was used, which outlives them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from codexplus_core import Problem, write_atomic

from .folder import Stamp, stamp_at
from .manifest import NAME, PackError
from .verify import Seen, Verified

MEMORY = ".memory.json"
_LOCK = ".lock"
_LARGEST = 4 << 20
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True)
class Memory:
    """What was used here, by the pack's name, and the keys that were given by hand."""

    seen: Mapping[str, Seen] = field(default_factory=dict)
    pinned: Mapping[str, str] = field(default_factory=dict)


class Store:
    """The folder ``packs`` below codex-plus's own: one folder for each pack, and the memory beside them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folders(self) -> list[Path]:
        """The folders of what is installed."""
        try:
            return sorted(each for each in self.root.iterdir() if NAME.fullmatch(each.name))
        except OSError:
            return []

    def stamp(self) -> tuple[Stamp, Stamp]:
        """What changes when packs come and go, and when the memory does."""
        return stamp_at(self.root), stamp_at(self.root / MEMORY)

    def memory(self) -> Memory:
        """What is remembered. Raises PackError where it cannot be read: without it an old pack would look new."""
        path = self.root / MEMORY
        try:
            with path.open("rb") as file:
                said = json.loads(file.read(_LARGEST))
            return Memory(
                {name: Seen(int(each["serial"]), str(each["sha256"]), str(each["key"]))
                 for name, each in said["seen"].items()},
                {str(name): str(key) for name, key in said["pinned"].items()},
            )  # fmt: skip
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise PackError(
                f"{path}: cannot be read ({error}), so nobody knows which packs are old; no pack is used. Look at what"
                " happened, then remove the file and install the packs again"
            ) from None

    def remember(self, found: Verified, *, pin: bool = False) -> None:
        """Remember that a pack was used. Raises PackError where that cannot be, or where a newer one was used since."""
        with self._changing() as memory:
            before = memory.seen.get(found.manifest.name)
            if before is not None and before.serial > found.manifest.serial:
                raise PackError(f"is older than serial {before.serial}, which was used here before")
            seen = {**memory.seen, found.manifest.name: found.seen}
            pinned = {**memory.pinned, found.manifest.name: found.key.public} if pin else memory.pinned
            self._write(Memory(seen, pinned))

    def install(self, found: Verified) -> Path:
        """Write the bytes that were verified, whole or not at all. Raises Problem."""
        with self._locked():
            # What an installation left that was cut off.
            for left in (*self.root.glob(".new-*"), *self.root.glob(".old-*")):
                shutil.rmtree(left, ignore_errors=True)
            return self._installed(found)

    def _installed(self, found: Verified) -> Path:
        target = self.root / found.manifest.name
        made = self.root / f".new-{os.urandom(6).hex()}"
        old = self.root / f".old-{os.urandom(6).hex()}"
        try:
            made.mkdir(mode=0o700)
            for path, data in {**found.contents, **found.written}.items():
                _write(made.joinpath(*path.split("/")), data)
            if os.path.lexists(target):
                target.rename(old)
            made.rename(target)
        except OSError as error:
            if os.path.lexists(old) and not os.path.lexists(target):
                old.rename(target)
            raise Problem(f"{target}: cannot be written ({error.strerror}); make {self.root} writable") from error
        finally:
            for left in (made, old):
                shutil.rmtree(left, ignore_errors=True)
        return target

    def remove(self, name: str, *, forget: bool) -> bool:
        """Remove a pack; ``forget`` also what is remembered of it. Whether there was anything. Raises Problem."""
        target = self.root / name
        there = os.path.lexists(target)
        try:
            if target.is_symlink():
                target.unlink()
            elif there:
                shutil.rmtree(target)
        except OSError as error:
            raise Problem(f"{target}: cannot be removed ({error.strerror})") from error
        if forget and self.root.is_dir():
            with self._changing() as memory:
                there = there or name in memory.seen
                self._write(replace(
                    memory,
                    seen={each: seen for each, seen in memory.seen.items() if each != name},
                    pinned={each: key for each, key in memory.pinned.items() if each != name},
                ))  # fmt: skip
        return there

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Memory]:
        """The memory, while no other process changes it."""
        with self._locked():
            yield self.memory()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        _private(self.root)
        lock = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            if sys.platform != "win32":
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, memory: Memory) -> None:
        said: dict[str, Any] = {
            "seen": {name: asdict(seen) for name, seen in memory.seen.items()},
            "pinned": dict(memory.pinned),
        }
        path = self.root / MEMORY
        try:
            write_atomic(path, json.dumps(said, indent=1).encode("ascii"))
        except Problem as error:
            raise PackError(f"{error}; until then an old pack could pass for a new one") from None


def _private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"{folder}: cannot be made ({error.strerror}); set CODEX_PLUS_HOME") from error


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, _NEW | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
