"""The system calls that Python has no names for, on x86-64 and 64-bit ARM."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import struct
import sys

# Calls newer than Linux 5.0 have one number everywhere.
EVERYWHERE = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435, "openat2": 437,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
    "landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446, "fchmodat2": 452,
    "setxattrat": 463, "removexattrat": 466, "open_tree_attr": 467, "file_setattr": 469,
}  # fmt: skip
NUMBERS: dict[str, dict[str, int]] = {
    "x86_64": {
        **EVERYWHERE, "open": 2, "ioctl": 16, "shmget": 29, "shmat": 30, "shmctl": 31, "socket": 41, "socketpair": 53,
        "clone": 56, "kill": 62, "semget": 64, "semop": 65, "semctl": 66, "msgget": 68, "msgsnd": 69, "msgrcv": 70,
        "msgctl": 71, "truncate": 76, "creat": 85, "chmod": 90, "fchmod": 91, "chown": 92, "lchown": 94, "ptrace": 101,
        "syslog": 103, "capset": 126, "rt_sigqueueinfo": 129, "mknod": 133, "modify_ldt": 154, "pivot_root": 155,
        "chroot": 161, "acct": 163, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169,
        "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179, "setxattr": 188,
        "lsetxattr": 189, "removexattr": 197, "lremovexattr": 198, "tkill": 200, "semtimedop": 220, "tgkill": 234,
        "mq_open": 240, "mq_unlink": 241, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
        "migrate_pages": 256, "openat": 257, "mknodat": 259, "fchownat": 260, "fchmodat": 268, "unshare": 272,
        "move_pages": 279, "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "fanotify_init": 300, "prlimit64": 302,
        "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310,
        "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321,
        "userfaultfd": 323,
    },
    "aarch64": {
        **EVERYWHERE, "setxattr": 5, "lsetxattr": 6, "removexattr": 14, "lremovexattr": 15, "ioctl": 29, "mknodat": 33,
        "umount2": 39, "mount": 40, "pivot_root": 41, "truncate": 45, "chroot": 51, "fchmod": 52, "fchmodat": 53,
        "fchownat": 54, "openat": 56, "quotactl": 60, "acct": 89, "capset": 91, "unshare": 97, "kexec_load": 104,
        "init_module": 105, "delete_module": 106, "syslog": 116, "ptrace": 117, "kill": 129, "tkill": 130,
        "tgkill": 131, "rt_sigqueueinfo": 138, "reboot": 142, "mq_open": 180, "mq_unlink": 181, "msgget": 186,
        "msgctl": 187, "msgrcv": 188, "msgsnd": 189, "semget": 190, "semctl": 191, "semtimedop": 192, "semop": 193,
        "shmget": 194, "shmctl": 195, "shmat": 196, "socket": 198, "socketpair": 199, "add_key": 217,
        "request_key": 218, "keyctl": 219, "clone": 220, "swapon": 224, "swapoff": 225, "migrate_pages": 238,
        "move_pages": 239, "rt_tgsigqueueinfo": 240, "perf_event_open": 241, "prlimit64": 261, "fanotify_init": 262,
        "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
        "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "bpf": 280, "userfaultfd": 282,
        "kexec_file_load": 294,
    },
}  # fmt: skip

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER = 0x00020000, 0x08000000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_SLAVE = 1, 2, 4, 8, 4096, 16384, 1 << 19
_MOUNT_ATTR_RDONLY, _AT_FDCWD, _AT_RECURSIVE = 1, -100, 0x8000
_RESOLVE_NO_SYMLINKS = 4
_PR_SET_PDEATHSIG, _PR_SET_SECUREBITS, _PR_SET_SUBREAPER = 1, 28, 36
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR = 38, 47, 4
# Root gets no rights from being root, gains none by changing its user, and all of this stays so.
_SECURE_BITS = 0xEF
_CAPABILITY_VERSION_3 = 0x20080522


def numbers() -> dict[str, int] | None:
    """The system calls of this machine, None where a filter for its processor does not exist."""
    return NUMBERS.get(platform.machine()) if sys.platform == "linux" and sys.maxsize > 1 << 32 else None


class Kernel:
    """Calls the kernel; every method raises OSError with the name of what failed."""

    def __init__(self) -> None:
        found = numbers()
        if found is None:
            raise OSError(f"no system call filter for {platform.machine()}")
        self.numbers = found
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.syscall.restype = ctypes.c_long
        self._locked = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock

    def call(self, name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
        """Make a system call; integers are passed whole, bytes as a pointer to them."""
        given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
        return self._checked(self._libc.syscall(ctypes.c_long(self.numbers[name]), *given), name)

    def _checked(self, result: int, what: str) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{what}: {os.strerror(number)}")
        return result

    def prctl(self, option: int, value: int, third: int = 0) -> None:
        """Change this process; the fourth and fifth argument are 0."""
        given = [ctypes.c_ulong(each) for each in (value, third, 0, 0)]
        self._checked(self._libc.prctl(ctypes.c_int(option), *given), f"prctl {option}")

    def seccomp_filter(self, program: bytes) -> None:
        """Install a filter for this process and all that come from it."""
        code = ctypes.create_string_buffer(program, len(program))
        header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
        at = ctypes.create_string_buffer(header, len(header))
        self.prctl(22, 2, ctypes.addressof(at))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER

    def die_with_parent(self) -> None:
        """Have this process killed when its parent ends."""
        self.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def adopt_orphans(self) -> None:
        """Make this process the parent of every descendant whose own parent ends."""
        self.prctl(_PR_SET_SUBREAPER, 1)

    def gain_nothing(self) -> None:
        """No program that is started from here on has more rights than this one."""
        self.prctl(_PR_SET_NO_NEW_PRIVS, 1)

    def drop_privileges(self) -> None:
        """Being root gives no program that is started from here on any rights; what this process has it keeps."""
        # Whoever may not set the bits is not root, and gets nothing from starting a program.
        with contextlib.suppress(PermissionError):
            self.prctl(_PR_SET_SECUREBITS, _SECURE_BITS)
        self.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR)

    def drop_capabilities(self) -> None:
        """Give up root's rights, for good; `drop_privileges` comes before it, `gain_nothing` after it."""
        header = ctypes.create_string_buffer(struct.pack("Ii", _CAPABILITY_VERSION_3, 0), 8)
        self.call("capset", header, bytes(24))

    def fork_into(self, namespaces: int) -> int:
        """Fork into new namespaces: 0 in the child, which is process 1 of a new process namespace if one is asked for.

        Only for a process without other threads: the C library is passed by, what it does around a fork is not done.
        """
        flags = ctypes.c_long(namespaces | signal.SIGCHLD)
        zero = ctypes.c_long(0)
        number = ctypes.c_long(self.numbers["clone"])
        return self._checked(int(self._locked.syscall(number, flags, zero, zero, zero, zero)), "clone")

    def mount(self, source: str, target: str, kind: str, flags: int, data: str = "") -> None:
        """Mount; an empty ``kind`` or ``data`` is none."""
        words = [os.fsencode(word) if word else None for word in (source, target, kind)]
        self.call("mount", *words, flags, os.fsencode(data) if data else None)

    def set_read_only(self, path: str, read_only: bool, *, recursive: bool = False) -> None:
        """Make a mount read-only or writable, ``recursive``: and all mounts below it."""
        change = (_MOUNT_ATTR_RDONLY, 0) if read_only else (0, _MOUNT_ATTR_RDONLY)
        attributes = struct.pack("QQQQ", *change, 0, 0)
        flags = _AT_RECURSIVE if recursive else 0
        self.call("mount_setattr", _AT_FDCWD, os.fsencode(path), flags, attributes, len(attributes))

    def open_without_links(self, path: str, flags: int) -> int:
        """Open a path in which no component may be a symbolic link."""
        how = struct.pack("QQQ", flags | os.O_CLOEXEC, 0, _RESOLVE_NO_SYMLINKS)
        return self.call("openat2", _AT_FDCWD, os.fsencode(path), how, len(how))
