"""What a call of an MCP tool costs here: `python -m bench.mcp [CALLS]`, next to the bare client of the mcp package.

The same program over stdio, with a process of its own for each way; the ways take turns. `tool` is all that stands
between the model's call and the answer for the model; `gateway` is the same from Codex's request to the response.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from codexplus_core import Core, Session, open_core

GOAL_MS = 3.0
"""What a call may cost over the bare client's, at the median."""
_SERVER = Path(__file__).parents[1] / "tests/compat/mcp/srv.py"
_GIVEN = {"text": "words " * 20}
_WARM_UP = 20
_STARTS = 7

Call = Callable[[], Awaitable[object]]


async def measured(core: Core, calls: int, home: Path, env: Mapping[str, str]) -> dict[str, list[float]]:
    """Milliseconds of each call, by its way."""
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    from codexplus_mcp.caller import Caller
    from codexplus_mcp.connections import Connections
    from codexplus_mcp.gateway import Gateway
    from codexplus_mcp.outputs import Outputs
    from codexplus_mcp.protocol import Request
    from codexplus_mcp.settings import Servers
    from codexplus_mcp.tools import Tools

    program = StdioServerParameters(command=sys.executable, args=["-I", str(_SERVER)])
    servers, connections = Servers(core), Connections(core, env)
    tools, outputs = Tools(core, connections), Outputs(core, home / "outputs")
    caller = Caller(core, connections, tools, outputs, env)
    gateway = Gateway(core, servers, tools, caller, outputs, env)
    (offer,) = [one for one in await tools.of(servers.of(None).usable, wait=30.0) if one.short == "s__echo"]
    params = {"name": offer.short, "arguments": _GIVEN}
    async with Client(stdio_client(program)) as client:
        ways: dict[str, Call] = {
            "bare": lambda: client.call_tool("echo", _GIVEN),
            "tool": lambda: caller.call(offer, _GIVEN, session=Session()),
            "gateway": lambda: gateway.answer(Request("tools/call", params, 1, {}), None),
        }
        times = await _in_turns(ways, calls)
    await tools.close()
    await connections.close()
    return times


async def _in_turns(ways: dict[str, Call], calls: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(calls + _WARM_UP):
        for name, call in ways.items():
            began = time.perf_counter()
            answer = await call()
            if number >= _WARM_UP:
                times[name].append((time.perf_counter() - began) * 1000)
            assert "ECHO:words" in str(answer), answer
    return times


def starting(words: str) -> float:
    """Milliseconds of CPU that a Python needs for this, the median of a few."""
    found = []
    for _ in range(_STARTS):
        code = f"import time; t = time.process_time(); {words}; print(time.process_time() - t)"
        ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        found.append(float(ran.stdout) * 1000)
    return statistics.median(found)


def main() -> int:
    """Print the table; 1 where a median is over the goal."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        (home / "state").mkdir(mode=0o700)
        entry = {"command": sys.executable, "args": ["-I", str(_SERVER)]}
        settings = {"mcpServers": {"s": entry}, "permissions": {"allow": ["mcp__s"]}}
        (home / "state/settings.json").write_text(json.dumps(settings), encoding="utf-8")
        env = {**os.environ, "HOME": str(home), "CODEX_PLUS_HOME": str(home / "state")}
        with open_core(env) as core:
            times = asyncio.run(measured(core, calls, home, env))
    bare = statistics.median(times["bare"])
    print(f"{calls} calls in turns, load average {os.getloadavg()[0]:.1f}; milliseconds")
    print(f"{'':8} {'p10':>7} {'p50':>7} {'p95':>7} {'added p50':>10}")
    slow = False
    for name, found in times.items():
        cuts = statistics.quantiles(found, n=20)
        added = statistics.median(found) - bare
        slow = slow or added > GOAL_MS
        print(f"{name:8} {cuts[1]:7.2f} {cuts[9]:7.2f} {cuts[18]:7.2f} {added:10.2f}")
    alone, both = starting("import codexplus_core"), starting("import codexplus_core, codexplus_mcp.plugin")
    client = starting("import mcp")
    print(f"CPU ms of imports: the core {alone:.0f}, with the plugin {both:.0f}; the mcp package alone {client:.0f}")
    return int(slow)


if __name__ == "__main__":
    raise SystemExit(main())
