"""What the launcher adds to a key: `python -m bench.keys [KEYS]`, from the terminal to a program and its echo back.

The program is a Python that echoes each byte in raw mode; once it has the terminal to itself, and once below the
launcher, in turns. Linux and macOS.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import statistics
import sys
import time

GOAL_MS = 2.0
"""What the launcher may add, at the median."""

ECHO = (
    "import os, sys, tty; tty.setraw(0); os.write(1, b'ready')\n"
    "while (got := os.read(0, 64)):\n    os.write(1, got)\n"
)  # fmt: skip
LAUNCHED = (
    "import os, sys; from codexplus_core.terminal.launcher import launch\n"
    "sys.exit(launch([sys.executable, '-c', sys.argv[1]], dict(os.environ), lambda: None, version='0.169.0'))"
)


class Terminal:
    """A terminal of ours with a program in it."""

    def __init__(self, argv: list[str]) -> None:
        self.pid, self.at = pty.fork()
        if self.pid == 0:
            os.execv(argv[0], argv)
        self._until(b"ready")

    def key(self) -> float:
        """Press one; milliseconds until it is back."""
        began = time.perf_counter()
        os.write(self.at, b"x")
        self._until(b"x")
        return (time.perf_counter() - began) * 1000

    def close(self) -> None:
        """End the program."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.at)

    def _until(self, wanted: bytes) -> None:
        got = b""
        while wanted not in got:
            ready, _, _ = select.select([self.at], [], [], 20)
            if not ready:
                raise SystemExit(f"waited 20 s for {wanted!r}, got {got!r}")
            got += os.read(self.at, 4096)


def main() -> int:
    """Print the table; 1 where the launcher adds more than the goal."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    terminals = {
        "alone": Terminal([sys.executable, "-c", ECHO]),
        "below the launcher": Terminal([sys.executable, "-c", LAUNCHED, ECHO]),
    }
    times: dict[str, list[float]] = {name: [] for name in terminals}
    try:
        for _ in range(count):
            for name, terminal in terminals.items():
                times[name].append(terminal.key())
                # Nobody types faster; what the launcher does between keys is not waited for.
                time.sleep(0.002)
    finally:
        for terminal in terminals.values():
            terminal.close()
    print(f"{count} keys in turns, load average {os.getloadavg()[0]:.1f}; milliseconds")
    print(f"{'':20} {'p50':>7} {'p95':>7} {'p99':>7}")
    for name, values in times.items():
        cuts = statistics.quantiles(values, n=100)
        print(f"{name:20} {cuts[49]:7.2f} {cuts[94]:7.2f} {cuts[98]:7.2f}")
    added = statistics.median(times["below the launcher"]) - statistics.median(times["alone"])
    print(f"added at the median: {added:.2f}; goal: at most {GOAL_MS:g}")
    return 1 if added > GOAL_MS else 0


if __name__ == "__main__":
    sys.exit(main())
