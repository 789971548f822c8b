"""`core.start`: programs that are talked to while they run, plain and in the sandbox, and how they end."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from processes import until_gone

from codexplus_core import (
    Action,
    ActionDenied,
    CannotStart,
    Core,
    Exchange,
    LocalReply,
    Refusal,
    Running,
    Session,
    hookimpl,
)
from codexplus_core.services.sandbox.sandbox import probe_once
from codexplus_core.services.talking import Streams, start_program
from codexplus_core.testing import Harness

posix = pytest.mark.skipif(os.name != "posix", reason="process groups and signals are POSIX's")
linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
BOUND = 30.0
ECHO = "import sys\nfor line in sys.stdin.buffer:\n    sys.stdout.buffer.write(b'got ' + line); sys.stdout.flush()\n"


class Acts:
    """Keeps the core, sees what is about to be done, and vetoes what it is told to."""

    core: Any = None

    def __init__(self, veto: str = "") -> None:
        self.seen: list[Action] = []
        self.veto = veto

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    def on_action(self, action: Action) -> Refusal | None:
        self.seen.append(action)
        return Refusal("not here") if action.kind == self.veto else None


def python(code: str, *args: str, **more: Any) -> Action:
    return Action("run", argv=(sys.executable, "-c", code, *args), source="test", **more)


async def line_of(running: Running) -> bytes:
    found = b""
    async with asyncio.timeout(BOUND):
        while not found.endswith(b"\n"):
            found += await running.read()
    return found


async def everything_of(running: Running) -> bytes:
    found: list[bytes] = []
    async with asyncio.timeout(BOUND):
        while part := await running.read():
            found.append(part)
    return b"".join(found)


@pytest.mark.parametrize("permissions", [(), pytest.param(("read_repo",), marks=linux)])
async def test_a_program_hears_and_answers_until_its_input_is_closed(
    tmp_path: Path, permissions: tuple[str, ...]
) -> None:
    acts = Acts()
    async with Harness([acts]):
        running = await acts.core.start(python(ECHO, cwd=tmp_path, permissions=permissions))
        async with running:
            await running.write(b"one\n")
            first = await line_of(running)
            await running.write(b"two\n")
            second = await line_of(running)
            running.close_input()
            async with asyncio.timeout(BOUND):
                code = await running.wait()

    assert (first, second, code) == (b"got one\n", b"got two\n", 0)
    assert acts.seen[0].kind == "run"


@posix
@pytest.mark.parametrize("permissions", [(), pytest.param(("read_repo",), marks=linux)])
async def test_closing_ends_the_program_and_its_children(tmp_path: Path, permissions: tuple[str, ...]) -> None:
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True); time.sleep(600)\n"
    )
    acts = Acts()
    async with Harness([acts]):
        running = await acts.core.start(
            python(code, cwd=tmp_path, permissions=(*permissions, "run:*") if permissions else ())
        )
        child = int(await line_of(running))
        async with asyncio.timeout(BOUND):
            await running.close(grace=0.05)

    assert running.exited
    if not permissions:
        await until_gone(child)


@posix
async def test_children_that_outlive_the_program_end_with_it() -> None:
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid, flush=True); sys.exit(3)"
    acts = Acts()
    async with Harness([acts]), await acts.core.start(python(code)) as running:
        child = int(await line_of(running))
        async with asyncio.timeout(BOUND):
            code_of = await running.wait()

        await until_gone(child)

    assert code_of == 3


@posix
async def test_a_cancelled_close_kills_at_once_and_ends_behind_the_program() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    acts = Acts()
    async with Harness([acts]):
        running = await acts.core.start(python(code))
        await line_of(running)
        closing = asyncio.create_task(running.close(grace=600))
        await asyncio.sleep(0)
        closing.cancel()
        async with asyncio.timeout(BOUND):
            await asyncio.gather(closing, return_exceptions=True)

        assert (closing.cancelled(), running.exited, running.returncode) == (True, True, -9)


@pytest.mark.parametrize("permissions", [(), pytest.param(("read_repo",), marks=linux)])
async def test_errors_come_as_they_are_written_and_the_last_are_kept(
    tmp_path: Path, permissions: tuple[str, ...]
) -> None:
    code = "import sys\nfor n in range(20000): print(f'{n:09}', file=sys.stderr)\n"
    heard: list[int] = []
    acts = Acts()
    async with Harness([acts]):
        action = python(code, cwd=tmp_path, permissions=permissions)
        async with await acts.core.start(action, on_errors=lambda data: heard.append(len(data))) as running:
            await everything_of(running)
            async with asyncio.timeout(BOUND):
                await running.wait()
                while sum(heard) < 200_000:
                    await asyncio.sleep(0)

    assert sum(heard) == 200_000
    assert len(running.errors) == 64 * 1024 and running.errors.endswith(b"000019999\n")


@pytest.mark.abuse("F09")
@pytest.mark.parametrize("permissions", [(), pytest.param(("read_repo",), marks=linux)])
async def test_a_flood_waits_until_it_is_read(tmp_path: Path, permissions: tuple[str, ...]) -> None:
    code = "import os, sys\nfor n in range(200): os.write(1, b'y' * 65536)\n"
    acts = Acts()
    async with Harness([acts]):
        running = await acts.core.start(python(code, cwd=tmp_path, permissions=permissions))
        async with running:
            await running.read(1)
            for _ in range(2000):
                await asyncio.sleep(0)
            stuck = not running.exited
            rest = await everything_of(running)

    assert stuck
    assert 1 + len(rest) == 200 * 65536


async def test_what_comes_behind_the_end_of_the_output_is_left_out() -> None:
    streams = Streams(None)
    streams.printed(b"one")
    streams.fell_silent()
    streams.printed(b"two")

    assert await streams.output.read() == b"one"


async def test_a_program_that_takes_no_input_makes_the_writer_wait() -> None:
    code = "import sys; print(1, flush=True); sys.stdin.buffer.read(1); print(len(sys.stdin.buffer.read()), flush=True)"
    acts = Acts()
    async with Harness([acts]), await acts.core.start(python(code)) as running:
        await line_of(running)
        async with asyncio.timeout(BOUND):
            await running.write(b"x" * 5_000_000)
        running.close_input()

        assert (await everything_of(running)).split() == [b"4999999"]


async def test_writing_to_what_has_ended_is_a_broken_pipe() -> None:
    acts = Acts()
    async with Harness([acts]), await acts.core.start(python("pass")) as running:
        await everything_of(running)
        async with asyncio.timeout(BOUND):
            await running.wait()

        with pytest.raises(BrokenPipeError):
            for _ in range(100):
                await running.write(b"x")
                await asyncio.sleep(0)


async def test_vetoes_and_deny_rules_hold(tmp_path: Path) -> None:
    acts = Acts(veto="run")
    async with Harness([acts]):
        with pytest.raises(ActionDenied, match="not here"):
            await acts.core.start(python("pass", cwd=tmp_path))
        with pytest.raises(CannotStart, match="no such program"):
            await acts.core.start(Action("run", argv=("no-such-program",)))
        with pytest.raises(ValueError, match=r"core\.start"):
            await acts.core.start(Action("connect", url="https://x"))


@pytest.mark.abuse("G20")
@pytest.mark.parametrize("permissions", [(), pytest.param(("read_repo",), marks=linux)])
async def test_the_environment_is_filtered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, permissions: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    code = "import os; print(sorted(set(os.environ) & {'OPENAI_API_KEY', 'MINE'}), flush=True)"
    acts = Acts()
    async with Harness([acts]):
        action = python(code, cwd=tmp_path, permissions=permissions, env={"MINE": "1"})
        async with await acts.core.start(action) as running:
            assert await line_of(running) == b"['MINE']\n"


@pytest.mark.abuse("G20")
@pytest.mark.parametrize("as_given", [True, False])
async def test_names_of_loaders_count_only_where_the_user_wrote_them_or_saw_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_given: bool
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/own")
    code = "import os; print([os.environ.get(n) for n in ('NODE_PATH', 'PAGER', 'XDG_DATA_HOME')], flush=True)"
    env = {"NODE_PATH": "/theirs", "PAGER": "theirs", "XDG_DATA_HOME": "/own", "PATH": "/theirs"}
    acts = Acts()
    async with Harness([acts]):
        action = python(f"{code}; print(os.environ['PATH'] == '/theirs')", cwd=tmp_path, env=env)
        async with await acts.core.start(action, env_as_given=as_given) as running:
            said = (await everything_of(running)).decode().split("\n")

    assert said[:2] == (["['/theirs', 'theirs', '/own']", "True"] if as_given else ["[None, 'cat', '/own']", "False"])


@posix
def test_on_uvloop_it_is_talked_to_ended_and_cancelled_in_the_same_way() -> None:
    uvloop = pytest.importorskip("uvloop")
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    flood = "import os\nfor n in range(100): os.write(1, b'y' * 65536)\n"

    async def all_of_it() -> tuple[bytes, int | None, int | None, int]:
        async with asyncio.timeout(BOUND):
            async with await start_program([sys.executable, "-c", ECHO]) as running:
                await running.write(b"one\n")
                heard = await line_of(running)
            stubborn = await start_program([sys.executable, "-c", deaf])
            await line_of(stubborn)
            await stubborn.close(grace=0.01)
            other = await start_program([sys.executable, "-c", deaf])
            await line_of(other)
            other.close_now()
            await other.wait()
            async with await start_program([sys.executable, "-c", flood]) as flooding:
                return heard, running.returncode, stubborn.returncode, len(await everything_of(flooding))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(all_of_it()) == (b"got one\n", 0, -9, 100 * 65536)


@linux
async def test_the_sandbox_holds_what_declares_permissions(tmp_path: Path) -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")
    (tmp_path / "in.txt").write_text("in")
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("out")
    code = (
        "import sys\n"
        "for path in sys.argv[1:]:\n"
        "    try: print(open(path).read(), flush=True)\n"
        "    except OSError as error: print(type(error).__name__, flush=True)\n"
    )
    acts = Acts()
    async with Harness([acts]):
        action = python(code, "in.txt", str(outside), cwd=tmp_path, permissions=("read_repo",))
        async with await acts.core.start(action) as running:
            said = await everything_of(running)

    assert said.split()[0] == b"in" and b"out" not in said
    assert running.level != "process"


@pytest.mark.abuse("I10")
async def test_a_connection_is_asked_about_and_none_is_opened(tmp_path: Path) -> None:
    acts = Acts()
    async with Harness([acts]):
        await acts.core.connect(Action("connect", url="https://mcp.example/sse", source="test"))
        acts.veto = "connect"
        with pytest.raises(ActionDenied, match="not here"):
            await acts.core.connect(Action("connect", url="https://mcp.example/sse", source="test"))
        with pytest.raises(ValueError, match=r"core\.connect"):
            await acts.core.connect(Action("run", argv=("x",)))

    assert [action.url for action in acts.seen] == ["https://mcp.example/sse"] * 2


@pytest.mark.abuse("I10")
@pytest.mark.parametrize("url", ["https://evil.example/x", "https://sub.evil.example", "https://EVIL.example.:8443/"])
async def test_a_deny_rule_for_the_host_denies_the_connection(tmp_path: Path, url: str) -> None:
    from services.config.world import World

    world = World(tmp_path)
    world.write("project/.claude/settings.json", {"permissions": {"deny": ["WebFetch(domain:evil.example)"]}})
    acts = Acts()
    async with Harness([acts], config=world.config()):
        session = Session(cwd=world.project)
        with pytest.raises(ActionDenied, match=r"^(sub\.)?evil\.example: "):
            await acts.core.connect(Action("connect", url=url, session=session))
        await acts.core.connect(Action("connect", url="https://good.example", session=session))


async def test_a_wait_with_a_limit_of_its_own_is_not_the_plugins_time() -> None:
    class Waits:
        core: Any = None

        @hookimpl
        def on_startup(self, core: Core) -> None:
            self.core = core

        @hookimpl
        async def on_request(self, exchange: Exchange) -> LocalReply:
            async with self.core.waiting():
                await asyncio.sleep(0.3)
            return LocalReply("waited")

    async with Harness([Waits()], limit=0.1) as proxy:
        assert (await proxy.say("hello")).text == "waited"
