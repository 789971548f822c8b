"""Fixtures for tests with real Codex binaries: ``codex``, ``upstream``, ``proxy``, ``serve``, ``tui``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
from e2e.codex import LIMIT_S, NEW, NEWEST, Auth, Codex, Transport
from e2e.proxies import ProxyProcess, Served, end_processes_of, served
from e2e.terminal import Terminal
from ports import held_port

from codexplus_core.services.settings import WebSockets
from codexplus_core.testing import StrictUpstream
from codexplus_core.testing.reply import Received

FOLDER = "CODEX_PLUS_E2E_CODEX"
Evidence = list[tuple[str, Callable[[], str]]]
_EVIDENCE = pytest.StashKey[Evidence]()


class Backend(StrictUpstream):
    """The scripted upstream with the address it listens on."""

    url = ""
    transport: Transport | None = None
    """What the model's requests have to come over; None where it changes within a test."""

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return when it holds; looked at whenever a request comes, an answer stands at a gate, or Codex leaves one."""
        async with asyncio.timeout(LIMIT_S):
            while not holds():
                self.gates.arrival.clear()
                await self.gates.arrival.wait()

    def strange(self) -> list[str]:
        """The requests that came over another transport than they should have."""
        return [f"{got.method} {got.header('user-agent')}" for got in self.turns if self._is_strange(got)]

    def _is_strange(self, got: Received) -> bool:
        if self.transport == "websocket":
            # The old ones speak HTTP all the same.
            return got.method == "POST" and any(f"/{version} " in (got.header("user-agent") or "") for version in NEW)
        return self.transport == "http" and got.method != "POST"

    @property
    def brief(self) -> str:
        """Every request in a line or two, for the reader of a failure."""
        lines = []
        for got in self.requests:
            lines.append(f"{got.method} {got.path} -> {', '.join(got.answer[-3:])}{' aborted' if got.aborted else ''}")
            items = got.body.get("input") if isinstance(got.body, dict) else None
            lines += [f"    {str(item)[:200]}" for item in (items or [])[-6:]]
        return "\n".join([*lines, *(f"ILLEGAL {illegal}" for illegal in self.illegal)])


@pytest.fixture
def transport() -> Transport:
    """Whether the upstream takes WebSockets; for both ways, a test is parametrised with ``WAYS``."""
    return "websocket"


@pytest.fixture(autouse=True)
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """What a failing test shows of its actors: (title, function that tells)."""
    if not os.environ.get(FOLDER):
        pytest.skip(f"{FOLDER} names no folder of Codex binaries")
    found: Evidence = request.node.stash.setdefault(_EVIDENCE, [])
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.failed:
        for title, tell in item.stash.get(_EVIDENCE, []):
            report.sections.append((title, tell()[-6000:]))
    return report


@pytest.fixture
def codex(tmp_path: Path, evidence: Evidence, transport: Transport) -> Iterator[Callable[..., Codex]]:
    """Make an installation: ``codex("0.120.0", auth="chatgpt")``, each in a HOME of its own."""
    made: list[Codex] = []

    def install(version: str = NEWEST, auth: Auth = "api", name: str = "home") -> Codex:
        binary = Path(os.environ[FOLDER]) / version / "node_modules/.bin/codex"
        if not binary.exists():
            pytest.skip(f"{binary}: not installed")
        one = Codex(binary, version, auth, tmp_path / name)
        made.append(one)
        evidence.append((f"codex {version} {auth}", lambda: "\n\n".join(map(str, one.runs))))
        return one

    yield install
    for one in made:
        end_processes_of(one.home)
    calm = [ran for one in made if not one.in_trouble for ran in one.runs]
    assert [ran.trouble for ran in calm if ran.trouble] == []
    assert transport == "http" or [ran.websocket_errors for ran in calm if ran.websocket_errors] == []


@pytest.fixture
async def upstream(evidence: Evidence, transport: Transport) -> AsyncIterator[Backend]:
    """A scripted upstream on a socket; a request that the real API would refuse fails the test."""
    backend = Backend(websocket=101 if transport == "websocket" else 426)
    backend.transport = transport
    evidence.append(("upstream", lambda: backend.brief))
    async with backend.listen() as url:
        backend.url = url + "/v1"
        yield backend
    assert backend.illegal == []
    assert backend.strange() == []


@pytest.fixture
async def proxy(
    tmp_path: Path, upstream: Backend, evidence: Evidence
) -> AsyncIterator[Callable[..., Awaitable[ProxyProcess]]]:
    """Start ``codex-plus serve`` before the upstream: ``await proxy("ping,rewrite")``."""
    started: list[ProxyProcess] = []
    with ExitStack() as ports:

        async def start(
            plugins: str = "none", *, websockets: WebSockets = "auto", url: str = "", inside: tuple[str, ...] = ()
        ) -> ProxyProcess:
            folder = tmp_path / "proxy"
            folder.mkdir(exist_ok=True)
            port = ports.enter_context(held_port())
            one = ProxyProcess(folder, port, url or upstream.url, plugins, websockets, inside)
            started.append(one)
            evidence.append(("proxy", lambda: one.log))
            await one.start()
            return one

        yield start
        for one in started:
            await one.stop()
            assert "Traceback" not in one.log
            assert "Warning" not in one.log


@pytest.fixture
async def serve(
    tmp_path: Path, upstream: Backend, evidence: Evidence
) -> AsyncIterator[Callable[..., Awaitable[Served]]]:
    """Serve the application inside the test: ``await serve({"name": plugin})``."""
    async with AsyncExitStack() as stack:

        async def start(plugins: dict[str, object] | None = None, **options: Any) -> Served:
            home = tmp_path / "served"
            home.mkdir(exist_ok=True)
            targets = options.pop("targets", upstream.url)
            one = await stack.enter_async_context(served(home, targets, plugins, **options))
            evidence.append(("proxy", lambda: one.log))
            return one

        yield start


@pytest.fixture
async def tui(tmp_path: Path, evidence: Evidence) -> AsyncIterator[Callable[..., Awaitable[Terminal]]]:
    """Start the interactive Codex in a terminal: ``await tui(codex)``."""
    started: list[Terminal] = []

    async def start(one: Codex, *args: str) -> Terminal:
        terminal = Terminal(one, tmp_path / f"tmux{len(started)}")
        started.append(terminal)
        evidence.append(("screen", lambda: terminal.last))
        await terminal.start(*args)
        return terminal

    yield start
    for terminal in started:
        await terminal.stop()
