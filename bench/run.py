"""Measure what a proxy adds: `nox -s bench`, or `python -m bench.run` in the repository's folder."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from . import report
from .cells import CELLS, LONG_THREAD, OTHERS, WITH_PLUGINS, Cell
from .load import Job, job_as_text
from .process import ROOT, Processes, Started, free_port, is_measurable, pss_mb
from .report import Results, Summary
from .targets import PLUGINS, REWRITING, Missing, start, versions

README = ROOT / "bench/README.md"
TARGETS = ("direct", "nginx", "simple", "simple-async", "codex-plus")
_PATIENCE_S = 180


class Bench:
    """One run: the upstream, the targets, and the results so far."""

    def __init__(self, processes: Processes, rounds: int) -> None:
        self.results = Results()
        self._processes = processes
        self._rounds = rounds
        # The same order in every run; which target comes first differs from round to round.
        self._random = random.Random(1)
        self._upstream = free_port()
        processes.start("upstream", [sys.executable, "-m", "bench.upstream", str(self._upstream)], self._upstream)

    def side_by_side(self, targets: list[str], cells: list[Cell]) -> None:
        """All cells with all targets, interleaved over the rounds."""
        running: dict[str, Started | None] = {}
        for name in targets:
            try:
                running[name] = None if name == "direct" else self._started(name)
            except Missing as missing:
                say(f"{name}: left out, {missing}")
        idle = {name: pss_mb(target.pid) for name, target in running.items() if target is not None}
        for number in range(self._rounds):
            for cell in cells:
                order = list(running)
                self._random.shuffle(order)
                say(f"round {number + 1}: {cell.name}")
                for name in order:
                    self._measure(cell, name, running[name])
        for name, target in running.items():
            if target is not None:
                self.results.memory_mb[name] = [(idle[name], pss_mb(target.pid))]
                self._processes.end(target.process)
        self._in_order(list(running))

    def one_by_one(self, targets: list[str], cells: list[Cell]) -> None:
        """Each round with a proxy of its own, which knows nothing of the threads of the round before."""
        for number in range(self._rounds):
            say(f"round {number + 1}: {', '.join(cell.name for cell in cells)}")
            for name in self._random.sample(targets, len(targets)):
                try:
                    target = start(name, self._processes, self._upstream)
                except Missing as missing:
                    self.results.skipped.setdefault(cells[0].name, {})[name] = str(missing)
                    continue
                for cell in cells:
                    before = pss_mb(target.pid)
                    self._measure(cell, name, target)
                    memory = self.results.memory_mb.setdefault(f"{cell.name} {name}", [])
                    memory.append((before, pss_mb(target.pid)))
                self._processes.end(target.process)
        self._in_order(targets)

    def _in_order(self, targets: Sequence[str]) -> None:
        for runs in self.results.runs.values():
            ordered = {name: runs[name] for name in targets if name in runs}
            if len(ordered) == len(runs):
                runs.clear()
                runs.update(ordered)

    def _started(self, name: str) -> Started:
        """A target, started once for each round to see how long it takes."""
        for _ in range(self._rounds - 1):
            target = start(name, self._processes, self._upstream)
            self.results.start_s.setdefault(name, []).append(target.start_s)
            self._processes.end(target.process)
        target = start(name, self._processes, self._upstream)
        self.results.start_s.setdefault(name, []).append(target.start_s)
        return target

    def _measure(self, cell: Cell, name: str, target: Started | None) -> None:
        if name in self.results.skipped.get(cell.name, {}):
            return
        job = Job(
            cell.kind, self._upstream if target is None else target.port, cell.shape, cell.connections,
            cell.count, cell.size, start=cell.start,
            exact=REWRITING not in name, pid=0 if target is None else target.pid,
        )  # fmt: skip
        found = summary_of(job)
        if cell.kind == "socket" and not found["done"]:
            why = ", ".join(found["errors"])
            self.results.skipped.setdefault(cell.name, {})[name] = f"it refuses a WebSocket ({why})"
            return
        self.results.runs.setdefault(cell.name, {}).setdefault(name, []).append(found)


def summary_of(job: Job) -> Summary:
    """Do a job in a process of its own."""
    argv = [sys.executable, "-m", "bench.load", job_as_text(job)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    if done.returncode:
        raise SystemExit(f"the load generator failed: {done.stderr[-2000:]}")
    found: Summary = json.loads(done.stdout)
    return found


def measure(cells: list[str], targets: list[str], *, rounds: int, quick: bool) -> str:
    """Run the named cells; the results as Markdown."""
    chosen = [replace(cell, count=cell.quick or cell.count) if quick else cell for cell in CELLS if cell.name in cells]
    with tempfile.TemporaryDirectory(prefix="codex-plus-bench-") as work, Processes(Path(work)) as processes:
        bench = Bench(processes, rounds)
        results = bench.results
        tables: list[str] = []
        if chosen:
            bench.side_by_side(targets, chosen)
            tables += [report.cell_table(cell, results) for cell in chosen]
        if "memory" in cells and results.start_s:
            tables.append(report.memory_table(results))
        if LONG_THREAD.name in cells:
            bench.one_by_one(["codex-plus", f"codex-plus+{REWRITING}"], [LONG_THREAD])
            tables.append(report.thread_table(LONG_THREAD, results))
        if "plugins" in cells:
            loaded = (f"codex-plus+{name}" for name in (*PLUGINS, "all", REWRITING))
            bench.one_by_one(["codex-plus", *loaded], [*WITH_PLUGINS])
            tables.append(report.plugins_table(WITH_PLUGINS, results))
    return f"{machine(rounds)}\n\n" + "\n".join(tables)


def machine(rounds: int) -> str:
    """When and where this was measured."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return (
        f"{datetime.date.today()}, {os.cpu_count()} × {model}, {platform.system()} {platform.release()}; {versions()}."
        f" Medians of {rounds} rounds; load average {os.getloadavg()[0]:.1f} at the end."
    )


def write(text: str) -> None:
    """Put results between the markers of the README."""
    old = README.read_text(encoding="utf-8")
    before, _, rest = old.partition(report.BEGIN)
    after = rest.partition(report.END)[2]
    README.write_text(f"{before}{report.BEGIN}\n\n{text}\n{report.END}{after}", encoding="utf-8")


def say(what: str) -> None:
    """Progress, apart from the results."""
    print(what, file=sys.stderr, flush=True)


def names(text: str, known: list[str]) -> list[str]:
    """Names parted by commas, each of them known."""
    given = [name for name in text.split(",") if name]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return given


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.run")
    parser.add_argument(
        "--quick", action="store_true", help="the main cells only, with fewer requests; a minute and a half"
    )
    parser.add_argument("--cells", help="only these, parted by commas")
    parser.add_argument("--targets", help=f"of {', '.join(TARGETS)} and codex-plus+PLUGIN; direct always takes part")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--write", action="store_true", help=f"put the results into {README.relative_to(ROOT)}, too")
    args = parser.parse_args()
    if not is_measurable():
        raise SystemExit("this needs Linux: the CPU clock and the memory of other processes are read from /proc")
    all_cells = [*(cell.name for cell in CELLS if cell.quick or not args.quick), *OTHERS[2 if args.quick else 0 :]]
    cells = names(args.cells, [*(cell.name for cell in CELLS), *OTHERS]) if args.cells else all_cells
    targets = list(TARGETS)
    if args.targets:
        # Any plugin that is installed will do.
        with_plugin = [name for name in args.targets.split(",") if name.startswith("codex-plus+")]
        targets = names(args.targets, [*TARGETS, "bare", *with_plugin])
    # As an exception, so that every process that was started here is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    targets = ["direct", *(name for name in targets if name != "direct")]
    text = measure(cells, targets, rounds=max(1, args.rounds), quick=args.quick)
    print(text)
    if args.write:
        write(text)


if __name__ == "__main__":
    main()
