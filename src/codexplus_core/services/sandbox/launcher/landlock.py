"""Landlock: which files a program may touch, as an allow-list that it and its children cannot leave."""

from __future__ import annotations

import os
import stat
import struct

from .kernel import Kernel
from .order import RuleKind

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR = 1 << 4, 1 << 5, 1 << 6, 1 << 7
MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

# The rights each version of the interface knows; later ones added no rights to files that we use.
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_READ = READ_FILE | READ_DIR
_CHANGE = (
    WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM | MAKE_SOCK | REFER
)
KINDS: dict[RuleKind, int] = {
    "read": _READ,
    "list": READ_DIR,
    "execute": EXECUTE | _READ,
    "write": _READ | _CHANGE,
    "device": READ_FILE | WRITE_FILE,
}
BIND_TCP, CONNECT_TCP = 1, 2
SCOPE_ABSTRACT_UNIX, SCOPE_SIGNAL = 1, 2

TCP_SINCE, SIGNALS_SINCE, TRUNCATE_SINCE = 4, 6, 3
"""The versions from which on Landlock itself holds TCP, signals to others, and truncating."""


def version(kernel: Kernel, newest: int = 0) -> int:
    """The version of Landlock to use, at most ``newest`` unless that is 0. Raises OSError where there is none."""
    found = kernel.call("landlock_create_ruleset", None, 0, 1)
    return min(found, newest) if newest else found


class Opened:
    """Paths that are the same for every run, opened once; descriptors are inherited by whoever is forked off."""

    def __init__(self) -> None:
        self._paths: dict[str, tuple[int, bool]] = {}

    def open(self, kernel: Kernel, paths: list[tuple[RuleKind, str]]) -> None:
        """Open those that are not open yet."""
        for _, path in paths:
            if path not in self._paths:
                at = _open(kernel, path)
                if at is not None:
                    self._paths[path] = at

    def get(self, path: str) -> tuple[int, bool] | None:
        """Its descriptor, and whether it is a directory."""
        return self._paths.get(path)


class Ruleset:
    """Rules that hold nobody until they are enforced."""

    def __init__(self, kernel: Kernel, *, abi: int, network: bool) -> None:
        self._kernel = kernel
        self._handled = RIGHTS[min(abi, 5)]
        tcp = BIND_TCP | CONNECT_TCP if abi >= TCP_SINCE and not network else 0
        scope = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL if abi >= SIGNALS_SINCE else 0
        size = 24 if abi >= SIGNALS_SINCE else 16 if abi >= TCP_SINCE else 8
        attributes = struct.pack("QQQ", self._handled, tcp, scope)[:size]
        self._at = kernel.call("landlock_create_ruleset", attributes, size, 0)

    def allow_opened(self, rules: list[tuple[RuleKind, str]], opened: Opened) -> None:
        """Add rules for paths that are open already; others are left out."""
        for kind, path in rules:
            found = opened.get(path)
            if found is not None:
                self._add(kind, found)

    def allow(self, rules: list[tuple[RuleKind, str]], opened: Opened) -> None:
        """Add rules; a path that is not there is left out, a symbolic link is an error.

        A directory that is open already need not be opened; a file may have been replaced since.
        """
        for kind, path in rules:
            known = opened.get(path)
            if known is not None and known[1]:
                self._add(kind, known)
                continue
            found = _open(self._kernel, path)
            if found is not None:
                self._add(kind, found)
                os.close(found[0])

    def _add(self, kind: RuleKind, found: tuple[int, bool]) -> None:
        at, is_directory = found
        rights = KINDS[kind] & self._handled
        rights = rights if is_directory else rights & FILE_RIGHTS
        self._kernel.call("landlock_add_rule", self._at, 1, struct.pack("=Qi", rights, at), 0)

    def enforce(self) -> None:
        """Hold this process to the rules, for ever."""
        self._kernel.gain_nothing()
        self._kernel.call("landlock_restrict_self", self._at, 0)
        os.close(self._at)


def _open(kernel: Kernel, path: str) -> tuple[int, bool] | None:
    try:
        at = kernel.open_without_links(path, os.O_PATH)
    except FileNotFoundError:
        return None
    return at, stat.S_ISDIR(os.fstat(at).st_mode)
