"""The MCP client offered to Codex as one MCP server: ``/_codexplus/mcp``, streamable HTTP, without sessions.

Codex lists tools without saying for which thread (seen with 0.120 and 0.169), so by itself the list has the servers
that are the user's everywhere, and two tools to find and call a project's. ``/_codexplus/mcp/CODE`` is one project's
own address: its list has that project's servers, too.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from codexplus_core import ActionDenied, Core, Session

from . import own_tools, protocol
from .caller import Caller, Progress, progress_line
from .failure import Failure
from .gateway_shelf import Shelf
from .names import OURS, plain
from .outputs import READ_TOOL, Outputs
from .permission import Denials
from .protocol import BAD_PARAMS, NO_METHOD, NO_RESOURCE, Request
from .recent import Recent
from .results import Answer
from .rounds import read_on
from .settings import Servers
from .tools import Offer, Tools
from .wording import line

LIST_WAIT_S = 8.0
"""Seconds that a list waits for servers that were never seen; Codex itself waits 10 s for a server to be ready."""
SEARCH = "search_project_tools"
CALL = "call_project_tool"
MOST_SESSIONS = 500


class Gateway:
    """Answers the requests of Codex's own MCP client."""

    def __init__(
        self, core: Core, servers: Servers, tools: Tools, caller: Caller, outputs: Outputs, env: Mapping[str, str]
    ) -> None:
        self._core = core
        self._servers = servers
        self._tools = tools
        self._caller = caller
        self._outputs = outputs
        self._env = env
        self._shelf = Shelf(core, caller.connections, outputs, env)
        self._denials = Denials(core)
        self._sessions: Recent[str, Session] = Recent(MOST_SESSIONS)

    def note(self, session: Session) -> None:
        """Remember a thread that was seen on the model's side: only its calls count as ones that Codex asked about."""
        if session.thread_id:
            self._sessions[session.thread_id] = session

    async def answer(self, request: Request, project: Path | None, progress: Progress | None = None) -> bytes:
        """The JSON-RPC answer to a request. ``project`` is that of the address, None for the common one."""
        if request.method == "initialize":
            return protocol.result(request.id, self._initialized(request.params, project))
        if request.method == "ping":
            return protocol.result(request.id, {})
        if request.method == "tools/list":
            return protocol.result(request.id, {"tools": await self._list(project)})
        if request.method == "tools/call":
            name, arguments = request.params.get("name"), request.params.get("arguments", {})
            if not isinstance(name, str) or not isinstance(arguments, dict):
                return protocol.error(request.id, BAD_PARAMS, "tools/call needs a name and an object of arguments")
            answer = await self._call(name, arguments, request.meta, project, progress)
            return protocol.result(request.id, _result(answer))
        if request.method == "prompts/list":
            return protocol.result(request.id, {"prompts": []})
        if request.method.startswith("resources/"):
            return await self._resources(request, project)
        return protocol.error(request.id, NO_METHOD, f"{line(request.method, 80)}: not offered by codex-plus")

    def _initialized(self, params: Mapping[str, Any], project: Path | None) -> dict[str, Any]:
        names = [line(server.name, 60) for server in self._servers.of(project).usable]
        said = f"Tools of the user's MCP servers: {', '.join(names)}." if names else "No MCP server is set up."
        return {
            "protocolVersion": protocol.version_for(params.get("protocolVersion")),
            "capabilities": {"tools": {"listChanged": False}, "resources": {}},
            "serverInfo": {"name": OURS, "title": "codex-plus", "version": str(self._core.about.version)},
            "instructions": f"{said} A project's own servers: see {SEARCH}." if project is None else said,
        }

    async def _resources(self, request: Request, project: Path | None) -> bytes:
        servers, session = self._servers.of(project).usable, self._session(request.meta, project)
        if request.method == "resources/list":
            return protocol.result(request.id, {"resources": await self._shelf.listed(servers, session)})
        if request.method == "resources/templates/list":
            return protocol.result(request.id, {"resourceTemplates": await self._shelf.templates(servers, session)})
        uri = request.params.get("uri")
        if request.method != "resources/read" or not isinstance(uri, str):
            return protocol.error(
                request.id, BAD_PARAMS, f"{line(request.method, 80)}: needs a uri, as the list has it"
            )
        try:
            contents = await self._shelf.read(servers, session, uri)
        except (Failure, ActionDenied) as failure:
            return protocol.error(request.id, NO_RESOURCE, str(failure))
        if contents is None:
            return protocol.error(request.id, NO_RESOURCE, f"{line(uri)}: no such resource here; list them first")
        return protocol.result(request.id, {"contents": contents})

    def _session(self, meta: Mapping[str, Any], project: Path | None) -> Session:
        known = self._sessions.get(_thread(meta))
        return Session(cwd=project) if known is None else known

    async def _list(self, project: Path | None) -> list[dict[str, Any]]:
        offers = self._denials.without(await self._offers(project), Session(cwd=project))
        listed = [_listed(offer) for offer in offers]
        if project is None:
            listed += [_own(SEARCH, own_tools.search(())[1:], read_only=True), _own(CALL, own_tools.CALL[1:])]
        return [*listed, _own(READ_TOOL.rpartition("__")[2], own_tools.READ[1:], read_only=True)]

    async def _offers(self, project: Path | None, wait: float = LIST_WAIT_S) -> tuple[Offer, ...]:
        return await self._tools.of(self._servers.of(project).usable, wait=wait)

    async def _call(
        self,
        name: str,
        arguments: dict[str, Any],
        meta: Mapping[str, Any],
        project: Path | None,
        progress: Progress | None,
    ) -> Answer:
        known = self._sessions.get(_thread(meta))
        session = known if known is not None else Session(cwd=project)
        where = session.cwd or project
        if name == READ_TOOL.rpartition("__")[2]:
            return await read_on(self._core, self._outputs, where, self._env, arguments)
        offers = await self._offers(where)
        if name == SEARCH:
            mine = [one for one in offers if self._caller.connections.trust.admits(one.server, session)]
            shown = self._denials.without(mine, session)
            return Answer((own_tools.found(shown, str(arguments.get("query", ""))),))
        generic = name == CALL
        if generic:
            name, arguments = str(arguments.get("name", "")), arguments.get("arguments") or {}
        offer = _meant(offers, name, generic=generic)
        if offer is None:
            return Answer(
                (f"{line(name)}: no such tool of an MCP server here; {SEARCH} finds those there are",), is_error=True
            )

        async def report(done: float, total: float | None, message: str | None) -> None:
            if progress is not None:
                await progress(done, total, progress_line(offer, done, None, message))

        # Codex asks about a tool by what the list says of it. Of one called by the generic tool it knows nothing, nor
        # of a project's server with the name of a listed one; and whoever is no thread of Codex's has asked nobody.
        listed = self._servers.of(project).get(offer.server.name)
        same = listed is not None and (listed.scope, listed.origin) == (offer.server.scope, offer.server.origin)
        asked = known is not None and not generic and same
        answer = await self._caller.call(offer, arguments, session=session, progress=report, asked=asked)
        return _renamed(answer)


def _meant(offers: Sequence[Offer], name: str, *, generic: bool) -> Offer | None:
    """The tool of this name: what the list calls it, in the generic tool what the search does.

    A short name that looks like a whole one is none there: a project's server `mcp` could have the user's tools.
    """
    whole = next((one for one in offers if one.name == name), None) if generic else None
    if whole is not None or (generic and name.startswith("mcp__")):
        return whole
    return next((one for one in offers if one.short == name), None)


def code_of(project: Path) -> str:
    """A project's directory as the last part of its gateway's address."""
    return base64.urlsafe_b64encode(str(project).encode("utf-8", "surrogateescape")).decode().rstrip("=")


def project_of(code: str) -> Path | None:
    """The directory that `code_of` wrote; None where the code is none."""
    try:
        text = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None
    return Path(text) if Path(text).is_absolute() and "\0" not in text else None


def _thread(meta: Mapping[str, Any]) -> str:
    """The thread that a call comes from: Codex 0.169 names it, 0.120 only its session, which is its root thread."""
    turn = meta.get("x-codex-turn-metadata")
    turn = turn if isinstance(turn, dict) else {}
    return str(meta.get("threadId") or turn.get("thread_id") or turn.get("session_id") or "")


def _listed(offer: Offer) -> dict[str, Any]:
    tool = offer.tool
    hints = {"readOnlyHint": tool.read_only, "destructiveHint": tool.destructive, "openWorldHint": tool.open_world}
    about = {"name": offer.short, "description": offer.description, "inputSchema": dict(tool.schema)}
    return {**about, **({"title": tool.title} if tool.title else {}), "annotations": hints}


def _own(name: str, about: tuple[str, dict[str, Any]], *, read_only: bool = False) -> dict[str, Any]:
    hints = {"readOnlyHint": read_only, "destructiveHint": not read_only, "openWorldHint": not read_only}
    return {"name": plain(name), "description": about[0], "inputSchema": about[1], "annotations": hints}


def _renamed(answer: Answer) -> Answer:
    """The answer with the reading tool called as it is here."""
    short = READ_TOOL.rpartition("__")[2]
    return replace(answer, texts=tuple(text.replace(f"read on with {READ_TOOL} ", f"read on with {short} ")
                                       for text in answer.texts))  # fmt: skip


def _result(answer: Answer) -> dict[str, Any]:
    texts = [{"type": "text", "text": text} for text in answer.texts]
    images = [{"type": "image", "mimeType": kind, "data": data} for kind, data in answer.images]
    return {"content": [*texts, *images], "isError": answer.is_error}
