"""The launcher's window, its suspension and its end: as if it were not there."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from terminal.on_a_terminal import FAKE, LAUNCH, fake, launched, on_a_terminal

from codexplus_core.services.run import CannotStart

ECHO_AND_LINES = 0
if os.name == "posix":
    import termios

    from codexplus_core.terminal import launcher

    ECHO_AND_LINES = termios.ECHO | termios.ICANON | termios.ISIG

pytestmark = pytest.mark.skipif(os.name != "posix", reason="terminals are POSIX's here")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def running(log: Path, *argv: str):
    return launched(log, *argv)


ECHO = "import sys, tty, os; tty.setraw(0); os.write(1, b'ready')\nwhile d := os.read(0, 65536): os.write(1, d)"


async def test_the_window_and_its_changes_reach_the_program_with_their_pixels(log):
    program = (
        "import fcntl, os, signal, struct, termios, tty\n"
        "tty.setraw(0)\n"
        "size = lambda: struct.unpack('HHHH', fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))\n"
        "say = lambda *_: os.write(1, repr(size()).encode())\n"
        "signal.signal(signal.SIGWINCH, say); say()\n"
        "while os.read(0, 1) != b'q': pass\n"
    )
    async with running(log, sys.executable, "-c", program) as one:
        await one.until(lambda: b"(24, 80, 640, 480)" in one.output)
        one.resize(30, 100, 800, 600)
        await one.until(lambda: b"(30, 100, 800, 600)" in one.output)
        one.type(b"q")
        assert await one.code() == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("kill -INT $$", 130)],
)
async def test_the_exit_status_is_the_programs(log, command, code):
    async with running(log, "sh", "-c", command) as one:
        assert await one.code() == code


@pytest.mark.parametrize("typed", [b"\x03", b"\x1c"])
async def test_ctrl_c_and_ctrl_backslash_are_signals_for_a_program_that_has_left_them_on(log, typed):
    script = "trap 'exit 4' INT; trap 'exit 5' QUIT; echo up; sleep 30 & wait"
    async with running(log, "sh", "-c", script) as one:
        await one.until(lambda: b"up" in one.output)
        one.type(typed)
        assert await one.code() == (4 if typed == b"\x03" else 5)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
async def test_a_signal_to_us_reaches_the_program(log, number, code):
    async with running(log, sys.executable, "-c", ECHO) as one:
        await one.until(lambda: b"ready" in one.output)
        os.kill(one.pid, number)
        assert await one.code() == code


async def test_closing_the_window_ends_even_a_program_that_ignores_the_signal_and_reads(log):
    program = (
        "import os, signal, time; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.write(1, b'ready'); os.read(0, 1)"
    )
    inner = f'exec {sys.executable} -P -W error -c "$0" {sys.executable} -c "$1"'
    async with on_a_terminal(log, "sh", "-c", inner, LAUNCH, program, env={"OURS": "foo"}) as one:
        await one.until(lambda: b"ready" in one.output)
        inside = children_of(children_of(one.pid)[0])[0]
        one.hang_up()
        code = await one.code()
        await one.until(lambda: not Path(f"/proc/{inside}").exists())

    assert code in (129, -signal.SIGHUP)


async def test_somebody_who_kills_what_is_between_ends_it(log):
    async with fake(log) as one:
        os.kill(children_of(one.pid)[0], signal.SIGKILL)
        assert await one.code() == 137


async def test_the_terminal_is_as_before_after_every_end(log):
    async with fake(log, "kitty") as one:
        program = children_of(children_of(one.pid)[0])[0]
        before = one.modes()
        os.kill(program, signal.SIGKILL)
        assert await one.code() == 137
        await one.until(lambda: one.output.endswith(b"\x1b[0m"))
        after = one.modes()

    end = one.output[one.output.rindex(b"\x1b[?2026l") :]
    assert before != after
    for undone in (b"\x1b[?1003l", b"\x1b[?1049l", b"\x1b[<1u", b"\x1b[?2004l"):
        assert undone in end
    assert after[3] & ECHO_AND_LINES == ECHO_AND_LINES


async def test_a_program_that_cleans_up_leaves_us_nothing_to_add(log):
    async with fake(log) as one:
        one.type(b"\x04")
        assert await one.code() == 3

    assert one.output.endswith(b"\x1b[?25h")


async def test_what_the_last_moment_brings_is_still_shown(log):
    async with running(log, "sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x; echo; echo THE END") as one:
        assert await one.code() == 0
        await one.until(lambda: b"THE END" in one.output)

    assert one.output.count(b"x") == 200000


async def test_a_daemon_that_keeps_the_terminal_does_not_hold_us(log):
    async with running(log, "sh", "-c", "(trap '' HUP; exec sleep 60) & echo $!; exit 2") as one:
        assert await one.code() == 2
        await one.until(lambda: b"\n" in one.output)
        left = int(one.output.split()[0])

    os.kill(left, signal.SIGKILL)


async def test_the_programs_own_standard_error_stays_where_it_leads(log, tmp_path):
    where = tmp_path / "errors"
    inner = (
        "import os, sys; from codexplus_core.terminal.launcher import launch;"
        "sys.exit(launch(['sh', '-c', 'echo out; echo err >&2'], dict(os.environ), frozenset))"
    )
    async with on_a_terminal(log, "sh", "-c", f'exec "$0" -c "$1" 2> {where}', sys.executable, inner) as one:
        assert await one.code() == 0

    assert where.read_text() == "err\n"
    assert b"err" not in one.output


async def test_a_program_that_is_not_there_is_reported(log):
    async with running(log, "/no/such/codex") as one:
        assert await one.code() == 1
        await one.until(lambda: b"no such program" in one.output)

    assert b"CannotStart: /no/such/codex: no such program" in one.output


def test_the_terminal_is_raw_before_the_program_begins_and_as_it_was_where_it_cannot(monkeypatch):
    window, ours = os.openpty()
    before = termios.tcgetattr(ours)
    seen = []

    def spawn(argv, env, *, modes, size):
        seen.append((termios.tcgetattr(ours)[3] & ECHO_AND_LINES, modes))
        raise CannotStart("it cannot")

    monkeypatch.setattr(launcher, "spawn_on_pty", spawn)
    with os.fdopen(ours, "rb+", buffering=0) as terminal, os.fdopen(window, "rb"):
        monkeypatch.setattr(sys, "__stdin__", terminal)
        monkeypatch.setattr(sys, "__stdout__", terminal)
        with pytest.raises(CannotStart):
            launcher.launch(["codex"], {}, frozenset)

        assert termios.tcgetattr(ours) == before

    assert seen == [(0, before)]


SHELL = """
import contextlib, os, signal, sys
os.setpgid(0, 0) if os.getpgrp() != os.getpid() else None
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
with contextlib.suppress(PermissionError):  # the child has done it and runs its program already
    os.setpgid(pid, pid)
while True:
    _, status = os.waitpid(pid, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    if not os.WIFSTOPPED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    os.write(1, b"<stopped>")
    while os.read(0, 1) != b"f":
        pass
    os.tcsetpgrp(0, pid)
    os.killpg(pid, signal.SIGCONT)
"""


async def test_ctrl_z_suspends_both_and_fg_brings_both_back(log):
    words = (sys.executable, "-P", "-c", LAUNCH, sys.executable, str(FAKE), str(log))
    async with on_a_terminal(log, sys.executable, "-c", SHELL, *words, env={"OURS": "foo"}) as one:
        await one.until(lambda: log.exists() and "ready" in log.read_text())
        one.type(b"\x1a")
        await one.until(lambda: b"<stopped>" in one.output)
        stopped = one.modes()
        one.resize(20, 70)
        one.type(b"f\n")
        await one.until(lambda: ("continued", "") in one.notes)
        await one.until(lambda: ("size", "(70, 20)") in one.notes)
        await one.keys("/foo")
        one.type(b"\r")
        await one.until(lambda: ("sent", "/foo") in one.notes)
        one.type(b"\x04")
        assert await one.code() == 3

    assert stopped[3] & ECHO_AND_LINES == ECHO_AND_LINES


async def test_where_nobody_could_bring_us_back_a_suspension_passes_at_once(log):
    async with fake(log) as one:
        one.type(b"\x1a")
        await one.until(lambda: ("continued", "") in one.notes)


def children_of(pid: int) -> list[int]:
    """The processes that this one has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
