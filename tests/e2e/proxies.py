"""The proxy under test: a process of its own, or the same application served inside the test."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from e2e.codex import Codex, Ran

import codexplus_core
from codexplus_core.dispatch import Dispatcher
from codexplus_core.loader import load_plugins
from codexplus_core.proxy.app import App
from codexplus_core.proxy.guard import Guard
from codexplus_core.proxy.server import serve_app
from codexplus_core.proxy.target import Targets
from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.services.config import Config
from codexplus_core.services.settings import ServeSettings, WebSockets
from codexplus_core.services.store import SQLiteStore
from codexplus_core.testing import Log

PLUGINS = Path(__file__).parent / "plugins"
START_S = 20.0
COMMAND = (sys.executable, "-P", "-m", "codexplus_core.cli")


def python_path(folder: Path) -> str:
    """A PYTHONPATH on which the test plugins are an installed distribution with entry points."""
    info = folder / "codexplus_e2e-0.0.dist-info"
    if not info.exists():
        info.mkdir(parents=True)
        names = sorted(path.stem for path in PLUGINS.glob("*.py"))
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: codexplus-e2e\nVersion: 0.0\n", encoding="utf-8")
        entries = "".join(f"{name.removeprefix('e2e_')} = {name}\n" for name in names)
        (info / "entry_points.txt").write_text(f"[codexplus.plugins]\n{entries}", encoding="utf-8")
    return os.pathsep.join((str(folder), str(PLUGINS), str(Path(codexplus_core.__file__).parent.parent)))


def python_env(home: Path) -> dict[str, str]:
    """The environment of a codex-plus process whose HOME is ``home``."""
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8",
        "PYTHONPATH": python_path(home / "site"), "PYTHONWARNINGS": "default",
    }  # fmt: skip


async def codex_plus(one: Codex, *args: str) -> Ran:
    """Run a command of codex-plus in the HOME of this Codex."""
    env = one.env() | python_env(one.home) | {"CODEX_PLUS_CODEX": str(one.binary)}
    return await one.run(*args, program=COMMAND, env=env)


class ProxyProcess:
    """``codex-plus serve`` as a process, on a port that the test holds; ``inside`` is a program that starts it."""

    def __init__(
        self,
        home: Path,
        port: int,
        upstream: str,
        plugins: str,
        websockets: WebSockets = "auto",
        inside: tuple[str, ...] = (),
    ) -> None:
        self.home = home
        self.port = port
        self.plugins = plugins
        self._upstream = upstream
        self._websockets = websockets
        self._inside = inside
        self._log = home / "proxy.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The base URL for Codex."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def log(self) -> str:
        """All that it wrote, over all its lives."""
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    async def start(self) -> None:
        """Return when it listens."""
        argv = (*self._inside, *COMMAND, "serve", "--port", str(self.port), "--plugins", self.plugins)
        with self._log.open("ab") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                *argv, "--upstream", self._upstream, "--websockets", self._websockets,
                env=python_env(self.home), cwd=self.home, stdout=asyncio.subprocess.PIPE, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(START_S):
            line = await process.stdout.readline()
        assert b"listening on" in line, f"the proxy did not start: {line!r}\n{self.log}"

    async def kill(self) -> None:
        """``kill -9``."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """End it as a service manager does; its exit code."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: int) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(number)
        try:
            async with asyncio.timeout(START_S):
                return await process.wait()
        except TimeoutError:
            process.kill()
            raise


class Served:
    """The application in the test's own loop: its ``app`` and ``log`` can be looked into."""

    def __init__(self, app: App, log: Log, port: int) -> None:
        self.app = app
        self.events = log
        self.port = port

    @property
    def url(self) -> str:
        """The base URL for Codex."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def log(self) -> str:
        """Its log events, a line each."""
        return "\n".join(f"{level} {event} {fields}" for level, event, fields in self.events.entries)


@asynccontextmanager
async def served(
    home: Path,
    targets: Targets | str,
    plugins: Mapping[str, object] | None = None,
    *,
    seen_port: int | None = None,
    keepalive_s: float = 4.0,
) -> AsyncIterator[Served]:
    """Serve the application; ``seen_port`` is the one that clients believe to talk to, where a tap stands before it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    state = home / ".codexplus"
    state.mkdir(exist_ok=True)
    log = Log()
    loaded = load_plugins((), extra=plugins or {})
    assert [plugin.error for plugin in loaded.plugins if plugin.error] == []
    app = App(
        plugins=loaded,
        dispatcher=Dispatcher(loaded, log=log),
        guard=Guard(port=seen_port or port, uid_of=lambda *_: os.getuid(), own_uid=os.getuid()),
        upstream=CurlUpstream(),
        targets=Targets(override=targets) if isinstance(targets, str) else targets,
        store=SQLiteStore(state / "state.db", lambda event, fields: log.error(event, **fields)),
        log=log,
        config=Config(None),
        keepalive_s=keepalive_s,
    )
    settings = ServeSettings("127.0.0.1", port, None, (), state, listen_fd=listener.detach())
    stop, ready = asyncio.Event(), asyncio.Event()
    server = asyncio.create_task(serve_app(app, settings, ready=lambda _: ready.set(), stop=stop, drain_s=1.0))
    try:
        async with asyncio.timeout(START_S):
            await ready.wait()
        yield Served(app, log, port)
    finally:
        stop.set()
        async with asyncio.timeout(START_S):
            await server


def end_processes_of(home: Path) -> None:
    """End what Codex left running for this HOME: the app-server daemon of 0.169 outlives its TUI."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            program, environment = (entry / "exe").readlink().name, (entry / "environ").read_bytes()
        except OSError:
            continue
        if re.match("codex", program) and f"HOME={home}\0".encode() in environment:
            os.kill(int(entry.name), signal.SIGKILL)
