"""What a probe does in place of a program: it tries to get out, and says how far it came."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from .order import Order


class Escapes(TypedDict):
    """Each is true where the attempt succeeded; ``works`` is what must succeed."""

    works: bool
    network: bool
    unix: bool
    read: bool
    write: bool
    create: bool
    metadata: bool
    signal: bool


def attempt(order: Order) -> Escapes:
    """Try everything that must fail, and writing in our own directory, which must not. Leaves a process behind."""
    canary, others, outside = order["probe"]
    found: Escapes = {
        "works": _succeeds(lambda: _write(f"{order['scratch']}/tmp/mine", os.O_CREAT)),
        "network": _succeeds(lambda: socket.socket(socket.AF_INET).close()),
        "unix": _succeeds(lambda: socket.socket(socket.AF_UNIX).close()),
        "read": _succeeds(lambda: os.close(os.open(canary, os.O_RDONLY))),
        "write": _succeeds(lambda: _write(canary, 0)),
        "create": _succeeds(lambda: _write(outside, os.O_CREAT)),
        "metadata": _succeeds(lambda: Path(canary).chmod(0o640)),
        # Numbers mean other processes in a namespace of our own.
        "signal": order["level"] == "lsm" and _succeeds(lambda: os.kill(int(others), 0)),
    }
    _leave_someone_behind()
    return found


def run(order: Order) -> None:
    """Make the attempts and print what came of them."""
    os.write(1, json.dumps(attempt(order)).encode())


def _succeeds(action: Callable[[], object]) -> bool:
    try:
        action()
    except OSError:
        return False
    return True


def _write(path: str, flags: int) -> None:
    at = os.open(path, os.O_WRONLY | os.O_APPEND | flags, 0o600)
    try:
        os.write(at, b"x")
    finally:
        os.close(at)


def _leave_someone_behind() -> None:
    """A daemon that ignores what can be ignored and keeps the output open, so that its end can be seen there."""
    if os.fork() != 0:
        os.wait()
        return
    with contextlib.suppress(OSError):
        os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        while True:
            signal.pause()
    os._exit(0)
