"""`codex-plus run` with the real Codex in a terminal: `/name` of ours just works, everything else is Codex's."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from e2e.codex import NEWEST, Codex
from e2e.proxies import COMMAND, python_env
from e2e.said import words_of
from e2e.terminal import PASTE_S, Terminal
from e2e.test_tui import SETTINGS, set_up
from terminal.on_a_terminal import OnATerminal, on_a_terminal

from codexplus_core.testing import text

pytestmark = pytest.mark.e2e
OLDER = ("0.120.0", "0.98.0", "0.60.1")


@pytest.fixture
def launched(codex, upstream, proxy) -> Callable[..., Awaitable[Codex]]:
    """An installation whose program is `codex-plus run`, before a proxy with commands of ours."""

    async def install(version: str = NEWEST, settings: str = "") -> Codex:
        running = await proxy("shout", websockets="auto")
        one: Codex = codex(version)
        upstream.script = [text(f"Answer {number}.") for number in range(1, 9)]
        if one.reads_key:
            await set_up(one, running.port)
            one.config.write_text(one.config.read_text(encoding="utf-8") + settings, encoding="utf-8")
        else:
            one.configure(SETTINGS)
        env = python_env(one.home) | {"CODEX_PLUS_CODEX": str(one.binary)}
        words = [*COMMAND, "run", "--port", str(running.port), "--"]
        program = one.home / "codex-plus-run"
        exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in env.items())
        program.write_text(f'#!/bin/sh\n{exports}\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        one.binary = program
        return one

    assert sys.executable == COMMAND[0]
    return install


def heard(upstream) -> list[str]:
    """The last words of the user in each request of a turn."""
    said = [words_of(got, "user")[-1] for got in upstream.turns]
    return [words for words in said if not words.startswith("Generate a concise")]


async def paste(screen: Terminal, words: str) -> None:
    """Paste as a terminal does for a program that asked for it."""
    await screen.tmux("set-buffer", words)
    await screen.tmux("paste-buffer", "-p", "-t", "codex")


async def answered(screen: Terminal, number: int) -> None:
    """Wait until this turn is over: in a running one, Enter and Tab do other things."""
    answer = f"• Answer {number}."
    await screen.until(lambda seen: "Worked for" in seen.partition(answer)[2], answer, "Worked for")


@pytest.mark.req("P16")
async def test_every_way_to_a_line_counts_in_tmux(launched, upstream, tui) -> None:
    screen = await tui(await launched())

    await screen.say("/shout typed")
    await answered(screen, 1)
    await screen.type("/shoutt edited")
    for key in ("Left",) * 7 + ("BSpace",):
        await screen.key(key)
    await screen.shows("› /shout edited")
    await screen.key("Enter")
    await answered(screen, 2)
    await screen.key("Up")
    await screen.shows("› /shout edited", times=2)
    await screen.key("Enter")
    await answered(screen, 3)
    await paste(screen, "/shout pasted\n\nin lines")
    await screen.shows("› /shout pasted", "  in lines")
    await screen.key("Enter")
    await answered(screen, 4)
    await screen.tmux("send-keys", "-t", "codex", "-l", "/sho")
    await screen.composes("/sho")
    await screen.key("Tab")
    await screen.composes("/shout")
    await screen.tmux("send-keys", "-t", "codex", "-l", "completed")
    await screen.composes("/shout completed")
    await asyncio.sleep(PASTE_S)
    await screen.key("Enter")
    await answered(screen, 5)

    said = ["TYPED", "EDITED", "EDITED", "PASTED\n\nIN LINES", "COMPLETED"]
    assert heard(upstream) == [f"SHOUTED: {words}" for words in said]


@pytest.mark.req("P16")
async def test_what_is_codexs_stays_codexs_in_tmux(launched, upstream, tui) -> None:
    screen = await tui(await launched())

    await screen.say("/nope at all")
    await screen.shows("Unrecognized command '/nope'")
    await screen.key("C-u")
    await screen.say("/status")
    await screen.shows("Token usage:")
    await screen.say("/etc/hosts")
    await screen.shows("• Answer 1.")
    await screen.say("/archi")
    await screen.shows("• Answer 2.")

    assert heard(upstream) == ["/etc/hosts", "SHOUTED: "]


@pytest.mark.parametrize("version", OLDER)
async def test_typed_recalled_and_unknown_lines_in_older_versions(version: str, launched, upstream, tui) -> None:
    upstream.transport = None
    settings = 'model = "gpt-5.4"\n' if version == "0.120.0" else ""
    one = await launched(version)
    if settings:
        one.config.write_text(settings + one.config.read_text(encoding="utf-8"), encoding="utf-8")
    screen = await tui(one)

    await screen.say("/shout typed")
    await screen.shows("• Answer 1.")
    await screen.key("Up")
    await screen.shows("› /shout typed", times=2)
    await screen.key("Enter")
    await screen.shows("• Answer 2.")
    await screen.say("/nope at all")
    await screen.shows("Unrecognized command '/nope'")

    assert heard(upstream) == ["SHOUTED: TYPED"] * 2


class Kitty:
    """A terminal that offers the kitty keyboard, and sends keys in its way."""

    def __init__(self, one: OnATerminal) -> None:
        self.one = one
        # One that knows the keyboard, what it is, its colours; where the cursor is, Codex asks while it starts.
        one.answers = {
            b"\x1b[?u": b"\x1b[?0u",
            b"\x1b[c": b"\x1b[?62;22c",
            b"\x1b[6n": b"\x1b[1;1R",
            b"\x1b]11;?": b"\x1b]11;rgb:0000/0000/0000\x1b\\",
        }

    def seen(self) -> str:
        return "\n".join(self.one.screen.row(number) for number in range(self.one.screen.rows))

    async def shows(self, *words: str) -> None:
        await self.one.until(lambda: all(word in self.seen() for word in words))

    async def say(self, words: str) -> None:
        # As somebody types: keys that come all at once are a paste to Codex.
        for character in words:
            self.one.type(f"{character}\x1b[{ord(character)};1:3u".encode())
            await asyncio.sleep(0.02)
        await self.shows(f"› {words}")
        await asyncio.sleep(PASTE_S)
        self.one.type(b"\x1b[13u")


@pytest.mark.req("P16")
async def test_under_the_kitty_keyboard_too(launched, upstream, tmp_path: Path) -> None:
    one = await launched()
    env = {**one.env(COLORTERM="truecolor"), "PWD": str(one.project)}
    command = f"cd {shlex.quote(str(one.project))} && exec {shlex.quote(str(one.binary))}"
    words = ("env", "-i", *(f"{name}={value}" for name, value in env.items()), "sh", "-c", command)
    async with on_a_terminal(tmp_path / "log", *words) as term:
        screen = Kitty(term)
        await screen.shows("› ")
        await screen.shows("default")
        await screen.say("/shout typed")
        await screen.shows("• Answer 1.")
        await screen.say("/nope at all")
        await screen.shows("Unrecognized command '/nope'")
        term.type(b"\x1b[117;5u")
        await asyncio.sleep(PASTE_S)
        await screen.say("/status")
        await screen.shows("Token usage:")
        await screen.say("/quit")
        code = await term.code()

    assert b"\x1b[>7u" in term.output
    assert heard(upstream) == ["SHOUTED: TYPED"]
    assert code == 0
    assert term.output.count(b"\x1b[?1049h") == term.output.count(b"\x1b[?1049l")


@pytest.mark.req("P16")
@pytest.mark.parametrize("keys", ["Escape", ""])
async def test_in_vims_modes(keys: str, launched, upstream, tui) -> None:
    screen = await tui(await launched(settings="\n[tui]\nvim_mode_default = true\n"))
    await screen.shows("Vim: Insert")

    await screen.type("/shout typed")
    if keys:
        await screen.key(keys)
        await screen.shows("Vim: Normal")
    await screen.key("Enter")
    await screen.shows("• Answer 1.")

    assert heard(upstream) == ["SHOUTED: TYPED"]


@pytest.mark.req("P16")
async def test_ctrl_z_and_fg(launched, upstream, tmp_path: Path) -> None:
    one = await launched()
    env = {**one.env(COLORTERM="truecolor"), "PS1": "shell> "}
    words = ("env", "-i", *(f"{name}={value}" for name, value in env.items()), "bash", "--norc", "-i")
    async with on_a_terminal(tmp_path / "log", *words) as term:
        screen = Kitty(term)
        await term.until(lambda: b"shell> " in term.output)
        term.type(f"cd {shlex.quote(str(one.project))}; {shlex.quote(str(one.binary))}\r".encode())
        await screen.shows("› ", "default")
        term.type(b"\x1b[122;5u")
        await term.until(lambda: b"Stopped" in term.output)
        term.type(b"fg\r")
        await term.until(lambda: term.output.count(b"\x1b[?1049h") > term.output.count(b"\x1b[?1049l"))
        await screen.say("/shout after")
        await screen.shows("• Answer 1.")
        await screen.say("/quit")
        await term.until(lambda: term.output.endswith(b"shell> "))

    assert heard(upstream) == ["SHOUTED: AFTER"]
