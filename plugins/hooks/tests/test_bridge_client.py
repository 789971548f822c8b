"""What Codex starts for an event: quick and exact with a proxy there, silent and bounded without."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from codexplus_hooks import bridge_client, bridge_files
from codexplus_hooks.bridge_files import bash_with_tcp, places

HELLO = bridge_client.HELLO + b"\n"
HEAD = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"
CLIENTS = ("event.bash", "event.py", "event.sh")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the shell's form")


@dataclass(slots=True)
class Proxy:
    """A server that answers each connection with the same bytes and keeps what it was sent."""

    port: int = 0
    answer: bytes = b""
    holds: bool = False
    got: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        self.got.append(head + await reader.readexactly(int(length.split()[1])))
        if not self.holds:
            writer.write(self.answer)
            await writer.drain()
            writer.close()


@asynccontextmanager
async def listening(answer: bytes, *, holds: bool = False) -> AsyncIterator[Proxy]:
    proxy = Proxy(answer=answer, holds=holds)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 24)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy


@dataclass(slots=True)
class Ran:
    code: int | None
    out: bytes
    err: bytes


Run = Callable[..., Awaitable[Ran]]


@pytest.fixture(params=CLIENTS)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Start one of the clients for the proxy at a port, in an environment that has nothing of the user's."""
    name: str = request.param
    if name == "event.bash" and not bash_with_tcp(os.environ):
        pytest.skip("no bash that opens connections")

    async def start(port: int, event: bytes = b"{}", *, prefix: str = "", hasty: bool = False) -> Ran:
        env = {"HOME": str(tmp_path), "CODEX_PLUS_BASE_URL": f"http://127.0.0.1:{port}{prefix}/v1"}
        for path, text in bridge_files.files(env).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Who hangs is not waited for that long here; a busy machine may need it all before it connects.
            short = text.replace("-t 5 ", "-t 1 ").replace("_S = 5.0", "_S = 1.0")
            path.write_text(short if hasty else text, "utf-8")
        program = places(env).folder / name
        starter = {"event.bash": ["bash", "-p"], "event.py": [sys.executable, "-I", "-S", "-E"], "event.sh": ["sh"]}
        process = await asyncio.create_subprocess_exec(
            *starter[name], str(program), "PreToolUse",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"]}, cwd="/",
        )  # fmt: skip
        async with asyncio.timeout(30):
            out, err = await process.communicate(event)
        return Ran(process.returncode, out, err)

    return start


@pytest.mark.parametrize(
    "event", [b"{}", b'{"a": "' + "é\\n%s $(id) '\"".encode() + b'"}', b"[" + b"1," * 200_000 + b"1]"]
)
async def test_the_event_goes_up_byte_for_byte(event: bytes, run: Run) -> None:
    async with listening(HEAD + HELLO + b"none\n") as proxy:
        ran = await run(proxy.port, event)

    (got,) = proxy.got
    head, _, body = got.partition(b"\r\n\r\n")
    assert body == event
    assert head.startswith(b"POST /_codexplus/hooks/PreToolUse HTTP/1.0\r\n")
    assert f"Host: 127.0.0.1:{proxy.port}".encode() in head
    assert (ran.code, ran.out) == (0, b"")


async def test_a_token_goes_into_the_path(run: Run) -> None:
    async with listening(HEAD + HELLO + b"none\n") as proxy:
        await run(proxy.port, prefix="/" + "t" * 43)

    assert proxy.got[0].startswith(b"POST /" + b"t" * 43 + b"/_codexplus/hooks/PreToolUse HTTP/1.0\r\n")


@pytest.mark.parametrize("size", [10, 5_000, 300_000])
async def test_the_decision_is_printed_as_it_came(size: int, run: Run) -> None:
    decision = json.dumps({"reason": "x" * size}).encode()

    async with listening(HEAD + HELLO + b"answer %d\n" % len(decision) + decision) as proxy:
        ran = await run(proxy.port)

    assert (ran.code, ran.out, ran.err) == (0, decision + b"\n", b"")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n<html>another program</html>",
        b"HTTP/1.1 403 Forbidden\r\n\r\n" + HELLO + b"answer 2\n{}",
        HEAD + HELLO,
        HEAD + HELLO + b"answer many\n{}",
        HEAD + HELLO + b"answer 9\n{",
        HEAD + HELLO + b"answer 1\n{}",
        HEAD,
    ],
)
async def test_an_answer_that_is_none_lets_codex_go_on(answer: bytes, run: Run) -> None:
    async with listening(answer) as proxy:
        ran = await run(proxy.port)

    assert (ran.code, ran.out, ran.err) == (0, b"", b"")


async def test_a_proxy_that_is_gone_lets_codex_go_on(run: Run) -> None:
    async with listening(b"") as proxy:
        pass

    ran = await run(proxy.port, b"x" * 200_000)

    assert (ran.code, ran.out, ran.err) == (0, b"", b"")


@pytest.mark.parametrize("size", [10, 6_000_000])
async def test_a_proxy_that_hangs_is_not_waited_for(size: int, run: Run) -> None:
    stuck = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # as a stopped process would
        await stuck.wait()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    async with server:
        ran = await run(server.sockets[0].getsockname()[1], b"x" * size, hasty=True)
        stuck.set()

    assert (ran.code, ran.out, ran.err) == (0, b"", b"")


async def test_a_command_without_its_program_says_nothing(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path / "a home"), "PATH": os.environ["PATH"]}
    text = bridge_files.command(places(env), "Stop", env, windows=False)

    for shell in filter(None, map(shutil.which, ("sh", "bash", "dash", "zsh", "fish"))):
        process = await asyncio.create_subprocess_exec(
            shell, "-lc", text, env=env, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(10):
            assert (await process.communicate(), process.returncode) == ((b"", b""), 0), shell


def test_the_python_client_imports_only_what_is_built_in() -> None:
    source = Path(bridge_client.__file__).read_text(encoding="utf-8")

    imported = [line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))]

    assert imported == ["_socket", "sys"]


def test_where_no_bash_can_open_connections_python_is_started(tmp_path: Path) -> None:
    (tmp_path / "bash").write_text("#!/bin/sh\n")
    (tmp_path / "bash").chmod(0o755)
    env: dict[str, Any] = {"HOME": str(tmp_path), "PATH": str(tmp_path)}

    assert bash_with_tcp(env) == ""
    assert "event.sh PreToolUse" in bridge_files.command(places(env), "PreToolUse", env, windows=False)


def test_on_windows_the_client_is_started_directly() -> None:
    env = {"HOME": "/c/a user"}

    text = bridge_files.command(places(env), "Stop", env, windows=True)

    assert text.endswith('event.py" Stop')
    assert "-I -S -E" in text
    assert "test " not in text
