"""The one door for processes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys

import pytest
from processes import until_gone

from codexplus_core.services.run import CannotStart, capture, run_program, spawn_detached

PYTHON = sys.executable
BOUND = 30.0

posix = pytest.mark.skipif(os.name != "posix", reason="process groups and signals are POSIX's")


async def test_both_outputs_and_the_exit_code_come_back():
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"

    result = await run_program([PYTHON, "-c", code], timeout=BOUND)

    assert (result.returncode, result.stdout.split(), result.stderr.split()) == (7, [b"out"], [b"err"])
    assert not result.timed_out
    assert not result.truncated


async def test_standard_input_is_fed_even_when_it_is_larger_than_a_pipe():
    code = "import sys; data = sys.stdin.buffer.read(); print(len(data), data == b'x' * len(data))"

    result = await run_program([PYTHON, "-c", code], stdin=b"x" * 3_000_000, timeout=BOUND)

    assert result.stdout.split() == [b"3000000", b"True"]


async def test_a_program_that_never_reads_its_input_ends_well():
    result = await run_program([PYTHON, "-c", "print('done')"], stdin=b"x" * 1_000_000, timeout=BOUND)

    assert result.stdout.strip() == b"done"
    assert result.returncode == 0


@pytest.mark.abuse("F09")
async def test_a_flood_on_both_outputs_is_cut_without_a_deadlock():
    code = (
        "import os, threading\n"
        "def flood(fd):\n"
        "    for _ in range(80): os.write(fd, b'y' * 65536)\n"
        "threads = [threading.Thread(target=flood, args=(fd,)) for fd in (1, 2)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
    )

    result = await run_program([PYTHON, "-c", code], stdin=b"x" * 1_000_000, timeout=BOUND, output_limit=1000)

    assert result.returncode == 0
    assert (len(result.stdout), len(result.stderr), result.truncated) == (1000, 1000, True)


async def test_output_of_exactly_the_limit_is_not_called_truncated():
    result = await run_program([PYTHON, "-c", "print('z' * 99)"], timeout=BOUND, output_limit=99 + len(os.linesep))

    assert not result.truncated


@pytest.mark.abuse("F06")
async def test_the_environment_holds_what_is_passed_and_nothing_else(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    monkeypatch.setenv("LANG", "C.UTF-8")

    result = await run_program(
        [PYTHON, "-c", "import os; print(*sorted(os.environ))"], env={"MINE": "1"}, timeout=BOUND
    )

    names = {name for name in result.stdout.decode().split() if name != "LC_CTYPE"}  # Python sets that one itself
    assert names == {"PATH", "HOME", "LANG", "MINE"}


async def test_no_shell_sees_the_arguments(tmp_path):
    result = await run_program(
        [PYTHON, "-c", "import sys; print(sys.argv[1])", "$(touch x); `id`"], cwd=tmp_path, timeout=BOUND
    )

    assert result.stdout.strip() == b"$(touch x); `id`"
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.abuse("F14")
async def test_open_files_are_not_inherited(tmp_path):
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        code = f"import os; os.fstat({file.fileno()})"

        result = await run_program([PYTHON, "-c", code], timeout=BOUND)

    assert b"Bad file descriptor" in result.stderr


def test_input_flood_and_timeout_are_handled_on_uvloop_as_well():
    uvloop = pytest.importorskip("uvloop")
    flood = "import os, sys; n = len(sys.stdin.buffer.read()); os.write(2, b'%d' % n); os.write(1, b'y' * 500_000)"

    async def runs():
        return (
            await run_program([PYTHON, "-c", flood], stdin=b"x" * 3_000_000, timeout=BOUND, output_limit=1000),
            await run_program(["/bin/sh", "-c", "sleep 600 & sleep 600"], timeout=0.5),
        )

    flooded, late = uvloop.run(runs())

    assert (flooded.returncode, flooded.stderr, len(flooded.stdout)) == (0, b"3000000", 1000)
    assert (late.timed_out, late.returncode) == (True, -signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not there on Windows")
def test_a_program_that_is_gone_before_its_input_comes_ends_well_on_uvloop():
    import uvloop

    async def often() -> list[int | None]:
        return [(await run_program(["true"], stdin=b"{}\n")).returncode for _ in range(60)]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert set(runner.run(often())) == {0}


@posix
async def test_a_timeout_kills_the_program_and_its_children(tmp_path, monkeypatch):
    fifo = tmp_path / "child"
    os.mkfifo(fifo)
    code = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('up', flush=True); pathlib.Path(sys.argv[1]).write_text(str(child.pid)); time.sleep(600)\n"
    )
    loop = asyncio.get_running_loop()
    now = loop.time
    task = asyncio.create_task(run_program([PYTHON, "-c", code, str(fifo)], timeout=60.0))
    child = int(await asyncio.to_thread(fifo.read_text))

    monkeypatch.setattr(loop, "time", lambda: now() + 60.0)
    result = await task

    assert (result.timed_out, result.returncode, result.stdout.strip()) == (True, -signal.SIGKILL, b"up")
    await until_gone(child)


@posix
async def test_cancelling_kills_the_program(tmp_path):
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    task = asyncio.create_task(run_program([PYTHON, "-c", code, str(fifo)], timeout=None))
    pid = int(await asyncio.to_thread(fifo.read_text))

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await until_gone(pid)


@posix
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_whoever_is_cancelled_while_the_program_starts_leaves_nothing_of_it(tmp_path, loop):
    canary = tmp_path / "canary"
    os.mkfifo(canary)
    # The child holds the canary open: reading it comes to an end when nobody does any more.
    reader = os.open(canary, os.O_RDONLY | os.O_NONBLOCK)
    held = os.open(canary, os.O_WRONLY)
    factory = pytest.importorskip("uvloop").new_event_loop if loop == "uvloop" else None

    async def cancelled_after(steps: int) -> None:
        task = asyncio.create_task(run_program(["/bin/sh", "-c", f"exec 5>'{canary}'; sleep 600 & sleep 600"]))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def often() -> None:
        async with asyncio.timeout(BOUND):
            for steps in range(12):
                await cancelled_after(steps)
            os.close(held)
            os.set_blocking(reader, True)
            assert await asyncio.to_thread(os.read, reader, 1) == b""

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(often())
    os.close(reader)


@posix
async def test_a_child_that_keeps_the_output_open_does_not_keep_us(tmp_path):
    async with asyncio.timeout(BOUND):
        result = await run_program(["/bin/sh", "-c", "sleep 600 & echo $!"], timeout=BOUND)

    assert (result.returncode, result.timed_out) == (0, False)
    await until_gone(int(result.stdout))


@pytest.mark.parametrize("argv", [["no-such-program-here"], ["/no/such/program"]])
async def test_a_missing_program_is_named(argv):
    with pytest.raises(CannotStart, match=f"{argv[0]}: no such program"):
        await run_program(argv)


@posix
async def test_a_file_that_is_no_program_is_named(tmp_path):
    (tmp_path / "plain").write_text("text")

    with pytest.raises(CannotStart, match="check that the file is executable"):
        await run_program([str(tmp_path / "plain")])


def test_capture_gives_output_and_code():
    result = capture([PYTHON, "-c", "print('0.1'); raise SystemExit(3)"], BOUND)

    assert (result.returncode, result.stdout.strip()) == (3, b"0.1")


@posix
async def test_capture_ends_a_program_that_hangs_with_its_children():
    result = capture(["/bin/sh", "-c", "sleep 600 & echo $!; wait"], 1.0)

    assert result.timed_out
    await until_gone(int(result.stdout))


HAND_OVER = (
    "import os, sys; from codexplus_core.services.run import hand_over; sys.exit(hand_over(sys.argv[1:], os.environ))"
)


def handing_over(*argv: str, **options) -> subprocess.Popen[bytes]:
    # A session of its own, so that no terminal of the person who tests gets involved; and no signal ignored because
    # nohup or a shell's background job ran the tests.
    return subprocess.Popen(
        [PYTHON, "-c", HAND_OVER, *argv], start_new_session=True, preexec_fn=_with_signals, **options
    )


def _with_signals() -> None:
    for number in (signal.SIGINT, signal.SIGHUP) if sys.platform != "win32" else ():
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("code", [0, 1, 42])
def test_hand_over_returns_the_exit_code(code):
    with handing_over(PYTHON, "-c", f"raise SystemExit({code})") as process:
        assert process.wait(BOUND) == code


def test_hand_over_gives_the_child_our_files():
    with handing_over(PYTHON, "-c", "print(input())", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        output, _ = process.communicate(b"typed\n", BOUND)

    assert output.strip() == b"typed"


@posix
def test_a_child_that_dies_of_a_signal_gives_128_plus_its_number():
    with handing_over(PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") as process:
        assert process.wait(BOUND) == 128 + signal.SIGKILL


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_us_reaches_the_child_and_we_wait_for_it(number):
    code = (
        "import os, signal, sys\n"
        f"signal.signal({int(number)}, lambda *_: (os.write(1, b'got it'), sys.exit(5)))\n"
        "os.write(1, b'up\\n')  # the signal may come before this returns, and no buffer may be written from within\n"
        "while True: signal.pause()\n"
    )
    with handing_over(PYTHON, "-c", code, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"up"

        process.send_signal(number)

        assert process.wait(BOUND) == 5
        assert process.stdout.read().strip() == b"got it"


@posix
def test_ctrl_c_on_the_terminal_reaches_the_child_once():
    import pty

    code = (
        "import signal, sys, time\n"
        "signal.alarm(30)  # the end, should Ctrl-C never come\n"
        "count = []\n"
        "signal.signal(signal.SIGINT, lambda *_: count.append(1))\n"
        "print('up', flush=True)\n"
        "while not count: signal.pause()\n"
        "signal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.3); signal.pause()\n"
        "print('times', len(count), flush=True); sys.exit(9)\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(PYTHON, [PYTHON, "-c", HAND_OVER, PYTHON, "-c", code])
    seen = b""
    while b"up" not in seen:
        seen += os.read(terminal, 1000)

    os.write(terminal, b"\x03")

    while not re.search(rb"times \d", seen):
        seen += os.read(terminal, 1000)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert b"times 1" in seen
    assert os.waitstatus_to_exitcode(status) == 9


@posix
def test_a_detached_program_leads_its_own_session_and_logs_privately(tmp_path):
    log = tmp_path / "serve.log"

    started = spawn_detached([PYTHON, "-c", "import os; print(os.getpid() == os.getsid(0))"], log)
    started.process.wait(BOUND)

    assert started.ended() == 0
    assert log.read_text().strip() == "True"
    assert log.stat().st_mode & 0o777 == 0o600


@posix
def test_a_log_that_is_a_link_is_not_written_through(tmp_path):
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Exception, match="cannot be written"):
        spawn_detached([PYTHON, "-c", ""], tmp_path / "log")

    assert not (tmp_path / "elsewhere").exists()


@posix
def test_a_child_that_stops_itself_stops_us_and_goes_on_with_us():
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP); raise SystemExit(6)"
    with handing_over(PYTHON, "-c", code) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

        process.send_signal(signal.SIGCONT)

        assert process.wait(BOUND) == 6
