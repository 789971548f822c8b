"""Transcripts survive kills, full disks and each other."""

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
from services.transcripts.kept_files import Kept
from services.transcripts.made_account import account, message

from codexplus_core.services.transcripts.appending import MOST_OPEN, Appending
from codexplus_core.services.transcripts.naming import stem_of
from codexplus_core.services.transcripts.writer import Writer


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


async def test_a_line_without_a_thread_says_which_one_it_goes_on_from(kept: Kept) -> None:
    for sent in ([message("a")], [message("x")], [message("a"), message("b")]):
        kept.transcripts.keep(account(session="", thread="", sent=sent))
        await kept.transcripts.flush()

    first, other, more = (line["model"] for line in kept.lines("unnamed"))

    assert ("on" in first, "on" in other, more["on"]) == (False, False, first["view"][1])
    assert (more["from"], len(more["items"])) == (1, 1)


async def test_a_line_in_a_sessions_own_file_needs_no_other_file(kept: Kept) -> None:
    for session, sent in (("one", [message("a")]), ("two", [message("a"), message("b")])):
        kept.transcripts.keep(account(session=session, thread="", sent=sent))
        await kept.transcripts.flush()

    (line,) = kept.lines("two")

    assert (line["model"]["from"], len(line["model"]["items"]), "on" in line["model"]) == (0, 2, False)


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
