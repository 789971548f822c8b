"""Ending whatever a program has left behind."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection


def end_all_in_namespace() -> None:
    """Kill every other process of this process namespace, whose first process we are, and wait until all are gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    _reap_the_rest()


def end_children(spared: Collection[int] = ()) -> None:
    """Kill all descendants but ``spared`` children and theirs, and wait; orphans must come to this process.

    Round after round: a killed parent's children become ours, and what it forked meanwhile is found then.
    """
    while True:
        pids = [pid for pid in _children(os.getpid()) if pid not in spared]
        if not pids:
            return
        for pid in pids:
            _kill_with_descendants(pid)
        for pid in pids:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _kill_with_descendants(pid: int) -> None:
    """Parents first, so that none of them can start another."""
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            continue
        waiting += _children(each)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        with os.scandir(f"/proc/{pid}/task") as threads:
            for thread in threads:
                found += [int(word) for word in _contents(f"{thread.path}/children").split()]
    except FileNotFoundError:
        return found if _lists_children() else _by_scanning(pid)
    except ProcessLookupError:
        pass
    return found


def _lists_children() -> bool:
    try:
        _contents(f"/proc/self/task/{os.getpid()}/children")
    except FileNotFoundError:
        return False
    return True


def _by_scanning(parent: int) -> list[int]:
    """Children by looking at every process, for kernels that do not list them."""
    found = []
    with os.scandir("/proc") as entries:
        for entry in entries:
            if not entry.name.isdigit():
                continue
            try:
                if int(_contents(f"{entry.path}/stat").rpartition(b")")[2].split()[1]) == parent:
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def _contents(path: str) -> bytes:
    at = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(at, 65536):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(at)


def _reap_the_rest() -> None:
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
