"""Commands in files with the real Codex: expanded for the model, stable when the session is resumed."""

from __future__ import annotations

import json

import pytest
from e2e.codex import ALL, NEWEST, Transport
from e2e.said import words_of
from e2e.test_tui import BOTH, calm, set_up

from codexplus_core.testing import text

pytestmark = pytest.mark.e2e


@pytest.mark.req("S1", "S4", "S15")
@pytest.mark.parametrize("version", ALL)
async def test_a_command_is_expanded_and_stays_so(version: str, codex, upstream, proxy) -> None:
    running = await proxy("slash")
    folder = running.home / ".codexplus/commands"
    folder.mkdir(parents=True)
    (folder / "fix.md").write_text("---\nallowed-tools: Bash(printf:*)\n---\nFix #$1 !`printf 'now: %s' $2`")
    one = codex(version).point_at(running.url)

    first = await one.exec("/fix 123 'very high'")
    # The oldest one cannot resume from the command line.
    later = first if version == "0.29.0" else await one.resume("thanks")

    said = json.dumps([turn.decoded.decode() for turn in upstream.turns])
    assert "Fix #123 now: very high" in said and "/fix 123" not in said
    assert "sha256" in first.stdout + first.stderr and "sha256" not in said
    assert "Hello from the script." in first.stdout and "Hello from the script." in later.stdout
    assert upstream.turns[-1].decoded.decode().count("Fix #123 now: very high") <= 1


@pytest.mark.req("S5", "X1")
async def test_a_projects_command_runs_after_a_yes_to_the_resumed_session(codex, upstream, proxy) -> None:
    running = await proxy("slash")
    # Older ones do not say which words are the human's, and are sent to a terminal instead.
    one = codex(NEWEST).point_at(running.url)
    folder = one.project / ".claude/commands"
    folder.mkdir(parents=True)
    (folder / "st.md").write_text("---\nallowed-tools: Bash(touch:*)\n---\nA !`touch made.txt` B")

    asked = await one.exec("/st")
    assert "touch made.txt" in asked.stdout and not upstream.turns and not (one.project / "made.txt").exists()
    await one.resume("y")

    assert (one.project / "made.txt").exists()
    assert "A (Bash completed with no output) B" in upstream.turns[-1].decoded.decode()


@pytest.mark.req("S15", "X1")
@pytest.mark.parametrize("transport", BOTH)
async def test_in_the_terminal_the_notice_stands_before_the_answer(
    transport: Transport, codex, upstream, proxy, tui
) -> None:
    running = await proxy("slash")
    one = await set_up(codex(NEWEST), running.port)
    folder = one.project / ".codexplus/commands"
    folder.mkdir(parents=True)
    (folder / "fix.md").write_text("Fix #$1 with care")
    (folder / "st.md").write_text("Here: !`seq 1 3`")
    upstream.script = [text("A first answer."), text("A second answer."), text("A third answer.")]
    screen = await tui(one)

    await screen.say(" /fix 7")
    seen = await screen.shows("This is shown once", "A first answer.")
    assert calm(seen) and seen.index("This is shown once") < seen.index("A first answer.")
    await screen.say(" /st")
    assert calm(await screen.shows("seq 1 3", "(Y)es/(N)o/(A)lways"))
    await screen.say("y")
    assert calm(await screen.shows("A second answer."))
    await screen.say("thanks")
    assert calm(await screen.shows("A third answer."))

    # The title of the thread is made of what was typed.
    said = [words for turn in upstream.turns for words in words_of(turn) if "User prompt:" not in words]
    assert "Fix #7 with care" in said and any(words.startswith("Here: 1") for words in said)
    assert not any(leak in words for words in said for leak in ("/fix", "/st", "shown once", "(A)lways"))
