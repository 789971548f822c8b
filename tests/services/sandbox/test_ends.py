"""Every run ends, and nothing of it stays: timeouts, floods, daemons, killed supervisors, a killed proxy."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from services.sandbox.conftest import BOUND, Held, at, children, linux
from services.sandbox.watch import DAEMON, Watch

from codexplus_core.services.sandbox.grants import Grants
from codexplus_core.services.sandbox.level import LEVELS
from codexplus_core.services.sandbox.sandbox import Sandbox

pytestmark = linux

ALIVE = ("write:alive", "read_repo")


@pytest.mark.abuse("F07")
@at("process", "lsm", "full")
async def test_a_daemon_is_gone_when_its_program_ends(held: Held) -> None:
    watch = Watch(held.fifo("project/alive"))

    result = await held.code(DAEMON + "print('done')", "alive", permissions=ALIVE)

    assert (result.returncode, result.stdout) == (0, b"done\n")
    # Not "soon": when the run is over, so is everything that came of it.
    await watch.end()


@pytest.mark.req("H6")
@pytest.mark.abuse("F07")
@at("process", "lsm", "full")
async def test_a_timeout_kills_the_program_and_its_daemons(held: Held, clock: Any) -> None:
    watch = Watch(held.fifo("project/alive"))
    stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\nwhile True: time.sleep(1000)"
    task = asyncio.create_task(held.code(DAEMON + stubborn, "alive", permissions=ALIVE))
    await watch.line()

    clock()
    result = await task

    assert (result.timed_out, result.returncode) == (True, -signal.SIGKILL)
    await watch.end()


@at("process", "lsm", "full")
async def test_cancelling_kills_everything(held: Held) -> None:
    watch = Watch(held.fifo("project/alive"))
    task = asyncio.create_task(held.code(DAEMON + "while True: time.sleep(1000)", "alive", permissions=ALIVE))
    await watch.line()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await watch.end()


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@pytest.mark.abuse("F08")
@at("process", "lsm", "full")
async def test_a_killed_supervisor_takes_everything_along(held: Held) -> None:
    watch = Watch(held.fifo("project/alive"))
    task = asyncio.create_task(held.code(DAEMON + "while True: time.sleep(1000)", "alive", permissions=ALIVE))
    await watch.line()
    # Another one waits for the next order, and its child does not yet run a program.
    supervisors = children(held.sandbox.launcher_pid)
    (supervisor,) = [pid for pid in supervisors if any(b"alive" in command(each) for each in children(pid))]

    os.kill(supervisor, signal.SIGKILL)
    result = await task

    assert result.returncode == -signal.SIGKILL
    await watch.end()


PROXY = """
import asyncio, sys
from pathlib import Path
from codexplus_core.services.sandbox.grants import grants_for
from codexplus_core.services.sandbox.level import LEVELS
from codexplus_core.services.sandbox.sandbox import Sandbox
async def main(level, project, *argv):
    sandbox = Sandbox(levels=LEVELS[:LEVELS.index(level) + 1])
    grants = grants_for(["write:alive", "read_repo"], Path(project), Path.home())
    await sandbox.run_sandboxed(argv, grants=grants, minimum=level, timeout=3600)
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.abuse("F08")
@pytest.mark.parametrize("held", ["process-me", "lsm-me", "full-me"], indirect=True)
async def test_a_killed_proxy_takes_everything_along(held: Held) -> None:
    watch = Watch(held.fifo("project/alive"))
    program = [held.python, "-I", "-S", "-c", DAEMON + "while True: time.sleep(1000)", "alive"]
    with subprocess.Popen([sys.executable, "-c", PROXY, held.level, str(held.project), *program]) as proxy:
        try:
            await watch.line()
            (launcher,) = children(proxy.pid)
            base = Path(Path(f"/proc/{launcher}/cmdline").read_bytes().split(b"\0")[-3].decode())
            assert base.is_dir()
        finally:
            proxy.kill()

    await watch.end()
    async with asyncio.timeout(BOUND):
        while base.exists():
            await asyncio.sleep(0.01)


@pytest.mark.abuse("F09")
@at("process", "lsm", "full")
async def test_a_flood_on_both_outputs_is_cut_counted_and_does_not_block(held: Held) -> None:
    code = (
        "import os, threading\n"
        "def flood(fd):\n"
        "    for _ in range(320): os.write(fd, b'y' * 65536)\n"
        "threads = [threading.Thread(target=flood, args=(fd,)) for fd in (1, 2)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
    )

    result = await held.code(code, stdin=b"x" * 1_000_000)

    assert result.returncode == 0
    assert (len(result.stdout), len(result.stderr)) == (65536, 65536)
    assert (result.truncated, result.dropped) == (True, 2 * 319 * 65536)


@pytest.mark.abuse("F09")
@at("process", "full")
async def test_a_large_input_comes_back_whole(held: Held) -> None:
    code = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data)"

    result = await held.code(code, stdin=bytes(range(256)) * 4000, output_limit=2_000_000)

    assert (result.stdout, result.truncated) == (bytes(range(256)) * 4000, False)


@pytest.mark.abuse("F17")
@at("full")
async def test_a_cut_never_goes_through_a_character(held: Held) -> None:
    result = await held.code("import sys; sys.stdout.buffer.write('€'.encode() * 1000)", output_limit=100)

    assert result.stdout.decode() == "€" * 33
    assert result.truncated


@pytest.mark.abuse("F17")
@at("process", "full")
async def test_json_that_was_cut_is_no_json_and_is_said_to_be_cut(held: Held) -> None:
    code = "import json; print(json.dumps({'reason': '€' * 40_000, 'decision': 'allow'}, ensure_ascii=False))"

    result = await held.code(code)

    assert result.truncated and result.returncode == 0
    assert len(result.stdout) <= 64 * 1024
    with pytest.raises(json.JSONDecodeError):
        json.loads(result.stdout.decode())


@pytest.mark.abuse("F10")
@at("process", "lsm", "full")
async def test_memory_files_and_processes_are_bounded(held: Held) -> None:
    code = (
        "import os, resource as r, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: bytearray(6 << 30)\n"
        "except MemoryError: print('memory')\n"
        "file = os.open(os.environ['TMPDIR'] + '/large', os.O_CREAT | os.O_WRONLY)\n"
        "try: os.ftruncate(file, 100 << 30)\n"
        "except OSError: print('file')\n"
        "for kind in (r.RLIMIT_NPROC, r.RLIMIT_CPU, r.RLIMIT_NOFILE):\n"
        "    print(r.getrlimit(kind)[1] not in (-1, r.RLIM_INFINITY))"
    )

    result = await held.code(code)

    assert result.stdout.decode().split() == ["memory", "file", "True", "True", "True"], result


@pytest.mark.abuse("F10")
@at("full")
async def test_a_fork_bomb_is_stopped(held: Held) -> None:
    code = (
        "import os, time\n"
        "count = 0\n"
        "try:\n"
        "    while count < 600:\n"
        "        if os.fork() == 0: time.sleep(1000)\n"
        "        count += 1\n"
        "except OSError: print('stopped')\n"
        "print(count)"
    )

    result = await held.code(code)

    assert result.stdout.split()[0] == b"stopped"
    assert int(result.stdout.split()[1]) <= 301


@at("process", "lsm", "full")
async def test_nothing_is_left_of_a_run_even_where_it_took_its_own_permissions(held: Held) -> None:
    code = (
        "import os\n"
        "print(os.environ['HOME'])\n"
        "os.chdir(os.environ['TMPDIR'])\n"
        "os.mkdir('deep'); open('deep/file', 'w').close(); os.symlink('/etc', 'deep/link')\n"
        "os.fchmod(os.open('deep', os.O_RDONLY), 0)\n"
    )

    result = await held.code(code)

    scratch = Path(result.stdout.decode().strip()).parent
    async with asyncio.timeout(BOUND):
        while scratch.exists():
            await asyncio.sleep(0.01)
    assert Path("/etc").is_dir()


@at("process", "lsm", "full")
async def test_exit_codes_and_signals_come_back(held: Held) -> None:
    exited = await held.run("sh", "-c", "exit 7")
    killed = await held.code("import os; os.abort()")

    assert (exited.returncode, killed.returncode) == (7, -signal.SIGABRT)


@pytest.mark.parametrize("held", ["process-me", "lsm-me", "full-me"], indirect=True)
async def test_no_process_waits_for_orders_once_the_sandbox_is_closed(held: Held) -> None:
    sandbox = Sandbox(levels=LEVELS[: LEVELS.index(held.level) + 1])
    await sandbox.run_sandboxed(["true"], grants=Grants(), minimum=held.level)
    launcher = sandbox.launcher_pid
    waiting = children(launcher)

    await asyncio.to_thread(sandbox.close)

    async with asyncio.timeout(BOUND):
        while any(Path(f"/proc/{pid}").exists() for pid in waiting):
            await asyncio.sleep(0.01)


@at("process", "lsm", "full")
async def test_a_run_goes_well_although_the_one_that_waited_for_it_was_killed(held: Held) -> None:
    for _ in range(3):
        await held.run("true")
        async with asyncio.timeout(BOUND):
            while not (waiting := children(held.sandbox.launcher_pid)):
                await asyncio.sleep(0.01)
            for pid in waiting:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            # One that has an order by now is killed with the run, as any supervisor.
            while any(Path(f"/proc/{pid}").exists() for pid in waiting):
                await asyncio.sleep(0.01)

        assert (await held.run("sh", "-c", "echo well")).stdout == b"well\n"
