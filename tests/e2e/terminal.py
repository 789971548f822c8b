"""The interactive Codex in a terminal that can be typed into and looked at: tmux on a private socket."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from pathlib import Path

from e2e.codex import LIMIT_S, Codex
from e2e.proxies import end_processes_of

# Codex takes an Enter within 120 ms of other keys for a part of what is pasted; nothing shows when that is over.
PASTE_S = 0.2
# A key that came before Codex listened is pressed again after this.
AGAIN_S = 0.5


class Terminal:
    """One terminal with one Codex in it."""

    def __init__(self, codex: Codex, socket: Path) -> None:
        self.codex = codex
        self.last = ""
        """The screen as last seen."""
        self._socket = socket
        self._cursor_row = 0
        self._prompt = "› " if codex.number >= (0, 60) else "▌"
        self._watcher: Watcher | None = None

    async def start(self, *args: str) -> None:
        """Start Codex and wait for its composer."""
        env = self.codex.env(COLORTERM="truecolor")
        command = shlex.join(
            ["env", "-i", *(f"{key}={value}" for key, value in env.items()), str(self.codex.binary), *args]
        )
        await self.tmux(
            "-f", "/dev/null", "start-server", ";", "set-option", "-g", "remain-on-exit", "on", ";",
            "new-session", "-d", "-s", "codex", "-x", "110", "-y", "40", "-c", str(self.codex.project), command,
        )  # fmt: skip
        self._watcher = Watcher()
        await self._watcher.start(self._socket)
        await self.shows(self._prompt)

    async def say(self, words: str) -> None:
        """Type and press Enter, once the composer shows the words (a fast Enter counts as part of a paste)."""
        await self.type(words)
        await self.key("Enter")

    async def type(self, words: str) -> None:
        """Type and wait until it is seen."""
        await self.tmux("send-keys", "-t", "codex", "-l", words)
        # The prompt stands before it; a leading space of the words comes on top.
        await self.shows(f"{self._prompt}{words}")
        await asyncio.sleep(PASTE_S)

    async def composes(self, words: str) -> None:
        """Return when the line with the cursor is these words behind the prompt: others may stand further up."""

        def composed(screen: str) -> bool:
            lines = screen.split("\n")
            return self._cursor_row < len(lines) and lines[self._cursor_row].rstrip() == f"{self._prompt}{words}"

        await self.until(composed, words)

    async def key(self, name: str) -> None:
        """Press a key by its tmux name."""
        await self.tmux("send-keys", "-t", "codex", name)

    async def key_until(self, name: str, *words: str) -> None:
        """Press a key until these words are seen: one that comes before Codex listens is lost."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                await self.key(name)
                try:
                    async with asyncio.timeout(AGAIN_S):
                        await self._seen(lambda screen: not missing(screen, words))
                except TimeoutError:
                    continue
                return

    async def screen(self) -> str:
        """What is seen now."""
        assert self._watcher is not None
        self._watcher.news.clear()
        self.last = await self._watcher.ask("capture-pane -p -t codex")
        self._cursor_row = int(await self._watcher.ask("display-message -p -t codex '#{cursor_y}'"))
        return self.last

    async def shows(self, *words: str, times: int = 1) -> str:
        """The screen, once all of these words are on it, each so many times."""
        return await self.until(lambda screen: not missing(screen, words, times), *words)

    async def until(self, holds: Callable[[str], bool], *words: str) -> str:
        """The screen, once this holds for it; ``words`` say in a failure what was waited for."""
        try:
            async with asyncio.timeout(LIMIT_S):
                await self._seen(holds)
        except TimeoutError:
            raise AssertionError(f"{words} not on the screen within {LIMIT_S:g} s:\n{self.last}") from None
        return self.last

    async def _seen(self, holds: Callable[[str], bool]) -> None:
        assert self._watcher is not None
        while not holds(await self.screen()):
            await self._watcher.news.wait()

    async def stop(self) -> None:
        """End it, and the daemon it started."""
        await self.tmux("kill-server")
        if self._watcher is not None:
            await self._watcher.stop()
        end_processes_of(self.codex.home)

    async def tmux(self, *args: str) -> None:
        """Give tmux a command of its own."""
        process = await asyncio.create_subprocess_exec(
            "tmux", "-S", str(self._socket), *args,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await process.wait()


class Watcher:
    """A client of tmux in its control mode: hears when the program writes, and asks what the screen shows."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        """Set when something is written; cleared by whoever looks at the screen next."""
        self._answers: list[asyncio.Future[str]] = []

    async def start(self, socket: Path) -> None:
        """Attach to the only session. Without ``-u`` tmux gives every letter beyond ASCII as ``_``."""
        self._process = await asyncio.create_subprocess_exec(
            "tmux", "-u", "-S", str(socket), "-C", "attach-session", limit=1 << 24,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        self._listening = asyncio.create_task(self._listen(), name="tmux-watcher")

    async def ask(self, command: str) -> str:
        """What tmux answers to a command of one line."""
        assert self._process.stdin is not None and not self._listening.done(), "the terminal is closed"
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self._process.stdin.write(f"{command}\n".encode())
        return await answer

    async def stop(self) -> None:
        """Return when tmux has let go of it."""
        await self._listening
        await self._process.wait()

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        block: list[str] | None = None
        async for line in self._process.stdout:
            text = line.decode("utf-8", "replace").rstrip("\n")
            if block is None and text.startswith("%begin ") and text.endswith(" 1"):
                # "%begin TIME NUMBER FLAGS"; only what was asked for here has the flag.
                block = []
            elif block is None:
                self.news.set()
            elif text.startswith(("%end ", "%error ")) and text.endswith(" 1"):
                answer = self._answers.pop(0)
                if not answer.cancelled():
                    answer.set_result("\n".join(block))
                block = None
            else:
                block.append(text)
        for answer in self._answers:
            answer.cancel()


def missing(screen: str, words: tuple[str, ...], times: int = 1) -> list[str]:
    """Those words that are not on the screen so many times."""
    return [word for word in words if screen.count(word) < times]
