"""What codex-plus adds to a hook: `python -m bench.hooks [RUNS]`, one command bare and as hooks of each kind, in turns.

The event is one of Codex's own hooks (PreToolUse of a Bash call), from its payload to the answer for Codex; what the
bridge's client adds on top is in `python -m bench.bridge`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.config import Config
from codexplus_core.testing import Harness
from codexplus_hooks.plugin import HooksPlugin
from codexplus_hooks.trust import proposals

GOAL_MS = 6.0
"""What codex-plus may add to a hook, at the median."""

COMMAND = "read -r event"
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "home": ("home", {}),
    "home, declared": ("home", {"permissions": ["run:cat"]}),
    "project": ("project", {}),
    "project, declared": ("project", {"permissions": ["run:cat", "read_repo"]}),
}
"""By name: whose settings the hook stands in, and what it says besides its command."""


class World:
    """A home and a project with one hook, and a proxy that knows both."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root / str(len(list(root.iterdir())))
        self.home, self.project = self.root / "home", self.root / "project"
        whose, said = KINDS[name]
        hook = {"type": "command", "command": COMMAND, **said}
        for folder in (self.home, self.project, self.root / "state"):
            folder.mkdir(parents=True, mode=0o700)
        settings = (self.home if whose == "home" else self.project) / ".claude/settings.json"
        settings.parent.mkdir()
        rules = {"permissions": {"deny": ["Read(./.env)"]}} if whose == "project" else {}
        settings.write_text(json.dumps({"hooks": {"PreToolUse": [{"hooks": [hook]}]}, **rules}), encoding="utf-8")
        self.plugin = HooksPlugin()
        os.environ["HOME"] = str(self.home)
        approvals = Approvals(self.root / "state")
        self.proxy = Harness({"hooks": self.plugin}, config=Config(self.home, {}), approvals=approvals)
        if whose == "project":
            approvals.allow_now(proposals(self.project))

    async def event(self, number: int, line: bytes) -> None:
        """One event, as the bridge hands it on."""
        assert self.plugin.engine is not None
        payload = {**json.loads(line), "cwd": str(self.project), "tool_use_id": f"call-{number}"}
        answer = await self.plugin.engine.native("PreToolUse", payload)
        assert answer == {}


async def measured(runs: int, worlds: dict[str, World]) -> dict[str, list[float]]:
    """Milliseconds of each run, by kind; all take turns, so that a busy moment strikes everyone."""
    payload = {"session_id": "s", "turn_id": "t", "tool_name": "Bash", "tool_input": {"command": "ls -l"}}
    line = json.dumps(payload).encode()
    times: dict[str, list[float]] = {"bare": [], **{name: [] for name in worlds}}
    for world in worlds.values():
        await world.proxy.__aenter__()
        await world.event(-1, line)
    for number in range(runs):
        began = time.perf_counter()
        # The quickest that Python has; uvloop's own way of starting a program takes longer.
        subprocess.run(["/bin/sh", "-c", COMMAND], input=line + b"\n", capture_output=True, check=True)
        times["bare"].append((time.perf_counter() - began) * 1000)
        for name, world in worlds.items():
            began = time.perf_counter()
            await world.event(number, line)
            times[name].append((time.perf_counter() - began) * 1000)
    for name, world in worlds.items():
        assert world.plugin.engine is not None
        (hook,) = world.plugin.engine.hooks.of(world.project).hooks
        last = world.plugin.engine.runner.last(hook)
        assert last is not None and last.count == runs + 1 and last.result == "ok", (name, last)
        await world.proxy.__aexit__(None, None, None)
    return times


def main() -> int:
    """Print the table; 1 where a median is over the goal."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as root:
        worlds = {name: World(Path(root).resolve(), name) for name in KINDS}
        times = uvloop.run(measured(runs, worlds))
    bare = statistics.median(times["bare"])
    print(f"{runs} runs in turns, load average {os.getloadavg()[0]:.1f}; milliseconds")
    print(f"{'':17} {'p10':>7} {'p50':>7} {'p95':>7} {'added p50':>10}")
    slow = False
    for name, values in times.items():
        cuts = statistics.quantiles(values, n=20)
        added = cuts[9] - bare
        slow = slow or added > GOAL_MS
        print(f"{name:17} {cuts[1]:7.2f} {cuts[9]:7.2f} {cuts[18]:7.2f} {added:10.2f}")
    print(f"goal: at most {GOAL_MS:g} ms added")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
