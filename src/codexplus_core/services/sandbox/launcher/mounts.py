"""The view of the file system inside a mount namespace: everything read-only, little writable, some of it hidden."""

from __future__ import annotations

import os
import stat

from .kernel import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_SLAVE, Kernel
from .order import Order

SCRATCH_SIZE = "256m"


def keep_user(uid: int, gid: int) -> None:
    """Be the same user inside the new user namespace as outside."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        at = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(at, text.encode())
        finally:
            os.close(at)


def limit_processes(count: int) -> None:
    """Bound the processes of this namespace, where the kernel can (6.14 and later); it holds for root, too."""
    try:
        at = os.open("/proc/sys/kernel/pid_max", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        # The kernel takes no smaller number.
        os.write(at, str(max(301, count)).encode())
    except OSError:
        pass
    finally:
        os.close(at)


def make_ready(kernel: Kernel) -> None:
    """What every run needs. Raises OSError where it cannot be had."""
    # What is mounted outside meanwhile still comes in, nothing goes out.
    kernel.mount("none", "/", "", MS_REC | MS_SLAVE)
    # Of other processes there is nothing to see here, not even their command lines.
    kernel.mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)


def arrange(kernel: Kernel, order: Order) -> None:
    """Set up the mounts of this namespace for a run. Raises OSError where anything of it cannot be had."""
    for path in order["writable"]:
        kernel.mount(path, path, "", MS_BIND | MS_REC)
    for path in order["frozen"]:
        kernel.mount(path, path, "", MS_BIND | MS_REC)
    kernel.set_read_only("/", True, recursive=True)
    for path in order["writable"]:
        kernel.set_read_only(path, False)
    kernel.mount("none", order["base"], "tmpfs", MS_NOSUID | MS_NODEV, f"size={SCRATCH_SIZE},mode=0700")
    for path in order["masks"]:
        _hide(kernel, path)


def _hide(kernel: Kernel, path: str) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode):
        kernel.mount("none", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=0555")
    elif not stat.S_ISLNK(found.st_mode):
        kernel.mount("/dev/null", path, "", MS_BIND)
