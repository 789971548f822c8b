"""Whether a project's server may start: what the user is asked, and what they have said."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from codexplus_core import Core, Exchange, LocalReply, Problem, Proposal, Session, open_core, programs_of

from .failure import NotAllowed, Unavailable
from .program import missing_in
from .recent import Recent
from .server import Server, ServerSet
from .yeses import TERMINAL, Yeses

FOR_THIS_SESSION = "(Y)es is for this session, in which it may start more than once"
PROJECTS = 64
"""Projects of which it is known that their questions are in order."""
_TITLE = "MCP server "
_FETCHERS = frozenset({"npx", "uvx", "pipx", "bunx", "pnpx", "dlx", "docker", "podman"})


class Trust:
    """Asks about servers, and remembers for which session each was allowed, as long as the proxy runs.

    A yes without "always" is used up by the question's own turn, while the server starts a moment later, and perhaps
    again after it died: as long as it would run the same files it is the same server, so it is the same yes. It counts
    for the session that it was said in, sub-agents included; one from a terminal for the first session that uses it. A
    yes for good is not remembered here: it can be withdrawn from a terminal, and then counts no more.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._yeses = Yeses()
        self._runs_by: Recent[str, Proposal] = Recent()
        self._looked_at: Recent[Path, ServerSet] = Recent(PROJECTS)

    async def require(self, exchange: Exchange, servers: Sequence[Server]) -> LocalReply | None:
        """None when all of these may start, else the question, to be returned from ``on_request`` or by a command."""
        found = [(one.digest, await proposal_of(self._core, one)) for one in servers if one.standing == "asks"]
        name = _session(exchange.session)
        # What cannot start needs no yes; whoever wants it is told why it does not.
        asking = [
            (digest, proposal)
            for digest, proposal in found
            if not self._yeses.has(name, digest, proposal) and not missing_in(proposal)
        ]
        if not asking:
            return None
        self._close_earlier([proposal for _, proposal in asking])
        answer = await self._core.approvals.require(exchange, [proposal for _, proposal in asking])
        if isinstance(answer, LocalReply):
            return answer
        for digest, proposal in asking:
            self._keep(name, digest, proposal)
        return None

    async def allow(self, server: Server) -> None:
        """Return where it may start. Raises NotAllowed, and Unavailable for one that nobody may use."""
        if server.standing != "asks":
            await allow(self._core, server)
            return
        # The files that it runs are looked at before every start: a checkout may have brought others since the yes.
        proposal = await proposal_of(self._core, server)
        if self._yeses.anybodys(server.digest, proposal):
            self._runs_by[server.digest] = proposal
            return
        self._close_earlier([proposal])
        _check(self._core, server, proposal)
        self._keep(TERMINAL, server.digest, proposal)

    def admits(self, server: Server, session: Session) -> bool:
        """Whether a session may use a server that runs; True for one that nobody has started, which is asked then."""
        proposal = self._runs_by.get(server.digest)
        if server.standing != "asks" or proposal is None:
            return True
        name = _session(session)
        return self._yeses.has(name, server.digest, proposal) or self._core.approvals.allowed([proposal])

    def waits(self, server: Server, session: Session, proposal: Proposal | None = None) -> bool:
        """Whether a server waits for this session's yes to ``proposal``, by default to what it runs by; takes none up.

        False for one that runs by nothing yet.
        """
        proposal = proposal or self._runs_by.get(server.digest)
        if server.standing != "asks" or proposal is None or self._core.approvals.allowed([proposal]):
            return False
        return not self._yeses.would_have(_session(session), server.digest, proposal)

    def admit(self, server: Server, session: Session) -> None:
        """Return where a session may use a server, which a yes from a terminal makes so. Raises NotAllowed."""
        proposal = self._runs_by.get(server.digest)
        if server.standing != "asks" or proposal is None:
            return
        # An answer that counts once is used up by the session that it lets in.
        if self._yeses.has(_session(session), server.digest, proposal) or self._for_good(proposal):
            return
        _check(self._core, server, proposal, session)
        self._keep(_session(session), server.digest, proposal)

    def holds(self, server: Server) -> bool:
        """Whether the yes by which a server runs still counts; True for one that needs none."""
        proposal = self._runs_by.get(server.digest)
        if server.standing != "asks" or proposal is None:
            return True
        return self._yeses.anybodys(server.digest, proposal) or self._core.approvals.allowed([proposal])

    def close_settled(self, project: Path | None, servers: ServerSet) -> None:
        """Close the questions about servers of a project that are not there any more, or are not asked about."""
        if project is None or self._looked_at.get(project) is servers:
            return
        self._looked_at[project] = servers
        asking, real = {_title(one) for one in servers if one.standing == "asks"}, os.path.realpath(project)

        def settled(one: Proposal) -> bool:
            ours = one.scope == "project" and str(one.project) == real and one.title.startswith(_TITLE)
            return ours and one.title not in asking

        self._close(settled)

    def _close_earlier(self, proposals: Sequence[Proposal]) -> None:
        """Close the questions about what these servers were before they were changed."""
        self._close(lambda one: any(_is_earlier(one, now) for now in proposals))

    def _close(self, settled: Callable[[Proposal], bool]) -> None:
        # The list is a little longer where the file cannot be read; what is asked next says so itself.
        with contextlib.suppress(Problem):
            self._core.approvals.close_questions(settled)

    def forget(self) -> None:
        """Ask again about everything; what was allowed for good still is."""
        self._yeses.clear()

    def _keep(self, session: str, digest: str, proposal: Proposal) -> None:
        self._runs_by[digest] = proposal
        if not self._for_good(proposal):
            self._yeses.add(session, digest, proposal)

    def _for_good(self, proposal: Proposal) -> bool:
        return bool(self._core.approvals.allowed([proposal], always=True))


def _title(server: Server) -> str:
    return f"{_TITLE}{server.name}"


def _is_earlier(one: Proposal, now: Proposal) -> bool:
    """Whether a kept proposal is about the same server as ``now``, in another form."""
    project = None if now.project is None else os.path.realpath(now.project)
    same = (one.title, one.source, str(one.project)) == (now.title, str(now.source), str(project))
    return same and replace(one, notes=(), project=None) != replace(now, notes=(), project=None, source=str(now.source))


def _session(session: Session) -> str:
    """What a yes counts for: sub-agents and titles are threads of their own in the session that began them."""
    return session.id or session.thread_id


async def allow(core: Core, server: Server) -> None:
    """Return where a server may be used now. Raises NotAllowed, and Unavailable for one that nobody may use."""
    if not server.usable:
        raise Unavailable(f"MCP server {server.name}: {_why_not(server)}")
    if server.pack is not None and not core.packs.holds(server.pack):
        raise Unavailable(f"MCP server {server.name}: its pack {server.pack.pack} is not on disk as it was signed")
    if server.standing == "trusted":
        return
    _check(core, server, await proposal_of(core, server))


def _check(core: Core, server: Server, proposal: Proposal, session: Session | None = None) -> None:
    if missing := missing_in(proposal):
        raise Unavailable(f"MCP server {server.name}: {missing}")
    verdict = core.approvals.check([proposal], session=session)
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
            "connect", "project", _title(server), source=_source(server), project=project,
            text=f"connect to {url} ({server.transport}){said}{_oauth(server)}",
            env_names=tuple(server.reads), notes=(*read, FOR_THIS_SESSION),
        )  # fmt: skip
    words = (str(written.get("command") or server.command), *map(str, written.get("args") or ()))
    argv = (server.command, *server.args)
    return Proposal(
        "run", "project", _title(server), source=_source(server), project=project,
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
        asked = [proposed(server) for server in Servers(core).of(project) if server.standing == "asks"]
    # Here nobody answers (Y)es: the command itself says for how long the answer counts.
    return [replace(one, notes=tuple(note for note in one.notes if note != FOR_THIS_SESSION)) for one in asked]


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
    return (*notes, FOR_THIS_SESSION)


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
