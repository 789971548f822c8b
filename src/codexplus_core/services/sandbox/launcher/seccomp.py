"""The system call filter: no sockets, no ways around Landlock, nothing that only an administrator needs."""

from __future__ import annotations

import errno
import os
import signal
import struct

# Never of use to a program that formats, checks or reports; each has led out of a sandbox before, or would from ours.
FORBIDDEN = (
    "io_uring_setup", "io_uring_enter", "io_uring_register",  # does what is filtered, unseen by the filter
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    "mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "unshare", "setns",
    "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key",
    "name_to_handle_at", "open_by_handle_at", "fanotify_init", "move_pages", "migrate_pages",
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff",
    "acct", "syslog", "quotactl", "quotactl_fd", "iopl", "ioperm", "modify_ldt",
)  # fmt: skip
# Landlock does not look at these, so they would reach files outside: `chmod 777 ~/.ssh/id_rsa`. By descriptor they go.
METADATA = (
    "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "setxattr", "lsetxattr", "removexattr",
    "lremovexattr", "setxattrat", "removexattrat", "file_setattr",
)  # fmt: skip
# Outside of a namespace of its own a program reaches those of others by these, and what it makes outlives it.
SHARED = (
    "shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl",
    "mq_open", "mq_unlink",
)  # fmt: skip
# Where the mode is that a file gets: a program with the user's rights for whoever starts it must not stay behind.
MODES = (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2), ("creat", 1), ("mknod", 1), ("mknodat", 2))
SIGNALS = ("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal")

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _EQUAL, _AT_LEAST, _ANY_OF, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_ARCH, _NUMBER, _FIRST, _SECOND, _THIRD, _FOURTH = 4, 0, 16, 24, 32, 40  # offsets; of arguments the lower half
_SET_ID = 0o6000
_CREATES = os.O_CREAT | 0o20000000  # the latter is O_TMPFILE without O_DIRECTORY
_X32 = 0x40000000
_NEW_NAMESPACE = 0x7E020080
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value & 0xFFFFFFFF)


def _answer(value: int) -> bytes:
    return _step(_RETURN, value)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """The steps for one call; the number is still loaded after it was another."""
    return [_step(_EQUAL, number, 0, len(body)), *body]


def _one_of(offset: int, values: tuple[int, ...], yes: int, no: int) -> list[bytes]:
    """Look at an argument and answer."""
    steps = [_step(_LOAD, offset)]
    for value in values:
        steps += [_step(_EQUAL, value, 0, 1), _answer(yes)]
    return [*steps, _answer(no)]


def _without_set_id(offset: int) -> list[bytes]:
    return [_step(_LOAD, offset), _step(_ANY_OF, _SET_ID, 0, 1), _answer(_EPERM), _answer(_ALLOW)]


def _opening(flags_at: int, mode_at: int, *, hold_truncate: bool) -> list[bytes]:
    """The mode only counts where a file is made. One that `openat2` makes loses such a mode with the first writing."""
    steps = []
    if hold_truncate:
        # Emptying a file that is opened for reading.
        steps += [_step(_LOAD, flags_at), _step(_AND, os.O_TRUNC | os.O_ACCMODE)]
        steps += [_step(_EQUAL, os.O_TRUNC | os.O_RDONLY, 0, 1), _answer(_EPERM)]
    steps += [_step(_LOAD, flags_at), _step(_ANY_OF, _CREATES, 1, 0), _answer(_ALLOW)]
    return [*steps, *_without_set_id(mode_at)]


def program(
    machine: str,
    numbers: dict[str, int],
    *,
    network: bool,
    hold_metadata: bool,
    hold_shared: bool,
    hold_signals: bool,
    hold_truncate: bool,
) -> bytes:
    """The filter's code. The last four stand in for what the Landlock of this kernel, or no namespaces, leave open."""
    steps = [_step(_LOAD, _ARCH), _step(_EQUAL, _ARCHITECTURES[machine], 1, 0), _answer(_KILL), _step(_LOAD, _NUMBER)]
    if machine == "x86_64":
        steps += [_step(_AT_LEAST, _X32, 0, 1), _answer(_KILL)]
    forbidden = FORBIDDEN + (METADATA if hold_metadata else ()) + (SIGNALS if hold_signals else ())
    forbidden += SHARED if hold_shared else ()
    for name in forbidden:
        if name in numbers:
            steps += _when(numbers[name], [_answer(_EPERM)])
    families = (_INET, _INET6, _NETLINK) if network else ()
    steps += _when(numbers["socket"], _one_of(_FIRST, families, _ALLOW, _EPERM))
    steps += _when(numbers["socketpair"], _one_of(_FIRST, (_UNIX,), _ALLOW, _EPERM))
    # Its flags lie in memory, where a filter cannot look; libraries fall back to clone.
    steps += _when(numbers["clone3"], [_answer(_ENOSYS)])
    flags = [_step(_LOAD, _FIRST), _step(_AND, _NEW_NAMESPACE), _step(_EQUAL, 0, 1, 0), _answer(_EPERM)]
    steps += _when(numbers["clone"], [*flags, _answer(_ALLOW)])
    # Another process's limits: a CPU limit of zero kills it.
    steps += _when(numbers["prlimit64"], _one_of(_FIRST, (0,), _ALLOW, _EPERM))
    steps += _when(numbers["ioctl"], _one_of(_SECOND, (_TIOCSTI, _TIOCLINUX), _EPERM, _ALLOW))
    if hold_signals:
        # abort() and the Go runtime send themselves these.
        steps += _when(numbers["tgkill"], _one_of(_THIRD, (signal.SIGABRT, signal.SIGURG), _ALLOW, _EPERM))
    for name, at in MODES:
        if name in numbers:
            steps += _when(numbers[name], _without_set_id(_FIRST + 8 * at))
    if hold_truncate:
        steps += _when(numbers["truncate"], [_answer(_EPERM)])
        steps += _when(numbers["openat2"], [_answer(_ENOSYS)])
    for name, flags_at, mode_at in (("open", _SECOND, _THIRD), ("openat", _THIRD, _FOURTH)):
        if name in numbers:
            steps += _when(numbers[name], _opening(flags_at, mode_at, hold_truncate=hold_truncate))
    return b"".join([*steps, _answer(_ALLOW)])
