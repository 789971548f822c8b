"""The user's own programs: they may do what the user may, and everything that comes of them ends with them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from services.sandbox.conftest import BOUND, children, linux
from services.sandbox.watch import DAEMON, Watch

from codexplus_core import Action, Core, hookimpl
from codexplus_core.services.run import CannotStart, run_program
from codexplus_core.services.sandbox import unconfined as module
from codexplus_core.services.sandbox.launching import Launching
from codexplus_core.services.sandbox.unconfined import Unconfined
from codexplus_core.testing import Harness

pytestmark = linux

STAYS = "while True: time.sleep(1000)"


class Acts:
    """Keeps the core."""

    core: Any = None

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core


@pytest.fixture
def unconfined() -> Iterator[Unconfined]:
    launching = Launching()
    yield Unconfined(launching)
    launching.close()


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    os.mkfifo(tmp_path / "alive")
    return Watch(tmp_path / "alive")


def code(text: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", text, *words)


@pytest.mark.abuse("F07")
@pytest.mark.req("H6")
async def test_the_time_limit_of_core_run_reaches_those_who_left_the_group(
    tmp_path: Path, watch: Watch, clock: Any
) -> None:
    acts = Acts()
    async with Harness([acts]):
        action = Action("run", argv=code(DAEMON + STAYS, "alive"), cwd=tmp_path, timeout=BOUND)
        task = asyncio.create_task(acts.core.run(action))
        await watch.line()

        clock()
        result = await task

        assert (result.timed_out, result.returncode, result.level) == (True, -signal.SIGKILL, "process")
        # Before the proxy ends, which would end it, too.
        await watch.end()


async def test_killing_the_group_alone_misses_them(tmp_path: Path, watch: Watch, clock: Any) -> None:
    # Its input ends in the step of the event loop after its time began: a clock that jumps before would begin anew.
    text = "import sys; sys.stdin.buffer.read()\n" + DAEMON + STAYS
    task = asyncio.create_task(run_program(code(text, "alive"), cwd=tmp_path, stdin=b"x", timeout=BOUND))
    daemon = int(await watch.line())

    clock()
    result = await task

    assert result.timed_out
    os.kill(daemon, signal.SIGKILL)  # would raise if it were gone, and the test above would show nothing
    await watch.end()


@pytest.mark.abuse("F07")
async def test_a_daemon_ends_with_its_program(tmp_path: Path, watch: Watch, unconfined: Unconfined) -> None:
    result = await unconfined.run(code(DAEMON + "print('done')", "alive"), cwd=tmp_path, timeout=BOUND)

    assert (result.returncode, result.stdout) == (0, b"done\n")
    await watch.end()


async def test_cancelling_ends_everything(tmp_path: Path, watch: Watch, unconfined: Unconfined) -> None:
    task = asyncio.create_task(unconfined.run(code(DAEMON + STAYS, "alive"), cwd=tmp_path, timeout=None))
    await watch.line()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await watch.end()


@pytest.mark.abuse("F08")
async def test_a_killed_proxy_takes_everything_along(tmp_path: Path, watch: Watch) -> None:
    proxy = (
        "import asyncio, sys\n"
        "from codexplus_core.services.sandbox.launching import Launching\n"
        "from codexplus_core.services.sandbox.unconfined import Unconfined\n"
        "asyncio.run(Unconfined(Launching()).run(sys.argv[1:], timeout=3600))"
    )
    argv = [sys.executable, "-c", proxy, *code(DAEMON + STAYS, "alive")]
    with subprocess.Popen(argv, cwd=tmp_path) as process:
        try:
            await watch.line()
        finally:
            process.kill()

    await watch.end()


async def test_a_program_is_not_held_by_anything(tmp_path: Path, unconfined: Unconfined) -> None:
    text = (
        "import os, resource as r, socket, sys\n"
        "socket.socket().close()\n"
        "open('large', 'w').truncate(1 << 30)\n"
        "names = [name for name in dir(r) if name.startswith('RLIMIT_')]\n"
        "print(os.umask(0), os.getcwd(), os.environ.get('HOME'), [r.getrlimit(getattr(r, name)) for name in names])\n"
        "print(os.getsid(0) == os.getpid(), sys.stdin.isatty(), os.path.samefile('/dev/stdin', '/dev/null'))\n"
        "print([name for name in os.listdir('/proc/self/fd') if int(name) > 2][1:])"
    )
    environment = {"PATH": os.environ["PATH"]}

    through = await unconfined.run(code(text), cwd=tmp_path, env=environment, timeout=BOUND)
    bare = await run_program(code(text), cwd=tmp_path, env=environment, timeout=BOUND)

    assert (through.returncode, through.stderr) == (0, b"")
    assert through.stdout == bare.stdout


async def test_input_comes_whole_and_output_is_bounded(unconfined: Unconfined) -> None:
    text = (
        "import sys; data = sys.stdin.buffer.read(); print(len(data)); sys.stdout.flush(); sys.stderr.write('y' * 1000)"
    )

    result = await unconfined.run(code(text), stdin=b"x" * 1_000_000, timeout=BOUND, output_limit=100)

    assert (result.stdout, len(result.stderr), result.truncated, result.dropped) == (b"1000000\n", 100, True, 900)


@pytest.mark.parametrize(
    ("argv", "cwd", "words"),
    [
        (("/no/such/program",), None, "/no/such/program: no such program or working directory"),
        (("/bin/true",), "/no/such/directory", "/bin/true: no such program or working directory"),
        (("/etc/passwd",), None, r"/etc/passwd: cannot be started \(Permission denied\)"),
        (("/bin/true", "x" * (1 << 20)), None, r"/bin/true: cannot be started \(Argument list too long\)"),
    ],
    ids=["no program", "no directory", "no program's mode", "too much"],
)
async def test_what_cannot_start_is_told_as_without_a_launcher(
    unconfined: Unconfined, argv: tuple[str, ...], cwd: str | None, words: str
) -> None:
    where = None if cwd is None else Path(cwd)

    for run in (unconfined.run, run_program):
        with pytest.raises(CannotStart, match=words):
            await run(argv, cwd=where, timeout=BOUND)


@pytest.mark.parametrize(("word", "env"), [("a\0b", {}), ("a", {"NAME": "\0"}), ("a", {"NA=ME": "x"}), ("\ud800", {})])
async def test_words_that_no_program_can_be_given_are_refused(
    unconfined: Unconfined, word: str, env: dict[str, str]
) -> None:
    for run in (unconfined.run, run_program):
        with pytest.raises(ValueError, match=r"null byte|illegal environment|surrogates"):
            await run(("/bin/true", word), env=env, timeout=BOUND)


async def test_a_dead_launcher_is_replaced(unconfined: Unconfined) -> None:
    await unconfined.run(("/bin/true",), timeout=BOUND)
    pid = unconfined._launching.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    results = await asyncio.gather(*(unconfined.run(("/bin/echo", "well"), timeout=BOUND) for _ in range(4)))

    assert [result.stdout for result in results] == [b"well\n"] * 4
    assert unconfined._launching.pid != pid


async def test_where_no_launcher_works_the_program_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Unconfined(Launching(argv=["/bin/false"]))
    assert (await broken.run(("/bin/echo", "well"), timeout=BOUND)).stdout == b"well\n"

    monkeypatch.setattr(module, "can_supervise", lambda: False)
    launching = Launching()
    assert (await Unconfined(launching).run(("/bin/echo", "well"), timeout=BOUND)).stdout == b"well\n"
    assert launching.pid is None


async def test_many_at_once_all_run(unconfined: Unconfined) -> None:
    results = await asyncio.gather(*(unconfined.run(("/bin/echo", str(n)), timeout=BOUND) for n in range(150)))

    assert [result.stdout for result in results] == [f"{n}\n".encode() for n in range(150)]


async def waiting_below(launcher: int | None) -> set[int]:
    """The processes that the launcher has made ahead."""
    async with asyncio.timeout(BOUND):
        while not (found := set(children(launcher))):
            await asyncio.sleep(0.01)
    return found


async def test_the_next_program_is_started_by_the_process_that_waited_for_it(unconfined: Unconfined) -> None:
    await unconfined.run(("/bin/true",), timeout=BOUND)
    # A process that waits may not have been handed over yet.
    async with asyncio.timeout(BOUND):
        while not unconfined._launching._spares:
            unconfined._launching._fetch()
            await asyncio.sleep(0.01)
    # That of the run before may not be gone yet.
    waiting = await waiting_below(unconfined._launching.pid)
    result = await unconfined.run(code("import os; print(os.getppid())"), timeout=BOUND)

    assert int(result.stdout) in waiting


@pytest.mark.abuse("F08")
async def test_a_killed_supervisor_takes_everything_along(tmp_path: Path, watch: Watch, unconfined: Unconfined) -> None:
    text = DAEMON + "open('parent', 'w').write(str(os.getppid()))\n" + STAYS
    task = asyncio.create_task(unconfined.run(code(text, "alive"), cwd=tmp_path, timeout=BOUND))
    await watch.line()
    async with asyncio.timeout(BOUND):
        while not (tmp_path / "parent").exists() or not (parent := (tmp_path / "parent").read_text()):
            await asyncio.sleep(0.01)

    os.kill(int(parent), signal.SIGKILL)
    result = await task

    assert result.returncode == -signal.SIGKILL
    await watch.end()
