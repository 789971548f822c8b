"""The proxy as a process of its own: signals, what it prints, and what must not keep it."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

BOUND = 60.0


REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


SCRIPT = """
import asyncio, sys, types
from pathlib import Path
class App:
    def __init__(self, settings): self.home, self.told = settings.home, asyncio.Event()
    async def start(self): pass
    async def drain(self, seconds): self.told.set()
    async def stop(self): (self.home / "stopped").touch()
    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await self.told.wait()
        await send({"type": "http.response.body", "body": b"told", "more_body": True})
        await asyncio.Event().wait()
stub = types.ModuleType("codexplus_core.proxy.build")
stub.build = App
sys.modules[stub.__name__] = stub
from codexplus_core.proxy.server import serve
from codexplus_core.services.settings import ServeSettings
sys.exit(serve(ServeSettings("127.0.0.1", 0, None, (), Path(sys.argv[1]))))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_drain_then_end_and_one_line_is_all_that_is_printed(number: int, tmp_path: Path) -> None:
    async with asyncio.timeout(BOUND):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SCRIPT, str(tmp_path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert process.stdout is not None
        line = await process.stdout.readline()
        port = int(line.split(b":")[2].split(b"/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"x\r\n")
        process.send_signal(number)
        await reader.readuntil(b"told")
        process.send_signal(number)
        out, err = await process.communicate()
        writer.close()

    assert line == b"codex-plus listening on http://127.0.0.1:%d/v1\n" % port
    assert (out, err, process.returncode) == (b"", b"", 0)
    assert (tmp_path / "stopped").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("number", "words"), [(signal.SIGINT, 1), (signal.SIGTERM, 0)])
async def test_after_ctrl_c_a_terminal_says_what_is_waited_for(number: int, words: int, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    async with asyncio.timeout(BOUND):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SCRIPT, str(tmp_path), stdout=asyncio.subprocess.PIPE, stderr=theirs,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        os.close(theirs)
        assert process.stdout is not None
        port = int((await process.stdout.readline()).split(b":")[2].split(b"/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"x\r\n")
        process.send_signal(number)
        await reader.readuntil(b"told")
        line = b"codex-plus stops: 1 answer under way gets 30 s; Ctrl-C again ends at once\r\n"
        seen = await asyncio.to_thread(os.read, ours, 4096) if words else b""
        process.send_signal(number)
        await process.communicate()
        writer.close()
    os.close(ours)

    assert seen == line * words


HELD = """
import asyncio, os, sys, time, types
from pathlib import Path
how, drain_s, leave_s = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
class App:
    def __init__(self, settings): pass
    async def start(self): pass
    async def drain(self, seconds): pass
    async def stop(self): pass
    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        if how == "thread":
            asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
        print("held", flush=True)
        print("not flushed", end="")
        if how == "loop":
            time.sleep(600)
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if how == "thread":
                    raise
stub = types.ModuleType("codexplus_core.proxy.build")
stub.build = App
sys.modules[stub.__name__] = stub
from codexplus_core.proxy.leaving import Leaving
within = Leaving.within
def told(self, seconds):
    within(self, seconds)
    os.write(1, b"told\\n")
Leaving.within = told
from codexplus_core.proxy.server import serve
from codexplus_core.services.settings import ServeSettings
sys.exit(serve(ServeSettings("127.0.0.1", 0, None, (), Path()), drain_s=drain_s, leave_s=leave_s))
"""


@asynccontextmanager
async def process(script: str, *args: str, fds: tuple[int, ...] = ()) -> AsyncIterator[tuple[Process, int]]:
    """A server in a process of its own, and its port."""
    async with asyncio.timeout(BOUND):
        serving = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, *args, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, pass_fds=fds,
        )  # fmt: skip
        try:
            assert serving.stdout is not None
            yield serving, int((await serving.stdout.readline()).split(b":")[2].split(b"/")[0])
        finally:
            if serving.returncode is None:
                serving.kill()
                await serving.communicate()


async def told(serving: Process, out: asyncio.StreamReader) -> bytes:
    """Send a signal until the process has noticed one; what it said before."""
    noticed = asyncio.ensure_future(out.readuntil(b"told\n"))
    while not noticed.done():
        # Two that come before Python looks are one, and one that comes just before a C call sleeps wakes nobody.
        serving.send_signal(signal.SIGTERM)
        await asyncio.wait({noticed}, timeout=2)
    return (await noticed).removesuffix(b"told\n")


@pytest.mark.req("P11")
@pytest.mark.abuse("I15")
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.parametrize("how", ["task", "thread", "loop"])
async def test_nothing_that_a_plugin_leaves_running_keeps_the_process(how: str, signals: int) -> None:
    drain_s = 0.05 if signals == 1 else 3600
    async with process(HELD, how, str(drain_s), "0.3") as (serving, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert serving.stdout is not None
        assert await serving.stdout.readline() == b"held\n"
        said = b""
        for _ in range(signals):
            said += await told(serving, serving.stdout)
        out, err = await serving.communicate()
        writer.close()

    assert (said + out, serving.returncode) == (b"not flushed", 0)
    assert b"left_by_force" in err


STUBBORN = """
import asyncio, sys
from pathlib import Path
from codexplus_core import LocalReply, hookimpl
from codexplus_core.proxy import build as built, server
from codexplus_core.services.settings import ServeSettings
class Stubborn:
    @hookimpl
    def on_request(self):
        return LocalReply(self.pieces())
    async def pieces(self):
        yield "one"
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass
    @hookimpl
    async def on_shutdown(self):
        print("shut down", flush=True)
build = built.build
built.build = lambda settings: build(settings, extra={"stubborn": Stubborn()})
port, fd, home = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
settings = ServeSettings("127.0.0.1", port, "http://127.0.0.1:9/v1", (), home, listen_fd=fd)
sys.exit(server.serve(settings, drain_s=0.05, leave_s=3600))
"""


@pytest.mark.req("P11")
@pytest.mark.abuse("I15")
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
async def test_an_answer_that_a_plugin_never_ends_does_not_keep_the_proxy_from_ending_well(tmp_path: Path) -> None:
    prompt = b'{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}'
    body = b'{"model":"m","stream":true,"input":[%s]}' % prompt
    head = b"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n"
    listener = socket.create_server(("127.0.0.1", 0))
    fd, port = listener.fileno(), listener.getsockname()[1]
    async with process(STUBBORN, str(port), str(fd), str(tmp_path), fds=(fd,)) as (serving, _):
        listener.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head % port + b"content-length: %d\r\n\r\n" % len(body) + body)
        await reader.readuntil(b'"one"')
        serving.send_signal(signal.SIGTERM)
        out, err = await serving.communicate()
        writer.close()

    assert (out, serving.returncode) == (b"shut down\n", 0)
    assert b"left_by_force" not in err
