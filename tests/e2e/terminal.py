"""The interactive Codex in a terminal that can be typed into and looked at: tmux on a private socket."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

from e2e.codex import Codex
from e2e.proxies import end_processes_of

LIMIT_S = 20.0
# Looking at a screen has no event to wait for.
LOOK_S = 0.05


class Terminal:
    """One terminal with one Codex in it."""

    def __init__(self, codex: Codex, socket: Path) -> None:
        self.codex = codex
        self.last = ""
        """The screen as last seen."""
        self._socket = socket
        self._prompt = "› " if codex.number >= (0, 60) else "▌"

    async def start(self, *args: str) -> None:
        """Start Codex and wait for its composer."""
        env = self.codex.env(COLORTERM="truecolor")
        command = shlex.join(
            ["env", "-i", *(f"{key}={value}" for key, value in env.items()), str(self.codex.binary), *args]
        )
        await self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-s", "codex", "-x", "110", "-y", "40",
            "-c", str(self.codex.project), command,
        )  # fmt: skip
        await self._tmux("set-option", "-t", "codex", "remain-on-exit", "on")
        await self.shows(self._prompt)

    async def say(self, words: str) -> None:
        """Type and press Enter, once the composer shows the words (a fast Enter counts as part of a paste)."""
        await self.type(words)
        await self.key("Enter")

    async def type(self, words: str) -> None:
        """Type and wait until it is seen."""
        await self._tmux("send-keys", "-t", "codex", "-l", words)
        # The prompt stands before it; a leading space of the words comes on top.
        await self.shows(f"{self._prompt}{words}")
        # The burst detection of Codex looks back 120 ms; there is nothing to see when it is over.
        await asyncio.sleep(0.2)

    async def key(self, name: str) -> None:
        """Press a key by its tmux name."""
        await self._tmux("send-keys", "-t", "codex", name)

    async def screen(self) -> str:
        """What is seen now."""
        self.last = await self._tmux("capture-pane", "-p", "-t", "codex")
        return self.last

    async def shows(self, *words: str, times: int = 1) -> str:
        """The screen, once all of these words are on it, each so many times."""
        try:
            async with asyncio.timeout(LIMIT_S):
                while missing(await self.screen(), words, times):
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise AssertionError(f"{words} not on the screen within {LIMIT_S:g} s:\n{self.last}") from None
        return self.last

    async def stop(self) -> None:
        """End it, and the daemon it started."""
        await self._tmux("kill-server")
        end_processes_of(self.codex.home)

    async def _tmux(self, *args: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "tmux", "-S", str(self._socket), *args,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        out, _ = await process.communicate()
        return out.decode("utf-8", "replace")


def missing(screen: str, words: tuple[str, ...], times: int = 1) -> list[str]:
    """Those words that are not on the screen so many times."""
    return [word for word in words if screen.count(word) < times]
