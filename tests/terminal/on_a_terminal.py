"""A terminal for the launcher and the program in it: typed into and looked at, with nobody sitting there."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from codexplus_core.terminal.screen import Screen

FOLDER = Path(__file__).parent
FAKE = FOLDER / "fake_codex.py"
LAUNCH = """
import os, sys
from codexplus_core.terminal.gate import Gate
from codexplus_core.terminal.launcher import launch
later = Gate.later
if os.environ.get("PATIENT"):
    # On a busy machine a program may need longer to show a key than the gate gives it.
    Gate.later = lambda gate, now: later(gate, now) if gate._seen else b""
ours = frozenset(os.environ["OURS"].split())
sys.exit(launch(sys.argv[1:], dict(os.environ), lambda: ours, version="0.169.0"))
"""
LIMIT_S = 40.0
LOOK_S = 0.01


class OnATerminal:
    """One process on a terminal, with all that it wrote in ``output``."""

    def __init__(self, pid: int, terminal: int, log: Path) -> None:
        self.pid = pid
        self.terminal = terminal
        self.log = log
        self.output = bytearray()
        self.answers: dict[bytes, bytes] = {}
        """What the terminal says when the program asks this."""
        self.screen = Screen(24, 80)
        self.ended = False

    def type(self, data: bytes) -> None:
        """Press keys, all in one go."""
        os.write(self.terminal, data)

    async def press(self, data: bytes) -> None:
        """Press a key and wait until the program has it."""
        before = len(self.got)
        self.type(data)
        await self.until(lambda: len(self.got) > before)

    async def keys(self, text: str) -> None:
        """Press one key after the other, each when the program has the one before."""
        for character in text:
            await self.press(character.encode())

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What the fake program has noted, without the bytes it got."""
        return [(what, value) for what, value in self._all() if what not in ("got", "ready")]

    @property
    def got(self) -> str:
        """The bytes that the fake program got."""
        return "".join(value for what, value in self._all() if what == "got")

    def _all(self) -> list[tuple[str, str]]:
        if not self.log.exists():
            return []
        # A line that is just being written is not whole.
        lines = self.log.read_text(encoding="utf-8").split("\n")[:-1]
        return [(what, value) for what, value in map(json.loads, lines)]

    async def until(self, holds: Callable[[], object]) -> None:
        """Return when it holds."""
        try:
            async with asyncio.timeout(LIMIT_S):
                while not holds():
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise AssertionError(
                f"not within {LIMIT_S:g} s; notes {self._all()[-12:]}; {bytes(self.output[-800:])!r}"
            ) from None

    async def code(self) -> int:
        """The exit code, once it has ended."""
        await self.until(lambda: self._wait(os.WNOHANG))
        return self._code

    def _wait(self, options: int) -> bool:
        pid, status = os.waitpid(self.pid, options)
        if pid:
            self.ended, self._code = True, os.waitstatus_to_exitcode(status)
        return bool(pid)

    def resize(self, rows: int, columns: int, *pixels: int) -> None:
        """Change the size of the window."""
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, *(pixels or (0, 0))))

    def hang_up(self) -> None:
        """Close the window."""
        asyncio.get_running_loop().remove_reader(self.terminal)
        os.close(self.terminal)
        self.terminal = -1

    def modes(self) -> list[Any]:
        """The terminal's modes now."""
        return termios.tcgetattr(self.terminal)

    def readable(self) -> None:
        """Take in what was written."""
        try:
            data = os.read(self.terminal, 65536)
        except OSError:
            asyncio.get_running_loop().remove_reader(self.terminal)
            return
        self.output += data
        self.screen.feed(data)
        for asked, answer in self.answers.items():
            if asked in data:
                os.write(self.terminal, answer)


@asynccontextmanager
async def on_a_terminal(log: Path, *argv: str, env: dict[str, str] | None = None) -> AsyncIterator[OnATerminal]:
    """Run ``argv`` on a new terminal of 24 by 80."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, {**os.environ, "TERM": "xterm-256color", **(env or {})})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 640, 480))
    one = OnATerminal(pid, terminal, log)
    asyncio.get_running_loop().add_reader(terminal, one.readable)
    try:
        yield one
    finally:
        if not one.ended:
            os.kill(pid, signal.SIGKILL)
            one._wait(0)
        if one.terminal >= 0:
            one.hang_up()


def launched(
    log: Path, *argv: str, ours: str = "foo help arch", patient: bool = False
) -> AbstractAsyncContextManager[OnATerminal]:
    """The launcher with a program in it, on a terminal; ``patient`` lets the program take its time to show a key."""
    words = (sys.executable, "-P", "-W", "error", "-c", LAUNCH, *argv)
    return on_a_terminal(log, *words, env={"OURS": ours, "PATIENT": "1" if patient else ""})


@asynccontextmanager
async def fake(log: Path, *options: str, ours: str = "foo help arch") -> AsyncIterator[OnATerminal]:
    """The launcher with the fake Codex in it, ready for keys."""
    words, shows = (sys.executable, str(FAKE), str(log), *options), "mute" not in options
    async with launched(log, *words, ours=ours, patient=shows) as one:
        await one.until(lambda: '["ready", ""]' in (log.read_text() if log.exists() else ""))
        yield one
