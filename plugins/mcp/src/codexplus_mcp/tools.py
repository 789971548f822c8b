"""The tools of a project's servers: what is known of them at once, and what the servers say when they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from codexplus_core import Core, Proposal

from .connection import Connection
from .connections import Connections
from .failure import Failure
from .names import gateway_name, is_ours, tool_name
from .pinning import MOST_BYTES, MOST_SCHEMA, MOST_TOOLS, Change, PinnedTool, Pins, change_between, pinned
from .recent import Recent
from .server import Server
from .wording import line

FIRST_WAIT_S = 3.0
"""Seconds that a first request waits for servers that were never seen; from then on their tools are known."""
AT_ONCE = 50
"""Tools of a list that are read on the event loop; more are read beside it."""
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool as the model knows it, and whose it is. ``short`` is its name in the gateway."""

    name: str
    short: str
    server: Server
    tool: PinnedTool

    @property
    def description(self) -> str:
        """What the model is told; a tool without a word of its own is at least named."""
        return self.tool.description or self.tool.title or f"{self.tool.name} of the MCP server {self.server.name}"

    @property
    def size(self) -> int:
        """About how many characters it takes in a request."""
        return len(self.name) + len(self.description) + self.tool.size


@dataclass(frozen=True, slots=True)
class _Withheld:
    """Tools that wait for the user's yes, and what the user is asked."""

    names: frozenset[str]
    asked: str


@dataclass(frozen=True, slots=True)
class _Offered:
    """What was made of a server's tools, and of what."""

    server: Server
    tools: tuple[PinnedTool, ...]
    withheld: _Withheld | None
    offers: tuple[Offer, ...]


class Tools:
    """Knows the tools of servers; asks each server in the background, and waits only for one that was never seen."""

    def __init__(self, core: Core, connections: Connections) -> None:
        self._core = core
        self._connections = connections
        self._pins = Pins(core)
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._seen: Recent[str, tuple[Connection, int]] = Recent()  # whose lists of which generation are known
        self._failed: Recent[str, None] = Recent()
        self._withheld: Recent[str, _Withheld] = Recent()
        self._news: Recent[str, str] = Recent()
        self._since: Recent[str, float] = Recent()  # when a server was asked first that has not answered yet
        self._told_missing: Recent[str, None] = Recent()
        self._offers: Recent[str, _Offered] = Recent()

    async def of(self, servers: Iterable[Server], *, wait: float | None = None) -> tuple[Offer, ...]:
        """The tools of these servers by name, as far as they are known now; of two of one name the first counts.

        What the user configured goes before what a repository brought along. ``wait`` counts from the moment at which
        a server was asked for the first time: one that never answers is waited for once, and not by every request.
        """
        usable = sorted((one for one in servers if one.usable), key=lambda one: (one.scope == "project", one.name))
        for server in usable:
            self._look(server)
        new = [one for one in usable if one.digest in self._asking and self._is_new(one)]
        left = (FIRST_WAIT_S if wait is None else wait) - self._asked_for(new)
        if new and left > 0:
            async with self._core.waiting():
                await asyncio.wait([self._asking[one.digest] for one in new], timeout=left)
        found: dict[str, Offer] = {}
        for server in usable:
            for offer in () if is_ours(server.name) else self._offered(server):
                found.setdefault(offer.name, offer)
        return tuple(found[name] for name in sorted(found))

    def missing(self, servers: Iterable[Server]) -> list[str]:
        """What the user has to be told of servers without whose tools a request goes up, each once."""
        waits = [one for one in servers if one.digest in self._asking and self._is_new(one)]
        late = [one for one in waits if one.digest not in self._told_missing]
        for one in late:
            self._told_missing[one.digest] = None
        return [
            f"The MCP server `{line(one.name)}` is still starting; its tools come with a later prompt."
            for one in late[:_SHOWN]
        ]

    def look_again(self, server: Server) -> None:
        """Ask a connected server whose lists may have changed, in the background."""
        self._look(server)

    def news(self, servers: Iterable[Server]) -> list[str]:
        """What the user has to be told of these servers' tools; each thing once."""
        return [text for one in servers if (text := self._news.pop(one.digest, ""))]

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _asked_for(self, servers: Sequence[Server]) -> float:
        """Seconds for which the one of these servers that was asked last has been asked."""
        now = asyncio.get_running_loop().time()
        return min((now - self._since.get(one.digest, now) for one in servers), default=0.0)

    def _offered(self, server: Server) -> tuple[Offer, ...]:
        tools, withheld = self._seen_tools(server) or (), self._withheld.get(server.digest)
        known = self._offers.get(server.digest)
        # Every request asks, and the tools of many servers are many names to make.
        if known is not None and known.server is server and known.tools is tools and known.withheld is withheld:
            return known.offers
        names = frozenset() if withheld is None else withheld.names
        offers = tuple(
            Offer(tool_name(server.name, tool.name), gateway_name(server.name, tool.name), server, tool)
            for tool in tools
            if tool.name not in names
        )
        self._offers[server.digest] = _Offered(server, tools, withheld, offers)
        return offers

    def _seen_tools(self, server: Server) -> tuple[PinnedTool, ...] | None:
        """What is known of its tools: here, else in another project where the user's same entry was asked."""
        here = self._pins.get(server.digest)
        return self._pins.get(server.kin) if here is None and server.kin else here

    def _is_new(self, server: Server) -> bool:
        return self._seen_tools(server) is None and server.digest not in self._failed

    def _look(self, server: Server) -> None:
        if server.digest in self._asking:
            return
        connection = self._connections.known(server)
        if connection is not None and connection.state == "connected":
            # What is withheld is looked at again: the user may have allowed it meanwhile.
            if self._seen.get(server.digest) == (connection, connection.generation) and (
                server.digest not in self._withheld
            ):
                return
        elif self._seen_tools(server) is not None:
            return  # known well enough to be offered; the first call starts it
        elif connection is not None and connection.state in ("resting", "needs login", "needs approval"):
            return
        loop = asyncio.get_running_loop()
        self._since.setdefault(server.digest, loop.time())
        task = loop.create_task(self._ask(server), name=f"mcp tools of {server.name}")
        self._asking[server.digest] = task
        task.add_done_callback(lambda _: self._asking.pop(server.digest, None))

    async def _ask(self, server: Server) -> None:
        connection = self._connections.get(server)
        try:
            await connection.connect()
            # Taken before the list: what changes while it comes is asked for again.
            seen = (connection, connection.generation)
            listed = await connection.list_tools()
        except Failure as failure:
            if server.digest not in self._failed:
                self._failed[server.digest] = None
                self._core.log.warning("mcp_server_failed", server=server.name, reason=type(failure).__name__)
            return
        self._failed.pop(server.digest, None)
        self._since.pop(server.digest, None)
        self._seen[server.digest] = seen
        # Up to 1 MB of schemas is read and cleaned.
        tools = pinned(listed) if len(listed) <= AT_ONCE else await asyncio.to_thread(pinned, listed)
        self._pin(server, tools, left_out=len(listed) - len(tools))

    def _pin(self, server: Server, tools: tuple[PinnedTool, ...], *, left_out: int) -> None:
        before = self._seen_tools(server)
        change = Change() if before is None else change_between(before, tools)
        withheld = self._withheld.pop(server.digest, None)
        told = ""
        if change and self._pauses(server):
            proposal = _proposal(server, change, tools)
            if not self._core.approvals.allowed([proposal]):
                names = frozenset((*change.altered, *change.removed))
                self._withheld[server.digest] = _Withheld(names, proposal.text)
                if withheld == self._withheld[server.digest]:
                    return
                told = f" They are not used before you allow it: {self._core.approvals.check([proposal]).message}"
        if not told:
            for key in {server.digest, server.kin} - {""}:
                self._pins.set(key, tools)
        if change:
            self._core.log.warning("mcp_tools_changed", server=server.name, altered=len(change.altered))
            self._tell(server, f"{_described(change)}.{told}")
        if left_out and (before is None or change):
            self._core.log.warning("mcp_tools_left_out", server=server.name, count=left_out)
            self._tell(
                server,
                f"lists {left_out} tools that are left out: one has at most {MOST_SCHEMA >> 10} KB of parameters, a"
                f" server {MOST_TOOLS} tools and {MOST_BYTES >> 20} MB.",
            )

    def _tell(self, server: Server, what: str) -> None:
        before = self._news.get(server.digest)
        said = f"The MCP server `{line(server.name)}` {what}"
        self._news[server.digest] = said if before is None else f"{before}\n\n{said}"

    def _pauses(self, server: Server) -> bool:
        settings = self._core.config.for_project(server.project)
        return bool(settings.get("mcp.changedTools", "show") == "pause")


def _described(change: Change) -> str:
    said = []
    for names, what in ((change.altered, "describes differently"), (change.added, "now has"), (change.removed, "lost")):
        if names:
            shown = ", ".join(f"`{line(name, 60)}`" for name in names[:_SHOWN])
            said.append(f"{what} {shown}{f' and {len(names) - _SHOWN} more' if names[_SHOWN:] else ''}")
    return "has changed its tools: it " + "; ".join(said)


def _proposal(server: Server, change: Change, tools: Sequence[PinnedTool]) -> Proposal:
    digests = {tool.name: tool.digest for tool in tools}
    changed = [f"{line(name, 80)} {digests[name][:16]}" for name in sorted((*change.altered, *change.added))]
    return Proposal(
        "mcp",
        "project" if server.scope == "project" else "user",
        f"changed tools of MCP server {line(server.name, 80)}",
        source=server.origin,
        source_digest=server.digest,
        project=server.project,
        text="; ".join(changed) or f"{len(change.removed)} tools gone",
    )
