"""Processes under measurement: start and end them, their CPU, memory and ports."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_READY_S = 30.0


@dataclass(frozen=True, slots=True)
class Started:
    """A process that listens, and the seconds until it did."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    start_s: float

    @property
    def pid(self) -> int:
        return self.process.pid


class Processes:
    """Those that were started here; all of them end with the block."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self._all: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.end(*self._all)

    def start(self, name: str, argv: Sequence[str], port: int, env: Mapping[str, str] | None = None) -> Started:
        """Start a server and wait until its port is open. Raises RuntimeError with its last words if it does not."""
        log = self.work / f"{name}.log"
        clean = {"PATH": os.environ["PATH"], "HOME": str(self.work), "LANG": "C.UTF-8", **(env or {})}
        began = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv, cwd=ROOT, env=clean, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self._all.append(process)
        while not is_open(port):
            if process.poll() is not None or time.monotonic() - began > _READY_S:
                words = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
                raise RuntimeError(f"{name} does not listen on port {port}: {words or 'it says nothing'}")
            time.sleep(0.005)
        return Started(name, process, port, time.monotonic() - began)

    def end(self, *processes: subprocess.Popen[bytes]) -> None:
        """End some of them."""
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process in self._all:
                self._all.remove(process)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    """Whether somebody listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


def is_measurable() -> bool:
    """Whether this system shows a process's CPU clock and its share of memory."""
    return Path("/proc/self/smaps_rollup").exists() and hasattr(time, "clock_gettime")


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of the process and its descendants, to the nanosecond (the kernel's clock of each process)."""
    spent = 0.0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            spent += time.clock_gettime(~each << 3 | 2)
    return spent


def pss_mb(pid: int) -> float:
    """Memory of the process and its descendants; what they share is counted once."""
    size = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            size += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return size / 1024
