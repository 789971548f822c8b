"""Whether the proxy is still about as cheap as it was: `nox -s speed`, or `python -m bench.check`; some ten seconds.

What counts is CPU, as a multiple of what a loop that only copies bytes (bare.py) spends on the same load in the same
run. Each figure is the smallest of several rounds, more of them where it looks bad, and a limit is three to four
times what is usual: this fails when something is wrong in kind (an event parsed that nobody asked for, a task or a copy
for each piece), not on a busy day.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from .load import Job
from .process import Processes, Started, free_port, is_measurable
from .run import summary_of
from .shape import Shape
from .targets import start

_ROUNDS = 2
_MORE_ROUNDS = 4
"""Looked at again this often before something counts as far off."""


@dataclass(frozen=True, slots=True)
class Check:
    """A load, what of it is counted, and how many times the bare loop's CPU is too much."""

    name: str
    job: Job
    counted: str
    limit: float


CHECKS = (
    Check("requests of 10 KB", Job("http", 0, Shape(0, 900), 8, 700, 10 << 10), "done", 45),
    Check("requests of 1 MB", Job("http", 0, Shape(0, 900), 1, 20, 1 << 20), "done", 10),
    Check("paced events", Job("http", 0, Shape(100, 190, 5), 64, 64, 10 << 10), "events", 7),
    Check("events in bursts", Job("http", 0, Shape(2000, 190, 0, 8), 8, 16, 10 << 10), "events", 12),
    Check("paced WebSocket messages", Job("socket", 0, Shape(100, 190, 5), 64, 64, 10 << 10), "events", 7),
)


def each_us(check: Check, target: Started) -> float | None:
    """CPU of one request or event; None where the target refuses. Raises SystemExit for a wrong answer."""
    found = summary_of(replace(check.job, port=target.port, pid=target.pid))
    if check.job.kind == "socket" and not found["done"]:
        return None
    if found["errors"] or found["same"] != found["done"]:
        raise SystemExit(f"{check.name}, {target.name}: {found['errors'] or 'other bytes than were sent'}")
    return float(found["cpu_s"] * 1e6 / found[check.counted])


def measure(check: Check, ours: Started, bare: Started, rounds: int) -> tuple[float, float] | None:
    """What one costs here, in microseconds, and how many times a bare loop's that is; None where it is refused."""
    here: list[float] = []
    there: list[float] = []
    while len(here) < rounds or (len(here) < rounds + _MORE_ROUNDS and min(here) > check.limit * min(there)):
        one, other = each_us(check, ours), each_us(check, bare)
        if one is None or other is None:
            return None
        here.append(one)
        there.append(other)
    return min(here), min(here) / min(there)


def main() -> int:
    """Print one line for each check; 1 if one is far off."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.check")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"default {_ROUNDS}")
    rounds = max(1, parser.parse_args().rounds)
    if not is_measurable():
        print("not measured: this needs Linux, where the CPU clocks of other processes can be read")
        return 0
    worse = 0
    with tempfile.TemporaryDirectory(prefix="codex-plus-speed-") as work, Processes(Path(work)) as processes:
        upstream = free_port()
        processes.start("upstream", [sys.executable, "-m", "bench.upstream", str(upstream)], upstream)
        bare = start("bare", processes, upstream)
        ours = start("codex-plus", processes, upstream)
        for check in CHECKS:
            found = measure(check, ours, bare, rounds)
            if found is None:
                print(f"{check.name:25} skipped, the proxy refuses them")
                continue
            here, times = found
            print(f"{check.name:25} {here:8.1f} us, {times:5.1f} times a bare loop (limit {check.limit:g})", flush=True)
            worse += times > check.limit
    if worse:
        print(f"{worse} of {len(CHECKS)} far off; docs/performance.md says how to look for the reason")
    return 1 if worse else 0


if __name__ == "__main__":
    raise SystemExit(main())
