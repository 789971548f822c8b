"""The way from a folder to a file, walked by the kernel or part by part, so that no link on it can lead elsewhere.

A handle that comes from here is a file that was reached, not yet one that may be read: on Linux it is an ``O_PATH``
handle, which opens nothing, so that a device or a FIFO on the way notices nothing.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 0x02, 0x04, 0x08
_OPENAT2 = 437  # one number on all processors; Linux 5.6
_AT_FDCWD = -100
# The kernel gives up when something is renamed while it looks; whoever keeps it busy on purpose is not waited for.
_TRIES = 64
_LINKS = 16
"""Links with an absolute target on one way that are followed."""
_CLOEXEC, _NOFOLLOW = getattr(os, "O_CLOEXEC", 0), getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY, _PATH = getattr(os, "O_DIRECTORY", 0), getattr(os, "O_PATH", 0)
_READ = os.O_RDONLY | _CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_SELF = "/proc/self/fd"


class Leaves(Exception):
    """The way leads out of the folder."""


class Linked(Leaves):
    """The way leads over a link that is not followed, to wherever."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A file or folder that was reached, and its path without links, as the system knows it."""

    handle: int
    real: str

    def close(self) -> None:
        """Let go of it."""
        os.close(self.handle)

    def still(self) -> bool:
        """Whether it is still called what it was called when it was judged."""
        return _real_of(self.handle, self.real) == self.real

    def readable(self) -> int:
        """A handle to read the very same file or folder with. Raises OSError."""
        return os.open(f"{_SELF}/{self.handle}", _READ) if _by_kernel() else os.dup(self.handle)


def folder(path: Path) -> Reached:
    """A folder that is the user's choice; links to it are followed. Raises OSError."""
    if sys.platform == "win32":
        real = os.path.realpath(path)
        return Reached(os.open(os.devnull, os.O_RDONLY), real)
    handle = os.open(path, (_PATH if _by_kernel() else os.O_RDONLY) | _DIRECTORY | _CLOEXEC)
    return Reached(handle, _real_of(handle, os.path.realpath(path)))


def below(top: Reached, inside: str, *, follow: bool = True, names: Sequence[str] = ()) -> Reached:
    """What ``inside`` names in a folder, links within it followed if asked for. Raises OSError and Leaves.

    ``names`` are the absolute paths of the folder: a link that begins with one leads into it, too. Where the system
    cannot follow links safely, none is followed.
    """
    for _ in range(_LINKS if names else 1):
        try:
            return _below(top, inside, follow=follow)
        except Linked:
            raise
        except Leaves:
            # Nothing outside is looked at, not even for a moment: the link itself says whether it leads back.
            inside = _led_back(top, inside, names)
    raise Leaves


def anywhere(path: str) -> Reached:
    """What an absolute path names, links followed, but for the kernel's magic ones. Raises OSError and Leaves."""
    if _by_kernel():
        handle = _openat2(_AT_FDCWD, path, RESOLVE_NO_MAGICLINKS)
        return Reached(handle, _real_of(handle, path))
    real = Path(os.path.realpath(path))
    top = folder(Path(real.anchor))
    try:
        return _walked(top, list(real.parts[1:]))
    finally:
        top.close()


def _below(top: Reached, inside: str, *, follow: bool) -> Reached:
    if _by_kernel():
        resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (0 if follow else RESOLVE_NO_SYMLINKS)
        handle = _openat2(top.handle, inside or ".", resolve)
    else:
        return _walked(top, [part for part in inside.split("/") if part not in ("", ".")])
    return Reached(handle, _real_of(handle, f"{top.real}/{inside}"))


def _led_back(top: Reached, inside: str, names: Sequence[str]) -> str:
    """Another name of what ``inside`` leads to, with the target of the link that seems to leave in that link's place.

    Raises OSError, and Leaves where that target lies elsewhere.
    """
    parts = inside.split("/")
    at = next((at for at in range(len(parts)) if _leaves(top, "/".join(parts[: at + 1]))), None)
    if at is None:
        raise Leaves
    above = _below(top, "/".join(parts[:at]), follow=True)
    try:
        target = os.readlink(parts[at], dir_fd=above.handle)
    except OSError:
        raise Leaves from None
    finally:
        above.close()
    if not target.startswith("/"):
        return "/".join((*parts[:at], target, *parts[at + 1 :]))
    for name in names:
        if f"{target}/".startswith(f"{name}/"):
            return "/".join(part for part in (target[len(name) + 1 :], *parts[at + 1 :]) if part)
    raise Leaves


def _leaves(top: Reached, inside: str) -> bool:
    try:
        _below(top, inside, follow=True).close()
    except Leaves:
        return True
    return False


@cache
def _by_kernel() -> bool:
    """Whether the kernel walks for us: openat2 is there (some containers forbid it), and /proc tells names."""
    if sys.platform != "linux" or not Path(_SELF).is_dir():
        return False
    try:
        os.close(_openat2(_AT_FDCWD, "/", RESOLVE_NO_MAGICLINKS))
    except OSError:
        return False
    return True


@cache
def _syscall() -> Any:
    import ctypes  # most proxies never open anything by name

    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    return call


def _openat2(top: int, path: str, resolve: int) -> int:
    import ctypes
    import struct

    how = ctypes.create_string_buffer(struct.pack("=QQQ", _PATH | _CLOEXEC, 0, resolve), 24)
    name = os.fsencode(path)
    if b"\0" in name:
        raise OSError(errno.EINVAL, "a NUL in the name")
    for _ in range(_TRIES):
        number = ctypes.c_long
        handle = int(_syscall()(number(_OPENAT2), number(top), ctypes.c_char_p(name), how, ctypes.c_size_t(24)))
        if handle >= 0:
            return handle
        wrong = ctypes.get_errno()
        if wrong in (errno.EXDEV, errno.ELOOP):
            raise Leaves if wrong == errno.EXDEV else Linked
        if wrong not in (errno.EAGAIN, errno.EINTR):
            raise OSError(wrong, os.strerror(wrong))
    raise OSError(errno.EAGAIN, "is being moved about")


def _walked(top: Reached, parts: list[str]) -> Reached:
    """Part by part, without following any link."""
    if sys.platform == "win32":
        return _by_final_name(top, parts)
    if ".." in parts:
        raise Leaves
    at = os.open(".", _READ | _DIRECTORY, dir_fd=top.handle)
    try:
        for part in parts:
            found = os.stat(part, dir_fd=at, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                raise Linked
            if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
                # Opening a device may set something going.
                raise OSError(errno.EINVAL, "no regular file")
            try:
                inner = os.open(part, _READ | _NOFOLLOW, dir_fd=at)
            except OSError as error:
                raise Linked if error.errno in (errno.ELOOP, errno.EMLINK) else error from None
            os.close(at)
            at = inner
    except BaseException:
        os.close(at)
        raise
    return Reached(at, _real_of(at, str(Path(top.real, *parts))))


def _real_of(handle: int, believed: str) -> str:
    if sys.platform == "darwin":
        import fcntl

        # The name as it is stored, whatever case it was asked for in.
        return os.fsdecode(fcntl.fcntl(handle, 50, bytes(1024)).rstrip(b"\0"))  # F_GETPATH
    try:
        return str(Path(f"{_SELF}/{handle}").readlink())
    except OSError:
        return believed


def _by_final_name(top: Reached, parts: list[str]) -> Reached:
    """Windows has no handles to walk from: open, then ask the system what was opened, and where that lies."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        if any(":" in part or part.endswith((".", " ")) for part in parts):
            raise Leaves
        handle = os.open(str(Path(top.real, *parts)), _READ)
        try:
            room = ctypes.create_unicode_buffer(32768)
            name = ctypes.windll.kernel32.GetFinalPathNameByHandleW
            if not name(ctypes.c_void_p(msvcrt.get_osfhandle(handle)), room, len(room), 0):
                raise OSError(errno.EACCES, "cannot be told where it lies")
            real = room.value.removeprefix("\\\\?\\")
            if not Path(real).is_relative_to(top.real):
                raise Leaves
        except BaseException:
            os.close(handle)
            raise
        return Reached(handle, real)
    raise OSError(errno.ENOSYS, f"is for Windows: {top.real}, {len(parts)} parts")
