"""How long transcripts stay, how much of them, whether at all; and what is exported of them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from services.config.world import World
from services.transcripts.kept_files import Kept
from services.transcripts.made_account import account, message

from codexplus_core.services.files import CannotSave
from codexplus_core.services.problem import Problem
from codexplus_core.services.transcripts.retention import sweep

DAY = 86400.0


def transcript(home: Path, stem: str, *, age: float, size: int = 10, now: float = 1_700_000_000.0) -> Path:
    path = home / f"sessions/{stem}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (now - age, now - age))
    return path


async def test_old_transcripts_go_with_their_exports_and_other_files_stay(kept: Kept) -> None:
    old = transcript(kept.home, "old", age=31 * DAY)
    young = transcript(kept.home, "young", age=29 * DAY)
    for name in ("old.json", "old.md", "notes.md", "mine.txt"):
        (old.parent / name).touch()

    kept.transcripts.keep(account())
    await kept.transcripts.flush()

    left = sorted(path.name for path in old.parent.iterdir())
    assert left == ["mine.txt", "notes.md", "s-1.jsonl", young.name]


def test_the_oldest_go_first_until_the_rest_fits(tmp_path: Path) -> None:
    for number in range(5):
        transcript(tmp_path, f"t{number}", age=number * DAY, size=100)

    removed = sweep(tmp_path / "sessions", before=0, most=250, keep=frozenset({"t4"}))

    assert removed == 3
    assert sorted(path.stem for path in (tmp_path / "sessions").iterdir()) == ["t0", "t4"]


async def test_the_settings_say_whether_how_long_and_how_much(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("home/.codexplus/settings.json", {"transcripts": {"keepDays": 2, "maxMegabytes": 1}})
    kept = Kept(tmp_path / "state", world.config())
    old = transcript(kept.home, "old", age=3 * DAY)
    states = [kept.transcripts.on]

    transcript(kept.home, "large", age=0, size=995_000)
    kept.transcripts.keep(account(sent=None))
    kept.transcripts.keep(account("large", "t", typed="x" * 10_000, sent=None))
    await kept.transcripts.flush()

    assert not old.exists()
    assert "more than 1000000 bytes" in kept.transcripts.trouble
    world.write("home/.codexplus/settings.json", {"transcripts": {"enabled": False}})
    states.append(kept.transcripts.on)
    assert states == [True, False]
    kept.transcripts.close()


@pytest.mark.abuse("B02")
def test_a_project_cannot_switch_transcripts_on_or_off(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("project/.codexplus/settings.json", {"transcripts": {"enabled": False}})

    assert world.settings().get("transcripts.enabled", True) is True


@pytest.mark.req("T1")
async def test_an_export_is_one_document(kept: Kept) -> None:
    kept.transcripts.keep(account(typed="hello"))

    path = await kept.transcripts.save("s-1")

    assert path == kept.home / "sessions/s-1.json"
    assert json.loads(path.read_text())["exchanges"][0]["prompt"] == "hello"
    assert await kept.transcripts.save("s-1") == path
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_an_export_to_read_shows_what_the_user_saw(kept: Kept) -> None:
    call = {"type": "function_call", "call_id": "c", "name": "exec", "arguments": '{"cmd": "ls ```"}'}
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is done."}]}
    shown = [json.dumps({"item": each}).encode() for each in (call, item)]
    kept.transcripts.keep(account(typed="do it", shown=shown, sent=[message("secret context of a plugin")]))

    text = await kept.transcripts.export("s-1", "markdown")

    assert "> do it" in text and "It is done." in text and "ls ```" in text and "````" in text
    assert "secret context" not in text


@pytest.mark.abuse("C11")
async def test_an_export_to_read_does_nothing_to_a_terminal_and_turns_no_text(kept: Kept) -> None:
    evil = "\x1b]0;evil\x07 \u202eknird \x9b2J"
    item = {"type": "message", "content": [{"type": "output_text", "text": f"{evil} naïve 日本 \u200d \n\tx"}]}
    kept.transcripts.keep(account(typed=f"{evil} héllo", shown=[json.dumps({"item": item}).encode()]))

    text = await kept.transcripts.export("s-1", "markdown")

    assert not any(char in text for char in "\x1b\x07\u202e\x9b")
    assert "\\u{202e RIGHT-TO-LEFT OVERRIDE}knird" in text
    assert "héllo" in text and "naïve 日本 \u200d \n\tx" in text


@pytest.mark.abuse("E09")
async def test_a_name_for_an_export_is_a_new_file_in_the_folder(kept: Kept) -> None:
    kept.transcripts.keep(account())

    path = await kept.transcripts.save("s-1", "mine/talk.md", "markdown")

    assert path == kept.home / "sessions/mine/talk.md"
    for name in ("mine/talk.md", "../out.md", "/tmp/out.md", "s-1.jsonl"):
        with pytest.raises(CannotSave):
            await kept.transcripts.save("s-1", name)
    assert len(kept.lines()) == 1


async def test_a_session_that_is_not_known_is_named(kept: Kept) -> None:
    with pytest.raises(Problem, match="no transcript of session 'nope'; there is one when its first exchange is over"):
        await kept.transcripts.export("nope")
