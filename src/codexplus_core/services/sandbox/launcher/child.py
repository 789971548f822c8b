"""The last steps before the program: its files, its limits, and everything that holds it."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal

from . import canary, mounts, scratch
from .means import Means
from .order import Order, stated

BEGAN = json.dumps(stated("began")).encode()
"""What the proxy is told right before the program begins."""


class SetupFailed(OSError):
    """A restriction could not be put in place; the program must not start."""


def get_ready(means: Means, kind: bytes) -> None:
    """What needs no order. Raises OSError."""
    os.setsid()
    means.kernel.die_with_parent()
    for number in means.ignored:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    means.rehearse(kind)


def become(means: Means, order: Order, files: list[int]) -> None:
    """Turn this process into the program. Raises SetupFailed, or OSError where the program itself cannot be started.

    ``files`` are those that were passed with the order.
    """
    try:
        _prepare(means, order, files[1:4])
    except (OSError, ValueError) as error:
        raise _setup_failed(error) from error
    # Only now, and before it does anything: one that never began may be tried again.
    with contextlib.suppress(OSError):
        os.write(files[-1], BEGAN)
    if order["probe"]:
        canary.run(order)
        os._exit(0)
    os.execve(order["path"], order["argv"], order["env"])


def started(means: Means, order: Order, files: list[int]) -> int:
    """Start a program that nothing holds; its pid. Raises SetupFailed, or OSError where it cannot be started.

    It ends with its supervisor, whose end the launcher sees; where both are killed at once it goes on.
    The process itself goes to the program's working directory.
    """
    try:
        os.chdir(order["cwd"])
    except (OSError, ValueError) as error:
        raise _setup_failed(error) from error
    return os.posix_spawn(
        order["path"], order["argv"], order["env"], setsid=True, setsigmask=(), setsigdef=means.ignored,
        file_actions=[(os.POSIX_SPAWN_DUP2, at, number) for number, at in enumerate(files)],
    )  # fmt: skip


def _setup_failed(error: OSError | ValueError) -> SetupFailed:
    number = error.errno if isinstance(error, OSError) else None
    return SetupFailed(number or 0, str(error))


def _prepare(means: Means, order: Order, files: list[int]) -> None:
    if order["level"] == "full":
        mounts.limit_processes(order["limits"].get("nproc", 256))
        mounts.arrange(means.kernel, order)
    if order["scratch"]:
        scratch.make(order["scratch"])
    for number, at in enumerate(files):
        os.dup2(at, number)
    if order["umask"] is not None:
        os.umask(order["umask"])
    os.chdir(order["cwd"])
    for name, value in order["limits"].items():
        kind = getattr(resource, f"RLIMIT_{name.upper()}")
        _, most = resource.getrlimit(kind)
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (value, value))
    if order["level"] == "process":
        return
    means.drop_rights()
    means.ruleset(order).enforce()
    means.kernel.seccomp_filter(means.filter(order))
