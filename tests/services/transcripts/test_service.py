"""Transcripts survive kills, full disks and each other, and go when their time is over."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from services.config.world import World
from services.transcripts.made_account import account, message

from codexplus_core.services.config import Config
from codexplus_core.services.files import CannotSave
from codexplus_core.services.problem import Problem
from codexplus_core.services.transcripts import Transcripts
from codexplus_core.services.transcripts.appending import MOST_OPEN, Appending
from codexplus_core.services.transcripts.naming import stem_of
from codexplus_core.services.transcripts.retention import sweep
from codexplus_core.services.transcripts.writer import Writer

DAY = 86400.0


class Kept:
    """Transcripts in a home of their own, and what they report."""

    def __init__(self, home: Path, config: Config | None = None) -> None:
        self.home = home
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.now = 1_700_000_000.0
        self.config = config or Config(None)
        self.transcripts = self.again()

    def again(self) -> Transcripts:
        """As a new process has them."""
        report = lambda event, fields: self.events.append((event, fields))  # noqa: E731
        return Transcripts(self.home, config=self.config, report=report, clock=lambda: self.now)

    def lines(self, stem: str = "s-1") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.home / f"sessions/{stem}.jsonl").read_bytes().splitlines()]


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    kept = Kept(tmp_path / "home")
    yield kept
    kept.transcripts.close()


@pytest.mark.req("T1")
async def test_each_session_has_a_file_of_its_own_for_this_user_alone(kept: Kept) -> None:
    old = os.umask(0)
    try:
        for session in ("s-1", "s-2", "s-1"):
            kept.transcripts.keep(account(session, f"thread-of-{session}"))
        await kept.transcripts.flush()
    finally:
        os.umask(old)

    assert [len(kept.lines("s-1")), len(kept.lines("s-2"))] == [2, 1]
    if os.name == "posix":
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (kept.home / "sessions", *kept.home.rglob("*.jsonl"))]
        assert modes == [0o700, 0o600, 0o600]


@pytest.mark.abuse("E09")
@pytest.mark.parametrize(
    "session",
    ["../../x", "/etc/passwd", "a/b", "A", "", "nul", "x-1", ".hidden", "a" * 500, "a\0b", "\udcff", "unnamed"],
)
def test_any_session_id_is_a_plain_name_and_no_two_are_one(session: str) -> None:
    stem = stem_of(session)

    assert stem.replace("-", "").isalnum() and stem.islower() and len(stem) < 80
    assert stem != session and stem != stem_of(session + "b")


def test_the_ids_of_codex_are_names_as_they_are() -> None:
    assert stem_of("0199a213-81c0-7800-8aa1-bbab2a035a53") == "0199a213-81c0-7800-8aa1-bbab2a035a53"


async def test_only_what_is_new_is_written_also_by_the_next_process(kept: Kept) -> None:
    kept.transcripts.keep(account(sent=[message("a"), message("b")]))
    await kept.transcripts.flush()
    again = kept.again()
    again.keep(account(sent=[message("a"), message("b"), message("c")]))
    await again.flush()
    again.close()

    assert [(line["model"]["from"], len(line["model"]["items"])) for line in kept.lines()] == [(0, 2), (2, 1)]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("acknowledged", [1, 25])
def test_what_was_flushed_survives_a_kill(tmp_path: Path, acknowledged: int) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from codexplus_core.services.config import Config
from codexplus_core.services.transcripts import Transcripts
from services.transcripts.made_account import account, message

async def main():
    transcripts = Transcripts(Path({str(tmp_path)!r}), config=Config(None))
    number = 0
    while True:
        transcripts.keep(account(sent=[message("x" * 5000)] * number, typed=f"prompt {{number}}"))
        await transcripts.flush()
        number += 1
        print(number, flush=True)
        for more in range(20):
            transcripts.keep(account("other", f"u{{more}}"))

asyncio.run(main())
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < acknowledged:
            pass
        process.send_signal(signal.SIGKILL)

    lines = (tmp_path / "sessions/s-1.jsonl").read_bytes().splitlines(keepends=True)
    whole = [json.loads(line)["prompt"] for line in lines if line.endswith(b"\n")]
    assert whole[:acknowledged] == [f"prompt {number}" for number in range(acknowledged)]


@pytest.mark.parametrize("torn", [b'{"v": 1, "prompt": "ha', b"\0\0\0\0", b"\xff"])
async def test_a_torn_line_stands_by_itself_and_the_next_one_is_whole(kept: Kept, torn: bytes) -> None:
    kept.transcripts.keep(account(typed="first"))
    await kept.transcripts.flush()
    with (kept.home / "sessions/s-1.jsonl").open("ab") as file:
        file.write(torn)
    again = kept.again()
    again.keep(account(typed="second"))

    document = json.loads(await again.export("s-1"))
    again.close()

    assert [exchange["prompt"] for exchange in document["exchanges"]] == ["first", "second"]
    assert document["torn_lines"] == 1


async def test_a_full_disk_is_reported_once_and_survived(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    write, full = os.write, True

    def filling(handle: int, data: Any) -> int:
        if not full:
            return write(handle, data)
        if len(data) > 60:  # so that more than the line's end is missing
            return write(handle, bytes(data)[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", filling)
    for typed in ("lost", "lost, too"):
        kept.transcripts.keep(account(typed=typed))
        await kept.transcripts.flush()
    assert "No space left" in kept.transcripts.trouble

    full = False
    kept.transcripts.keep(account(typed="kept"))
    document = json.loads(await kept.transcripts.export("s-1"))

    assert [event for event, _ in kept.events] == ["transcript_unusable", "transcript_recovered"]
    assert [exchange["prompt"] for exchange in document["exchanges"]] == ["kept"]
    assert document["exchanges"][0]["model"]["from"] == 0
    assert kept.transcripts.trouble == ""


async def test_a_disk_that_does_not_keep_what_it_took_is_reported_and_the_next_line_holds_everything(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, broken = os.fsync, True

    def failing(handle: int) -> None:
        if broken:
            raise OSError(errno.EIO, "Input/output error")
        sync(handle)

    monkeypatch.setattr(os, "fdatasync" if hasattr(os, "fdatasync") else "fsync", failing)
    sent = [message("a"), message("b")]
    for _ in range(2):
        kept.transcripts.keep(account(sent=sent))
        await kept.transcripts.flush()
    assert "Input/output error" in kept.transcripts.trouble

    broken = False
    kept.transcripts.keep(account(sent=sent))
    await kept.transcripts.flush()

    assert [event for event, _ in kept.events] == ["transcript_unusable", "transcript_recovered"]
    assert (kept.lines()[-1]["model"]["from"], len(kept.lines()[-1]["model"]["items"])) == (0, 2)


async def test_many_exchanges_cost_one_commit(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[frozenset[str]] = []
    commit = Appending.commit

    def noted(appending: Appending) -> bool:
        commits.append(appending.stems)
        return commit(appending)

    monkeypatch.setattr(Appending, "commit", noted)

    for number in range(30):
        kept.transcripts.keep(account(typed=str(number)))
    await kept.transcripts.flush()

    assert commits == [frozenset({"s-1"})]
    assert len(kept.lines()) == 30


async def test_more_sessions_than_files_may_be_open_are_all_written(kept: Kept) -> None:
    for number in range(MOST_OPEN + 5):
        kept.transcripts.keep(account(f"s{number}", f"t{number}"))
    await kept.transcripts.flush()

    assert len(list((kept.home / "sessions").iterdir())) == MOST_OPEN + 5


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("what", ["a file for the folder", "a link for the file", "a folder for the file"])
async def test_what_cannot_be_written_to_is_reported_and_left_alone(kept: Kept, tmp_path: Path, what: str) -> None:
    victim, sessions = tmp_path / "victim", kept.home / "sessions"
    victim.write_text("mine")
    kept.home.mkdir()
    if what == "a file for the folder":
        sessions.write_text("mine")
    else:
        sessions.mkdir()
        if what == "a link for the file":
            (sessions / "s-1.jsonl").symlink_to(victim)
        else:
            (sessions / "s-1.jsonl").mkdir()

    kept.transcripts.keep(account())
    await kept.transcripts.flush()

    assert [event for event, _ in kept.events] == ["transcript_unusable"]
    assert victim.read_text() == "mine"


async def test_what_is_too_much_to_wait_is_counted_and_nobody_waits(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept.transcripts, "_writer", Writer(kept.transcripts._write, name="test", most=3))
    go = threading.Event()
    monkeypatch.setattr(kept.transcripts, "_line", lambda *_: b"{}\n" if go.wait(10) else b"")

    for _ in range(10):
        kept.transcripts.keep(account())
    go.set()
    await kept.transcripts.flush()

    assert 3 <= len(kept.lines()) <= 4
    assert kept.events[0][0] == "transcript_unusable"


def test_a_fault_costs_what_was_in_hand_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    told = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: told.set())

    def work(things: list[int]) -> None:
        done.extend(10 // thing for thing in things)

    writer = Writer(work, name="test")
    for thing in (0, 5):
        writer.put(thing)
        writer.flush().result(10)
    writer.close()

    assert told.wait(10) and done == [2]


async def test_many_sessions_at_once_do_not_mix(kept: Kept) -> None:
    async def one(number: int) -> None:
        for turn in range(10):
            kept.transcripts.keep(account(f"s{number}", f"t{number}", typed=f"{number}.{turn}"))
            await asyncio.sleep(0)

    await asyncio.gather(*(one(number) for number in range(20)))
    await kept.transcripts.flush()

    for number in range(20):
        assert [line["prompt"] for line in kept.lines(f"s{number}")] == [f"{number}.{turn}" for turn in range(10)]


async def test_two_proxies_on_one_folder_leave_each_others_lines_whole(kept: Kept) -> None:
    other = kept.again()
    for number in range(50):
        for transcripts in (kept.transcripts, other):
            transcripts.keep(account(typed=f"{number}", sent=[message("x" * 3000)]))
    await asyncio.gather(kept.transcripts.flush(), other.flush())
    other.close()

    assert len(kept.lines()) == 100


def test_what_waits_is_written_at_the_end(kept: Kept) -> None:
    for number in range(5):
        kept.transcripts.keep(account(typed=str(number)))

    kept.transcripts.close()

    assert len(kept.lines()) == 5


# -- how long, how much, whether at all


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


# -- exports


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
