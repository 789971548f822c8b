"""What every program needs of the system, and what the programs it may run need besides."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import paths
from ..programs import SYSTEM_PATH, locate, search_path
from ..run import CannotStart
from .access import is_below, outermost
from .grants import Grants
from .launcher.order import RuleKind

SYSTEM = (
    "/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/run/current-system", "/gnu/store",
)  # fmt: skip
"""Where the system keeps its programs and libraries."""

READABLE = (
    *SYSTEM, "/sys/devices/system/cpu",
    *(f"/etc/{name}" for name in (
        "alternatives", "bash.bashrc", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version",
        "fonts", "gai.conf", "group", "host.conf", "hostname", "hosts", "inputrc", "java", "ld.so.cache", "ld.so.conf",
        "ld.so.conf.d", "locale.alias", "locale.conf", "localtime", "lsb-release", "magic", "mime.types", "networks",
        "nsswitch.conf", "os-release", "passwd", "perl", "pki", "profile", "protocols", "python3", "redhat-release",
        "resolv.conf", "rpc", "services", "shells", "ssl/certs", "ssl/openssl.cnf", "static", "terminfo", "timezone",
    )),
)  # fmt: skip
"""Readable for every program; of /etc only what libraries look at, because root may read it all."""

# Without a process namespace the rest of /proc is other people's processes.
PROC_FILES = (
    "cpuinfo",
    "filesystems",
    "loadavg",
    "meminfo",
    "stat",
    "sys/fs",
    "sys/kernel",
    "sys/vm",
    "uptime",
    "version",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

# Directories of programs that other programs start on their own.
_OWN_PROGRAMS = ("/usr/lib/{0}-core", "/usr/libexec/{0}-core", "/usr/lib/{0}", "/usr/libexec/{0}")
_INSTALLED = ("bin", "lib", "lib64", "libexec", "pyvenv.cfg")
_DEPTH = 5


@dataclass(slots=True)
class Needed:
    """Rules for programs, and the PATH on which the sandboxed program finds them."""

    rules: list[tuple[RuleKind, str]] = field(default_factory=list)
    path: tuple[str, ...] = ()


class System:
    """Looks at the system's own directories once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._rules: list[tuple[RuleKind, str]] = []
        self._every: list[tuple[RuleKind, str]] = []
        self._path = tuple(entry for entry in SYSTEM_PATH if Path(entry).is_dir())
        self._searched: dict[tuple[str, Path | None], tuple[str, ...]] = {}
        self._executed: dict[tuple[str, int, int], tuple[tuple[RuleKind, str], ...]] = {}

    def rules(self) -> list[tuple[RuleKind, str]]:
        """What every program may read and use."""
        if not self._rules:
            there = [os.path.realpath(name) for name in READABLE if os.path.lexists(name)]
            self._rules += [("read", path) for path in outermost(there)]
            self._rules += [("device", path) for path in DEVICES if os.path.lexists(path)]
        return self._rules

    def more_rules(self, level: str) -> list[tuple[RuleKind, str]]:
        """What every program may read of /proc: in a process namespace there is nobody else's in it."""
        return [("read", "/proc")] if level == "full" else [("read", f"/proc/{name}") for name in PROC_FILES]

    def secrets(self) -> tuple[Path, ...]:
        """What of ours and of Codex's stays hidden whatever is granted: the token, approvals, logins."""
        return (paths.state_dir(self._environ), paths.codex_home(self._environ) / "auth.json")

    def search(self, project: Path | None) -> tuple[str, ...]:
        """Where programs are looked for, as `search_path` finds it."""
        key = (self._environ.get("PATH", ""), project)
        if key not in self._searched:
            self._searched[key] = search_path(project, self._environ)
        return self._searched[key]

    def needed(self, program: Path, grants: Grants, cwd: Path) -> Needed:
        """What starting ``program`` and the declared programs takes. A declared one that is not there is left out."""
        search = self.search(grants.project)
        started = [program]
        for name in dict.fromkeys(("sh", *(each for each in grants.run if each != "*"))):
            try:
                started.append(locate(name, cwd, search))
            except CannotStart:
                continue
        found = Needed()
        directories: list[str] = []
        if "*" in grants.run:
            if not self._every:
                real = [os.path.realpath(path) for path in SYSTEM if Path(path).is_dir()]
                self._every += [("execute", path) for path in outermost(real)]
            found.rules += self._every
        everywhere = [path for _, path in self._every] if "*" in grants.run else []
        project = os.path.realpath(grants.project) if grants.project is not None else None
        for path in dict.fromkeys(started):
            rules = self._rules_for(str(path), search, project)
            # Each costs the launcher some calls, and most programs lie where every one may be started.
            found.rules += [rule for rule in rules if not any(is_below(rule[1], each) for each in everywhere)]
            directories.append(str(path.parent))
        found.rules = list(dict.fromkeys(found.rules))
        outside = [
            each
            for each in dict.fromkeys(directories)
            if each not in self._path and (project is None or not is_below(os.path.realpath(each), project))
        ]
        found.path = (*outside, *self._path)
        return found

    def _rules_for(self, path: str, search: Sequence[str], project: str | None) -> tuple[tuple[RuleKind, str], ...]:
        """Rules for starting a program; remembered as long as the file stays the same one."""
        found = Path(path).stat()
        key = (path, found.st_ino, found.st_mtime_ns)
        if project is not None and is_below(os.path.realpath(path), project):
            return tuple(rule for each in _closure(path, search, _DEPTH) for rule in _executed(each, project))
        if key not in self._executed:
            rules = (rule for each in _closure(path, search, _DEPTH) for rule in _executed(each, None))
            self._executed[key] = tuple(dict.fromkeys(rules))
        return self._executed[key]


def _closure(path: str, search: Sequence[str], depth: int) -> Iterator[str]:
    """A program, the files its name leads to, and whatever interprets or loads it."""
    yield path
    yield from _hops(path)
    if depth == 0:
        return
    for interpreter in _interpreters(path, search):
        yield from _closure(interpreter, search, depth - 1)


def _executed(path: str, project: str | None) -> Iterator[tuple[RuleKind, str]]:
    real = os.path.realpath(path)
    yield "execute", real
    for pattern in _OWN_PROGRAMS:
        directory = pattern.format(Path(path).name)
        if Path(directory).is_dir():
            yield "execute", os.path.realpath(directory)
    if any(is_below(real, directory) for directory in SYSTEM) or (project is not None and is_below(real, project)):
        return
    # Installed elsewhere (~/.local, nvm, pyenv, a virtual environment): its libraries lie beside it.
    for parent in {Path(path).parent.parent, Path(real).parent.parent}:
        for part in _INSTALLED:
            yield "read", os.path.realpath(parent / part)


def _hops(path: str) -> Iterator[str]:
    """The names a symbolic link leads through."""
    for _ in range(40):
        if not Path(path).is_symlink():
            return
        path = os.path.normpath(Path(path).parent / Path(path).readlink())
        yield path


def _interpreters(path: str, search: Sequence[str]) -> Iterator[str]:
    """What starts a file: the program of its first line and, with `env`, the one that this looks for; or its loader."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(4096)
    except OSError:
        return
    if head.startswith(b"#!"):
        words = os.fsdecode(head[2:].partition(b"\n")[0]).split()
        if not words:
            return
        yield words[0]
        if Path(words[0]).name == "env":
            yield from _looked_for(words[1:], search)
        return
    if head.startswith(b"\x7fELF"):
        loader = _loader(head)
        if loader:
            yield loader


def _looked_for(words: Sequence[str], search: Sequence[str]) -> Iterator[str]:
    for word in words:
        if word.startswith("-") or "=" in word:
            continue
        with contextlib.suppress(CannotStart):
            yield str(locate(word, Path("/"), search))
        return


def _loader(head: bytes) -> str:
    """The loader that a 64-bit little-endian ELF file names, empty where it names none."""
    if len(head) < 64 or head[4:6] != b"\x02\x01":
        return ""
    offset, size, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
    for number in range(count):
        at = offset + number * size
        if at + 56 > len(head):
            return ""
        kind = struct.unpack_from("<I", head, at)[0]
        if kind == 3:
            start, length = struct.unpack_from("<Q", head, at + 8)[0], struct.unpack_from("<Q", head, at + 32)[0]
            return os.fsdecode(head[start : start + length].rstrip(b"\0"))
    return ""
