"""What the sandbox adds to a run: `python -m bench.sandbox [RUNS]`, `/bin/true` bare and at each level, in turns.

The last line is the strongest level again, where two deny rules for reading are held against a project's 10,000 files.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from codexplus_core.services.permissions import Layer, RuleSet
from codexplus_core.services.run import run_program
from codexplus_core.services.sandbox.grants import grants_for
from codexplus_core.services.sandbox.level import LEVELS, Level
from codexplus_core.services.sandbox.sandbox import Sandbox

GOAL_MS = 6.0
"""What a run may cost over the bare program, at the median."""


async def measured(runs: int, project: Path) -> dict[str, list[float]]:
    """Milliseconds of each run, by what ran it; all take turns, so that a busy moment strikes everyone."""
    grants = grants_for(["read_repo", "run:cat"], project, Path.home())
    rules = RuleSet([Layer("settings", True, deny=("Read(./.env)", "Read(**/*.pem)"), root=project)])
    denying = replace(grants, unreadable=rules.unreadable(project, project))
    sandboxes: dict[Level, Sandbox] = {}
    for number, level in enumerate(LEVELS):
        sandbox = Sandbox(levels=LEVELS[: number + 1])
        found = await sandbox.probe()
        if found.level == level:
            sandboxes[level] = sandbox
        else:
            print(f"{level}: not on this machine: {found}")
            sandbox.close()
    times: dict[str, list[float]] = {"bare": [], **{level: [] for level in sandboxes}, "denying": []}
    for _ in range(runs):
        began = time.perf_counter()
        await run_program(["/bin/true"])
        times["bare"].append((time.perf_counter() - began) * 1000)
        for level, sandbox in sandboxes.items():
            began = time.perf_counter()
            await sandbox.run_sandboxed(["/bin/true"], grants=grants, minimum=level)
            times[level].append((time.perf_counter() - began) * 1000)
        strongest = list(sandboxes)[-1]
        began = time.perf_counter()
        await sandboxes[strongest].run_sandboxed(["/bin/true"], grants=denying, minimum=strongest)
        times["denying"].append((time.perf_counter() - began) * 1000)
    for sandbox in sandboxes.values():
        sandbox.close()
    return times


def fill(project: Path) -> None:
    """10,000 files in 500 folders that have not changed for long, one of them denied."""
    for number in range(500):
        folder = project / f"{number % 20}" / f"{number}"
        folder.mkdir(parents=True)
        for file in range(20):
            (folder / f"{file}.js").touch()
    (project / ".env").touch()
    for folder in (project, *(path for path in project.rglob("*") if path.is_dir())):
        os.utime(folder, (1, 1))


def main() -> int:
    """Print the table; 1 where the median is over the goal."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as project:
        fill(Path(project).resolve())
        times = asyncio.run(measured(runs, Path(project).resolve()))
    bare = statistics.median(times["bare"])
    print(f"{runs} runs in turns, load average {os.getloadavg()[0]:.1f}; milliseconds")
    print(f"{'':8} {'p10':>7} {'p50':>7} {'p95':>7} {'added p50':>10}")
    slow = False
    for name, values in times.items():
        cuts = statistics.quantiles(values, n=20)
        added = cuts[9] - bare
        slow = slow or (added > GOAL_MS and name != "denying")
        print(f"{name:8} {cuts[1]:7.2f} {cuts[9]:7.2f} {cuts[18]:7.2f} {added:10.2f}")
    print(f"goal: at most {GOAL_MS:g} ms added")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
