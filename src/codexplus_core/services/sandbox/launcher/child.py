"""The last steps before the program: its files, its limits, and everything that holds it."""

from __future__ import annotations

import os
import resource
import signal

from . import canary
from .means import Means
from .order import Order


class SetupFailed(OSError):
    """A restriction could not be put in place; the program must not start."""


def get_ready(means: Means) -> None:
    """What needs no order. Raises OSError."""
    os.setsid()
    means.kernel.die_with_parent()
    for number in means.ignored:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    means.rehearse()


def become(means: Means, order: Order, files: list[int]) -> None:
    """Turn this process into the program. Raises SetupFailed, or OSError where the program itself cannot be started."""
    try:
        _prepare(means, order, files)
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        raise SetupFailed(number or 0, str(error)) from error
    if order["probe"]:
        canary.run(order)
        os._exit(0)
    os.execve(order["path"], order["argv"], order["env"])


def _prepare(means: Means, order: Order, files: list[int]) -> None:
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
    means.kernel.drop_capabilities()
    means.ruleset(order).enforce()
    means.kernel.seccomp_filter(means.filter(order))
