"""What a client of the bridge takes: `python -m bench.bridge [RUNS]`, each program that Codex may start, in turns.

From its start to its end with a small event, against a server that answers at once; next to it what an interpreter
takes to do nothing at all. The aim is at most 15 ms at the median.
"""

from __future__ import annotations

import os
import random
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from codexplus_hooks.bridge_client import HELLO
from codexplus_hooks.bridge_files import bash_with_tcp, command, files, places

GOAL_MS = 15.0
EVENT = b'{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"ls -l"}}'
ANSWER = b'{"hookSpecificOutput":{"hookEventName":"PreToolUse","additionalContext":"read the file first"}}'


class Answering(socketserver.StreamRequestHandler):
    """Takes an event, and answers as the proxy does."""

    def handle(self) -> None:
        """One request."""
        length = 0
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.rfile.read(length)
        body = HELLO + b"\nanswer %d\n" % len(ANSWER) + ANSWER
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body)


def programs(home: Path, port: int) -> dict[str, Sequence[str]]:
    """The command lines by name, as `init --hooks` would write them, started by sh in the place of a login shell."""
    env = {"HOME": str(home), "PATH": os.defpath, "CODEX_PLUS_BASE_URL": f"http://127.0.0.1:{port}/v1"}
    for path, text in files(env).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    here = places(env)
    found: dict[str, Sequence[str]] = {"sh": ("/bin/sh", "-c", "exit 0")}
    if bash_with_tcp(env):
        found["bash"] = ("/bin/sh", "-c", command(here, "PreToolUse", env, windows=False))
    plain = command(here, "PreToolUse", {**env, "PATH": "/nowhere"}, windows=False)
    found["python"] = ("/bin/sh", "-c", plain)
    interpreter = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
    found["python that does nothing"] = (interpreter, "-I", "-S", "-E", "-c", "")
    return found


def measured(runs: int, lines: Mapping[str, Sequence[str]]) -> dict[str, list[float]]:
    """Milliseconds of each run, by program."""
    times: dict[str, list[float]] = {name: [] for name in lines}
    for _ in range(runs):
        for name in random.sample(list(lines), len(lines)):
            began = time.perf_counter()
            ran = subprocess.run(lines[name], input=EVENT, capture_output=True, check=True)
            times[name].append((time.perf_counter() - began) * 1000)
            if name in ("bash", "python") and ran.stdout != ANSWER + b"\n":
                raise SystemExit(f"{name}: got {ran.stdout!r}")
    return times


def main() -> int:
    """Print the table; 1 where a client's median is over the goal."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as home, socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        times = measured(runs, programs(Path(home).resolve(), server.server_address[1]))
        server.shutdown()
    print(f"{runs} runs in turns, load average {os.getloadavg()[0]:.1f}; milliseconds")
    print(f"{'':24} {'p10':>7} {'p50':>7} {'p95':>7}")
    slow = False
    for name, values in times.items():
        cuts = statistics.quantiles(values, n=20)
        slow = slow or (name in ("bash", "python") and cuts[9] > GOAL_MS)
        print(f"{name:24} {cuts[1]:7.2f} {cuts[9]:7.2f} {cuts[18]:7.2f}")
    print(f"goal: at most {GOAL_MS:g} ms")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
