"""A home, a project and a core of their own, for tests of servers and connections."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from codexplus_core import Action, Core, Refusal, hookimpl
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.config import Config
from codexplus_core.services.packs import Packs
from codexplus_core.testing import Harness
from codexplus_mcp.connection import Connection
from codexplus_mcp.connections import Connections
from codexplus_mcp.server import Server, ServerSet
from codexplus_mcp.settings import Servers

ODD = Path(__file__).resolve().parents[1] / "plugins/mcp/tests/odd_server.py"
BOUND = 60.0


@pytest.fixture(autouse=True)
def servers_may_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for servers as long as it takes: on a busy machine one may need longer than a user wants to wait.

    What becomes of a wait that is too long is in test_waits, with limits of its own.
    """
    monkeypatch.setattr("codexplus_mcp.tools.FIRST_WAIT_S", BOUND)
    monkeypatch.setattr("codexplus_mcp.prompts.LIST_S", BOUND)
    monkeypatch.setattr("codexplus_mcp.told.TELL_AFTER_S", BOUND)


class Keeper:
    """Keeps the core, sees what is about to be done, and vetoes that kind of action which it is told to."""

    core: Any = None

    def __init__(self) -> None:
        self.seen: list[Action] = []
        self.veto = ""

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    def on_action(self, action: Action) -> Refusal | None:
        self.seen.append(action)
        return Refusal("not here") if action.kind == self.veto else None


class Place:
    """``home`` and ``project`` are folders; ``servers`` what is configured in them now."""

    def __init__(self, root: Path, home: Path) -> None:
        self.home = home
        self.project = root / "project"
        self.project.mkdir(exist_ok=True)
        self.keeper = Keeper()

    def write(self, place: str, content: Any) -> Path:
        """Write ``home/…`` or ``project/…``; anything but a text as JSON."""
        top, _, rest = place.partition("/")
        path = (self.home if top == "home" else self.project) / rest
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def mine(self, **entries: Any) -> None:
        """The user's own servers."""
        self.write("home/.codexplus/mcp.json", {"mcpServers": entries})

    def config(self, **settings: Any) -> Config:
        return Config(self.home, settings, env={"HOME": str(self.home)}, every_s=0.0)

    def found(self, **settings: Any) -> ServerSet:
        """What a core of this moment would find."""

        class Only:
            config = self.config(**settings)
            packs = Packs(config)

        return Servers(Only()).of(self.project)  # type: ignore[arg-type]

    @asynccontextmanager
    async def connections(self, approvals: Approvals | None = None, **settings: Any) -> AsyncIterator[Connections]:
        """Connections over a real core, closed in the end."""
        async with Harness([self.keeper], config=self.config(**settings), approvals=approvals):
            made = Connections(self.keeper.core)
            try:
                yield made
            finally:
                await made.close()

    def server(self, name: str = "odd") -> Server:
        """One that is configured now."""
        found = self.found().get(name)
        assert found is not None
        return found


def odd(*words: str, **more: Any) -> dict[str, Any]:
    """The entry of a server that behaves as these words say."""
    return {"command": sys.executable, "args": ["-I", str(ODD), *words], **more}


async def text_of(connection: Connection, tool: str, **given: Any) -> str:
    async with asyncio.timeout(BOUND):
        result = await connection.call_tool(tool, given)
    return str(result.content[0].text)  # type: ignore[union-attr]


async def pids_of(connection: Connection) -> list[int]:
    found: list[int] = json.loads(await text_of(connection, "pids"))
    return found


async def until(true: Any) -> None:
    async with asyncio.timeout(BOUND):
        while not true():
            await asyncio.sleep(0.01)
