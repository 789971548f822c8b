"""The built-in commands and the projections in real Codex."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from e2e.codex import ALL, NEWEST, Codex
from e2e.proxies import ProxyProcess, codex_plus
from e2e.said import words_of
from e2e.terminal import PASTE_S
from e2e.test_tui import SETTINGS, calm

from codexplus_core.testing import text

pytestmark = pytest.mark.e2e
SKILLED = ("0.169.0", "0.120.0", "0.98.0")


def lay_out(*homes: Path) -> None:
    """Command files of the user, for Codex and for a proxy that has a home of its own here."""
    for home in homes:
        folder = home / ".claude/commands"
        (folder / "frontend").mkdir(parents=True, exist_ok=True)
        (folder / "fix.md").write_text(
            "---\ndescription: Fix an issue\nargument-hint: '[number]'\n---\nFix issue $ARGUMENTS with care.\n"
        )
        (folder / "frontend/component.md").write_text("---\ndescription: Make one\n---\nMake the component $1.\n")


async def behind(one: Codex, running: ProxyProcess, *options: str) -> Codex:
    """Put Codex behind the proxy as a user does."""
    one.configure(SETTINGS)
    done = await codex_plus(one, "init", "--yes", "--port", str(running.port), *options)
    assert done.code == 0, done
    return one if one.reads_key else one.point_at(running.url)


@pytest.mark.req("S13")
@pytest.mark.parametrize("version", ALL)
async def test_built_ins_answer_in_every_version(version: str, codex, upstream, proxy) -> None:
    running = await proxy("slash")
    lay_out(running.home)
    one = await behind(codex(version), running)

    said = await one.exec("/version")
    listed = await one.exec("/help fix")

    assert f"Codex {version}" in said.stdout and "works with this codex-plus" in said.stdout
    assert "/fix [number]" in listed.stdout and "Fix an issue" in listed.stdout
    assert upstream.turns == []


@pytest.mark.parametrize("version", SKILLED)
async def test_a_projected_skill_calls_the_command(version: str, codex, upstream, proxy) -> None:
    running = await proxy("slash")
    one = codex(version)
    lay_out(running.home, one.home)
    await behind(one, running, "--skills")
    upstream.script = [text("One."), text("Two.")]

    await one.exec("$fix 12 now")
    await one.exec("$frontend-component Button")

    assert "Fix issue 12 now with care." in words_of(upstream.turns[0], "user")[-2]
    assert "Make the component Button." in words_of(upstream.turns[1], "user")[-2]

    undone = await codex_plus(one, "init", "--undo")

    assert undone.code == 0
    assert not list((one.home / ".codex/skills").rglob("fix*"))


@pytest.mark.parametrize("version", ["0.98.0", "0.60.1"])
async def test_a_projected_prompt_calls_the_command(version: str, codex, upstream, proxy, tui) -> None:
    running = await proxy("slash")
    one = codex(version)
    lay_out(running.home, one.home)
    await behind(one, running, "--prompts")
    upstream.script = [text("A first answer.")]
    screen = await tui(one)

    await screen.say("/prompts:fix 12 now")
    await screen.shows("A first answer.")

    assert "Fix issue 12 now with care." in words_of(upstream.turns[-1], "user")[-1]


async def test_built_ins_and_skills_in_the_terminal(codex, upstream, proxy, tui) -> None:
    running = await proxy("slash")
    one = codex(NEWEST)
    lay_out(running.home, one.home)
    await behind(one, running, "--skills")
    upstream.script = [text("A first answer.")]
    screen = await tui(one)

    await screen.say(" /help")
    seen = await screen.shows("/fix [number]", "/frontend:component", "Built in", "commands.")
    assert calm(seen)
    await screen.say(" /status")
    seen = await screen.shows("Plugins, in their order", "40 slash", "Codex 0.169.0 is tested")
    assert calm(seen)
    await screen.say(" /plus preview fix 12")
    seen = await screen.shows("The model would read", "Fix issue 12 with care.", "Nothing was run")
    assert calm(seen)
    await screen.type("$fi")
    await screen.shows("Fix an issue")
    await screen.key("Tab")
    await screen.shows("› $fix")
    await screen.key("7")
    await screen.shows("› $fix 7")
    await asyncio.sleep(PASTE_S)
    await screen.key("Enter")
    await screen.shows("A first answer.")

    assert "Fix issue 7 with care." in words_of(upstream.turns[-1], "user")[-2]
    assert len(upstream.turns) == 1
