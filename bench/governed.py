"""What governance costs: `python -m bench.governed`, the three other plugins without and with enterprise, in turns."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from .cells import KIB
from .load import Job
from .process import Processes, Started, cpu_s, free_port, is_measurable
from .run import summary_of
from .shape import Shape
from .targets import PLUGINS, serving

REQUEST_MS, EVENT_SHARE = 0.15, 10.0
"""The aims: ms of CPU that a request may cost more, and percent that an event may."""
STREAMS = 64
# Where an audit log is kept an answer without a stream is refused: nobody could see its tool calls.
_REQUEST, _SHORT, _LONG = Shape(4), Shape(50, 190, 5), Shape(450, 190, 5)
_SETTLE_S = 0.8
"""Seconds after the last answer: what was counted and recorded is written behind the requests."""
_IDLE_S = 3.0
SETTINGS = {
    "security": {"modelAllowlist": ["gpt-*", "bench_*"], "endpointAllowlist": ["127.0.0.1:*", "api.openai.com"]},
    "audit": {"enabled": True},
    "metrics": {"enabled": True},
    "prices": {"bench_*": {"input": 1, "cached": 0.1, "output": 8}},
    "budgets": {
        "user": {"amount": 1_000_000, "period": "month"},
        "project": {"tokens": 1_000_000_000_000, "period": "week"},
    },
}
"""Everything on: a policy, the audit log, metrics, prices and budgets that are never spent."""


@dataclass(slots=True)
class Costs:
    """What one of the two costs, round by round: ms of CPU a request, µs an event, ms a stream besides its events."""

    request_ms: list[float] = field(default_factory=list)
    event_us: list[float] = field(default_factory=list)
    stream_ms: list[float] = field(default_factory=list)


def main() -> int:
    """Print the table; 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=600)
    options = parser.parse_args()
    if not is_measurable():
        raise SystemExit("this needs Linux: the CPU clock of other processes is read from /proc")
    with tempfile.TemporaryDirectory(prefix="codex-plus-bench-") as work, Processes(Path(work)) as processes:
        upstream = free_port()
        processes.start("upstream", [sys.executable, "-m", "bench.upstream", str(upstream)], upstream)
        targets = {
            "without": started(processes, "without", PLUGINS[:3], {}, upstream),
            "with": started(processes, "with", PLUGINS, SETTINGS, upstream),
        }
        costs = {name: Costs() for name in targets}
        for number in range(options.rounds):
            print(f"round {number + 1}", file=sys.stderr, flush=True)
            measure(targets, costs, options.requests, forwards=number % 2 == 0)
    return shown(costs)


@dataclass(frozen=True, slots=True)
class Target:
    """A proxy, and the share of a processor that it takes with nothing to do."""

    started: Started
    idle: float


def started(
    processes: Processes, name: str, plugins: tuple[str, ...], settings: Mapping[str, object], upstream: int
) -> Target:
    """A proxy with a home of its own, where these are its user's settings."""
    home = processes.work / name
    folder = home / ".codexplus"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    port = free_port()
    target = processes.start(name, serving(port, upstream, ",".join(plugins)), port, {"HOME": str(home)})
    # Imports at the first request, connections, and what is looked at once are nobody's cost.
    for shape in (_REQUEST, _SHORT):
        summary_of(Job("http", port, shape, STREAMS, 2 * STREAMS, 10 * KIB))
    time.sleep(_SETTLE_S)
    idle = -cpu_s(target.pid)
    time.sleep(_IDLE_S)
    return Target(target, (cpu_s(target.pid) + idle) / _IDLE_S)


def measure(targets: Mapping[str, Target], costs: Mapping[str, Costs], requests: int, *, forwards: bool) -> None:
    """One round: each load on both, the first of them first in every other round."""
    order = list(targets) if forwards else list(targets)[::-1]
    for name in order:
        spent = spent_ms(targets[name], _REQUEST, 8, requests)
        costs[name].request_ms.append(spent / requests)
    short: dict[str, float] = {}
    for shape in (_SHORT, _LONG):
        for name in order:
            spent = spent_ms(targets[name], shape, STREAMS, STREAMS) / STREAMS
            if shape is _SHORT:
                short[name] = spent
                continue
            each = (spent - short[name]) / (_LONG.events - _SHORT.events)
            costs[name].event_us.append(1000 * each)
            costs[name].stream_ms.append(short[name] - each * _SHORT.events)


def spent_ms(target: Target, shape: Shape, connections: int, count: int) -> float:
    """Milliseconds of CPU of a load, and of what is written behind it; less what the proxy takes with nothing to do."""
    pid, port = target.started.pid, target.started.port
    began, spent = time.monotonic(), -cpu_s(pid)
    found = summary_of(Job("http", port, shape, connections, count, 10 * KIB))
    time.sleep(_SETTLE_S)
    spent += cpu_s(pid) - target.idle * (time.monotonic() - began)
    if found["errors"] or found["done"] != count:
        raise SystemExit(f"{target.started.name}: {found['done']} of {count} answers, errors: {found['errors']}")
    return 1000 * spent


def shown(costs: Mapping[str, Costs]) -> int:
    """Print both, and what the one costs more; 1 where that is more than aimed at."""
    bare, governed = costs["without"], costs["with"]
    more_ms = median(b - a for a, b in zip(bare.request_ms, governed.request_ms, strict=True))
    more_share = 100 * median(b / a - 1 for a, b in zip(bare.event_us, governed.event_us, strict=True))
    more_stream = median(b - a for a, b in zip(bare.stream_ms, governed.stream_ms, strict=True))
    print(f"{len(bare.request_ms)} rounds in turns, load average {os.getloadavg()[0]:.1f}; medians, and of differences")
    print(f"{'CPU':42} {'without':>9} {'with':>9} {'more':>9}  aim")
    row("ms a request of 10 KB, 4 events, 8 at once", bare.request_ms, governed.request_ms, f"{more_ms:.3f}")
    print(f"  {REQUEST_MS}")
    row(f"µs an event, SSE, {STREAMS} streams", bare.event_us, governed.event_us, f"{more_share:.1f} %")
    print(f"  {EVENT_SHARE:g} %")
    row("ms a stream besides its events", bare.stream_ms, governed.stream_ms, f"{more_stream:.3f}")
    print()
    return 1 if more_ms > REQUEST_MS or more_share > EVENT_SHARE else 0


def row(name: str, bare: list[float], governed: list[float], more: str) -> None:
    """One line of the table, without its end."""
    print(f"{name:42} {median(bare):9.3f} {median(governed):9.3f} {more:>9}", end="")


if __name__ == "__main__":
    sys.exit(main())
