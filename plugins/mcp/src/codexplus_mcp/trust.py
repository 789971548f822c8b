"""Whether a project's server may start: what the user is asked, and what they have said."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from codexplus_core import Core, Exchange, LocalReply, Proposal, open_core, programs_of

from .failure import NotAllowed, Unavailable
from .server import Server

_FETCHERS = frozenset({"npx", "uvx", "pipx", "bunx", "pnpx", "dlx", "docker", "podman"})


class Trust:
    """Asks about servers, and remembers for as long as the proxy runs what was allowed once.

    A yes that counts once is used up by the question's own turn, while the server starts a moment later, and perhaps
    again after it died: as long as it would run the same files it is the same server, so it is the same yes. A yes for
    good is not remembered here: it can be withdrawn from a terminal, and then counts no more.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._once: set[tuple[str, Proposal]] = set()
        self._runs_by: dict[str, Proposal] = {}

    async def require(self, exchange: Exchange, servers: Sequence[Server]) -> LocalReply | None:
        """None when all of these may start, else the question, to be returned from ``on_request`` or by a command."""
        found = [(one.digest, await proposal_of(self._core, one)) for one in servers if one.standing == "asks"]
        asking = [each for each in found if each not in self._once]
        if not asking:
            return None
        answer = await self._core.approvals.require(exchange, [proposal for _, proposal in asking])
        if isinstance(answer, LocalReply):
            return answer
        for digest, proposal in asking:
            self._keep(digest, proposal)
        return None

    async def allow(self, server: Server) -> None:
        """Return where it may start. Raises NotAllowed, and Unavailable for one that nobody may use."""
        if server.standing != "asks":
            await allow(self._core, server)
            return
        # The files that it runs are looked at before every start: a checkout may have brought others since the yes.
        proposal = await proposal_of(self._core, server)
        if (server.digest, proposal) not in self._once:
            _check(self._core, server, proposal)
        self._keep(server.digest, proposal)

    def holds(self, server: Server) -> bool:
        """Whether the yes by which a server runs still counts; True for one that needs none."""
        proposal = self._runs_by.get(server.digest)
        if server.standing != "asks" or proposal is None:
            return True
        return (server.digest, proposal) in self._once or self._core.approvals.allowed([proposal])

    def forget(self) -> None:
        """Ask again about everything; what was allowed for good still is."""
        self._once.clear()

    def _keep(self, digest: str, proposal: Proposal) -> None:
        self._runs_by[digest] = proposal
        if not self._core.approvals.allowed([proposal]):
            self._once.add((digest, proposal))


async def allow(core: Core, server: Server) -> None:
    """Return where a server may be used now. Raises NotAllowed, and Unavailable for one that nobody may use."""
    if not server.usable:
        raise Unavailable(f"MCP server {server.name}: {_why_not(server)}")
    if server.pack is not None and not core.packs.holds(server.pack):
        raise Unavailable(f"MCP server {server.name}: its pack {server.pack.pack} is not on disk as it was signed")
    if server.standing == "trusted":
        return
    _check(core, server, await proposal_of(core, server))


def _check(core: Core, server: Server, proposal: Proposal) -> None:
    verdict = core.approvals.check([proposal])
    if not verdict.granted:
        raise NotAllowed(f"MCP server {server.name}: {verdict.message}", proposal)


async def proposal_of(core: Core, server: Server) -> Proposal:
    """What the user is asked about a server. Reads the files that it would run."""
    return await asyncio.to_thread(proposed, server)


def proposed(server: Server) -> Proposal:
    """The same, for whoever may wait for files."""
    written = server.written
    project = server.project or Path.home()
    if server.is_remote:
        headers = [f"{name}: {value}" for name, value in sorted(_map(written, "headers").items())]
        url = str(written.get("url") or server.url)
        said = f"; with headers {', '.join(headers)}" if headers else ""
        read = [f"reads the variable {name}" for name in server.reads]
        return Proposal(
            "connect", "project", f"MCP server {server.name}", source=_source(server), project=project,
            text=f"connect to {url} ({server.transport}){said}{_oauth(server)}",
            env_names=tuple(server.reads), notes=tuple(read),
        )  # fmt: skip
    words = (str(written.get("command") or server.command), *map(str, written.get("args") or ()))
    argv = (server.command, *server.args)
    return Proposal(
        "run", "project", f"MCP server {server.name}", source=_source(server), project=project,
        text=words[0] if len(words) == 1 else shlex.join(words),
        argvs=(words,),
        programs=programs_of([argv], cwd=project),
        permissions=server.permissions,
        env_names=tuple(dict.fromkeys((*server.env, *server.reads))),
        env=tuple(sorted((name, str(value)) for name, value in _map(written, "env").items())),
        notes=_notes(server),
    )  # fmt: skip


def everything_asked(project: Path) -> list[Proposal]:
    """What the servers of a project would ask for, for ``codex-plus approvals allow --project``. Starts nothing."""
    # The command line asks from inside of an event loop, where a core of one's own cannot be closed.
    with ThreadPoolExecutor(max_workers=1) as aside:
        return aside.submit(_asked_in, project).result()


def _asked_in(project: Path) -> list[Proposal]:
    from .settings import Servers

    with open_core() as core:
        return [proposed(server) for server in Servers(core).of(project) if server.standing == "asks"]


def _source(server: Server) -> str:
    if server.source is None:
        return server.origin
    if server.project is not None and server.source.is_relative_to(server.project):
        return str(server.source.relative_to(server.project))
    return str(server.source)


def _notes(server: Server) -> tuple[str, ...]:
    notes = ["it runs for as long as it is used, with your rights" if not server.permissions else "it runs sandboxed"]
    name = os.path.basename(server.command).removesuffix(".exe").removesuffix(".cmd")  # noqa: PTH119
    if name in _FETCHERS:
        notes.append(f"{name} may fetch what it runs from the network, and other code tomorrow than today")
    return tuple(notes)


def _oauth(server: Server) -> str:
    """What of the sign-in decides where the user's consent goes."""
    said = {name: server.oauth[name] for name in sorted(server.oauth) if isinstance(server.oauth[name], str | list)}
    return f"; sign-in {said}" if said else ""


def _map(written: Any, name: str) -> dict[str, Any]:
    found = written.get(name)
    return found if isinstance(found, dict) else {}


def _why_not(server: Server) -> str:
    if server.standing == "broken":
        return f"cannot be used: {'; '.join(server.problems)}"
    if server.standing == "unsigned":
        return server.problems[-1]
    if server.standing == "disabled":
        return "is switched off by disabledMcpjsonServers"
    return "is not among the servers that allowedMcpServers and deniedMcpServers let be used"
