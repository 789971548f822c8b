"""How servers are: all asked at once, each for a bounded time, each told as soon as it is known."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from codexplus_core import CannotStart, Core, Session

from . import library, trust
from .connection import Connection
from .connections import Connections
from .failure import Failure, NeedsLogin, NotAllowed
from .grammar import LONGEST_S
from .program import missing_in
from .row import Row, allowing, row_for, signing_in, waiting_for
from .server import Server, ServerSet

CHECK_S = 10.0
"""Seconds that a server has to connect and to tell its lists, unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Found:
    """All servers of a project, and sentences about entries that are no servers."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {"servers": [asdict(row) for row in self.rows], "problems": list(self.problems)}


def patience(core: Core, env: Mapping[str, str], wanted: float | None = None) -> float:
    """Seconds to wait for one server: those that are ``wanted``, else what the user grants a start, else CHECK_S.

    That is ``mcp.startTimeout``, in seconds, or Claude Code's ``MCP_TIMEOUT``, in milliseconds.
    """
    if wanted is not None:
        return wanted
    said = core.config.user.get("mcp.startTimeout")
    if not isinstance(said, int | float) or isinstance(said, bool):
        try:
            said = float(env.get("MCP_TIMEOUT", "")) / 1000
        except ValueError:
            return CHECK_S
    return min(float(said), LONGEST_S) if math.isfinite(said) and said > 0 else CHECK_S


async def rows_of(
    core: Core,
    connections: Connections,
    servers: ServerSet,
    *,
    seconds: float = CHECK_S,
    session: Session | None = None,
) -> AsyncIterator[Row]:
    """Every server as soon as it is known how it is, each that may start connected to.

    ``session`` is the one that looks, None for a terminal: what another one was asked about waits for its yes, too.
    """
    tasks = {
        asyncio.create_task(
            row_of(core, connections, server, seconds=seconds, session=session), name=f"mcp look at {server.name}"
        ): n
        for n, server in enumerate(servers)
    }
    try:
        waiting = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=lambda each: tasks[each]):
                yield task.result()
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def look(core: Core, connections: Connections, servers: ServerSet, *, seconds: float = CHECK_S) -> Found:
    """Every server, in the order of the settings; one that hangs does not keep the others."""
    rows = {row.name: row async for row in rows_of(core, connections, servers, seconds=seconds)}
    return Found(tuple(rows[server.name] for server in servers), problems_of(servers))


def problems_of(servers: ServerSet) -> tuple[str, ...]:
    """Sentences about entries that are no servers, or hide behind another."""
    hidden = [f"{server.name}: {server.origin} is hidden by another of this name" for server in servers.hidden]
    return (*servers.problems, *hidden)


async def row_of(
    core: Core,
    connections: Connections,
    server: Server,
    *,
    seconds: float = CHECK_S,
    session: Session | None = None,
) -> Row:
    """One server, connected to where it may start; ``session`` as for `rows_of`."""
    row = row_for(server)
    if not server.usable:
        return row
    known = connections.known(server)
    if session is not None and connections.trust.waits(server, session):
        return replace(row, state="needs approval", todo=allowing(server))
    if server.standing == "asks" and (known is None or known.state != "connected"):
        try:
            proposal = await trust.proposal_of(core, server)
        except CannotStart as problem:
            return replace(row, state="failed", detail=str(problem))
        if missing := missing_in(proposal):
            return replace(row, state="failed", detail=missing)
        # Looking must not use up a yes that was given once.
        waits = not core.approvals.allowed([proposal])
        if session is not None:
            waits = connections.trust.waits(server, session, proposal)
        if waits:
            return replace(row, state="needs approval", todo=allowing(server))
    connection = connections.get(server)
    # What this program itself takes to get ready is not the server's time.
    await library.load()
    try:
        async with asyncio.timeout(seconds):
            row = await _filled(row, connection)
    except NotAllowed:
        return replace(row, state="needs approval", todo=allowing(server))
    except NeedsLogin:
        return replace(row, state="needs login", todo=signing_in(server))
    except Failure as failure:
        status = connection.status
        prefix = f"MCP server {server.name}: "
        if status.state == "resting":
            # What was raised tells of the rest in words of its own; the row says that itself.
            last = _why(status.error, prefix)
            return replace(
                row, state="resting", detail=last, retry_in=status.retry_in, failures=status.failures, log=status.log
            )
        return replace(row, state="failed", detail=_why(str(failure), prefix), log=status.log)
    except TimeoutError:
        return replace(
            row, state="no answer", detail=f"within {seconds:g} s", log=connection.status.log, todo=waiting_for(server)
        )
    return replace(row, state="connected", log=connection.status.log)


def _why(said: str, prefix: str) -> str:
    """The reason alone: that it failed is the state's to say."""
    return re.sub(r"^could not be (?:started|connected to): ", "", said.removeprefix(prefix))


async def _filled(row: Row, connection: Connection) -> Row:
    await connection.connect()
    has = connection.capabilities
    tools = await connection.list_tools() if "tools" in has else ()
    resources = await connection.list_resources() if "resources" in has else ()
    templates = await connection.list_resource_templates() if "resources" in has else ()
    prompts = await connection.list_prompts() if "prompts" in has else ()
    return replace(
        row,
        tools=tuple(tool.name for tool in tools),
        resources=tuple(resource.uri for resource in resources),
        templates=tuple(template.uri_template for template in templates),
        prompts=tuple(prompt.name for prompt in prompts),
    )
