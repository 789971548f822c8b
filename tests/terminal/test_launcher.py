"""The launcher with a program in it that has a composer like Codex's: what arrives and what is seen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from terminal.on_a_terminal import fake, launched

pytestmark = pytest.mark.skipif(os.name != "posix", reason="terminals are POSIX's here")
FRONT = "\x1b[H\x1b[200~ \x1b[201~"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def running(log: Path, *argv: str):
    return launched(log, *argv)


# -- our names


@pytest.mark.req("P16")
@pytest.mark.parametrize("enter", ["\r", "\x1b[13u", "\x1b[13;1u"])
async def test_a_typed_name_of_ours_reaches_the_model(log, enter):
    async with fake(log) as one:
        await one.keys("/foo bar baz")

        one.type(enter.encode())
        await one.until(lambda: one.notes)

    assert one.notes == [("sent", "/foo bar baz")]
    assert one.got == f"/foo bar baz{FRONT}{enter}"


async def test_under_the_kitty_keyboard_releases_pass_and_enter_counts(log):
    async with fake(log, "kitty") as one:
        for character in "/foo":
            await one.press(f"{character}\x1b[{ord(character)};1:3u".encode())
        one.type(b"\x1b[13u")
        await one.until(lambda: one.notes)

    assert one.notes == [("sent", "/foo")]
    assert "\x1b[102;1:3u" in one.got


async def test_an_edited_line_counts_as_it_stands_in_the_end(log):
    async with fake(log) as one:
        await one.keys("/fob x")
        for key in (b"\x1b[D", b"\x1b[D", b"\x7f", b"o"):
            await one.press(key)
        one.type(b"\r")
        await one.until(lambda: one.notes)

    assert one.notes == [("sent", "/foo x")]


async def test_a_line_that_is_recalled_is_sent_again(log):
    async with fake(log) as one:
        await one.keys("/foo again")
        one.type(b"\r")
        # Until then the line stands in the composer that is about to be sent.
        await one.until(lambda: "1 sent" in one.screen.row(11))
        one.type(b"\x1b[A")
        # Who sends before it is shown has not read it, and the launcher has not either.
        await one.until(lambda: "› /foo again" in one.screen.row(9))
        one.type(b"\r")
        await one.until(lambda: len(one.notes) == 2)

    assert one.notes == [("sent", "/foo again")] * 2


async def test_a_paste_of_several_lines_gets_the_space_in_front_of_the_first(log):
    async with fake(log) as one:
        one.type(b"\x1b[200~/foo one\n\nthree\x1b[201~")
        await one.until(lambda: one.got)
        one.type(b"\r")
        await one.until(lambda: one.notes)

    assert one.notes == [("sent", "/foo one\n\nthree")]


async def test_paste_and_enter_may_come_together(log):
    async with fake(log) as one:
        one.type(b"\x1b[200~/foo pasted\x1b[201~\r")
        await one.until(lambda: one.notes)

    assert one.notes == [("sent", "/foo pasted")]


async def test_tab_completes_a_name_of_ours_and_leaves_codexs_popup_alone(log):
    async with fake(log) as one:
        await one.keys("/he")
        one.type(b"\t")
        await one.until(lambda: one.got.endswith("lp \x1b[201~"))
        one.type(b"\r")
        await one.until(lambda: one.notes)
        await one.keys("/ar")
        one.type(b"\t")
        await one.until(lambda: one.got.endswith("\t"))

    assert one.notes == [("sent", "/help")]
    assert one.got.endswith("/ar\t")


async def test_a_program_that_shows_its_keys_late_is_waited_for(log):
    async with fake(log, "slow") as one:
        await one.keys("/fo")
        await one.until(lambda: "› /fo " in one.screen.row(9))
        await one.keys("o")
        one.type(b"\r")
        await one.until(lambda: one.notes)

    assert one.notes == [("sent", "/foo")]


# -- everything else


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("/nope x", ("rejected", "nope")),
        ("/status", ("own", "status")),
        ("/hooks", ("own", "hooks")),
        ("plain /foo words", ("sent", "plain /foo words")),
        ("/foobar", ("rejected", "foobar")),
        ("//foo", ("sent", "//foo")),
        ("/etc/hosts", ("sent", "/etc/hosts")),
        (" /foo", ("sent", "/foo")),
    ],
)
async def test_what_is_not_ours_arrives_as_it_was_typed(log, typed, becomes):
    async with fake(log, ours="foo help arch status hooks") as one:
        await one.keys(typed)
        one.type(b"\r")
        await one.until(lambda: one.notes)

    assert one.notes == [becomes]
    assert one.got == f"{typed}\r"


async def test_a_name_of_ours_counts_although_codex_offers_a_longer_one(log):
    async with fake(log) as one:
        await one.keys("/arch")
        one.type(b"\r")
        await one.until(lambda: one.notes)

    assert one.notes == [("sent", "/arch")]


async def test_after_a_step_in_codexs_popup_enter_is_codexs(log):
    async with fake(log) as one:
        await one.keys("/arch")
        one.type(b"\x1b[B")
        await one.until(lambda: one.got.endswith("\x1b[B"))
        one.type(b"\r")
        await one.until(lambda: one.notes)

    assert one.got == "/arch\x1b[B\r"


@pytest.mark.parametrize("option", ["mute", "hidden"])
async def test_where_no_composer_is_seen_enter_passes(log, option):
    async with fake(log, option) as one:
        await one.keys("/foo")
        one.type(b"\r")
        await one.until(lambda: one.got == "/foo\r")


async def test_a_paste_without_marks_passes_in_one_piece(log):
    async with fake(log) as one:
        one.type(b"/foo one\r/foo two\r")
        await one.until(lambda: one.got.endswith("two\r"))

    assert one.got == "/foo one\r/foo two\r"


async def test_ctrl_c_never_waits_behind_an_enter(log):
    async with fake(log, "mute") as one:
        one.type(b"/")
        one.type(b"\r")
        one.type(b"\x03")
        await one.until(lambda: one.got.endswith("\x03"))

    assert one.got == "/\r\x03"


async def test_keys_mouse_focus_and_replies_pass_as_they_are(log):
    sent = b"\x1b[I\x1b[<35;20;4M\x1b[1;5C\x1bOP\x1b]11;rgb:0/0/0\x1b\\\x1b[?62;22c\x1b[5;7R\xc3\xa4\xf0\x9f\x98\x80"
    sent += b"\x1bx\x1c\x00\xff"
    async with fake(log, "mute") as one:
        one.type(sent)
        await one.until(lambda: len(one.got) >= len(sent))

    assert one.got == sent.decode("latin-1")


async def test_output_passes_as_it_is(log):
    data = bytes(range(256)) * 300 + b"\x1b[38;2;1;2;3mcolour\x1b]8;;http://x\x1b\\link\x1bP1$tq\x1b\\\x1b[?2026h"
    (log.parent / "data").write_bytes(data)
    program = "import os, pathlib, sys, tty; tty.setraw(0); data = pathlib.Path(sys.argv[1]).read_bytes()\n"
    program += "while data: data = data[os.write(1, data):]"
    async with running(log, sys.executable, "-c", program, str(log.parent / "data")) as one:
        assert await one.code() == 0
        await one.until(lambda: len(one.output) >= len(data))

    assert one.output == data + b"\x1b[?2026l\x1b[0m"


# -- floods


async def test_a_flood_passes_whole_and_is_not_kept(log):
    size = 4_000_000
    async with running(log, "sh", "-c", f"yes | head -c {size}; cat") as one:
        await one.until(lambda: one.output.count(b"\n") >= size // 2)
        peak = memory_kib(one.pid)
        one.type(b"\x04")
        assert await one.code() == 0

    assert one.output.startswith(b"y\r\n" * 1000)
    assert len(one.output) == size // 2 * 3
    assert peak < 100_000


async def test_a_name_of_ours_counts_again_after_a_flood(log):
    async with fake(log) as one:
        await one.keys("x" * 3)
        one.type(b"\x1b[200~" + b"wide " * 20_000 + b"\x1b[201~")
        await one.until(lambda: len(one.got) > 100_000)
        one.type(b"\r")
        await one.until(lambda: one.notes)
        await one.keys("/foo")
        one.type(b"\r")
        await one.until(lambda: len(one.notes) == 2)

    assert one.notes[1] == ("sent", "/foo")


def memory_kib(pid: int) -> int:
    """The most memory that the process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
