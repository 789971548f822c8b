"""MCP tools in the model's own requests: offered to it, answered in hidden rounds, reported to the user as they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from codexplus_core import Core, Exchange, LocalReply, Outcome, ToolCall, ToolResult

from . import own_tools, shown
from .caller import Caller, progress_line
from .names import OURS
from .notice import Notices
from .outputs import CannotRead, Outputs, limit_of
from .permission import Denials
from .program import missing_in
from .results import Answer
from .server import Server, ServerSet
from .settings import Servers
from .tools import Offer, Tools
from .trust import Trust, proposal_of
from .wording import line

ORIGINS = frozenset({"user", "tool", "subagent"})
"""Whose requests get tools."""
GATEWAY = f"mcp__{OURS}"
"""What Codex calls the gateway's tools; where a request shows it, Codex has the tools from there."""

_OFFERS = "offers"
_ASKED = "asked servers"
_MEANT = "meant calls"
_REFUSED = "refused"
_WITHOUT = (
    "The last request offered MCP tools and was refused, so this conversation goes on without them. If they are the"
    " cause, `codex-plus init --mcp` offers them in another way; `mcp.tools` in the settings chooses."
)


class ToolRounds:
    """Offers the tools of a session's servers on its requests, and answers the calls."""

    def __init__(
        self,
        core: Core,
        servers: Servers,
        trust: Trust,
        tools: Tools,
        caller: Caller,
        outputs: Outputs,
        env: Mapping[str, str],
    ) -> None:
        self._core = core
        self._trust = trust
        self._servers = servers
        self._tools = tools
        self._caller = caller
        self._outputs = outputs
        self._env = env
        self._denials = Denials(core)
        self._notices = Notices()
        self.on_chunk = self._notices.on_chunk
        self._accepted = False

    def look(self, exchange: Exchange) -> bool:
        """See which servers there are; False where a request is none of this plugin's business."""
        project = exchange.session.cwd
        servers = self._servers.of(project)
        if exchange.kind == "responses" and exchange.turn.origin in ORIGINS:
            self._trust.close_settled(project, servers)
        return exchange.prompt is not None or bool(servers.usable)

    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        """Offer tools; a project's servers are asked about first, once a thread, where the user can answer."""
        if exchange.kind != "responses" or exchange.turn.origin not in ORIGINS:
            return None
        project = exchange.session.cwd
        servers = self._servers.of(project)
        if not servers.usable:
            return None
        question = await self._question(exchange, servers)
        if question is not None:
            return question
        settings = self._core.config.for_project(project)
        way = settings.get("mcp.tools", "auto")
        if not in_stream(exchange, way) or (way != "stream" and self._is_refused(exchange)):
            return None
        # One that runs by another session's yes is not this one's.
        mine = [one for one in servers.usable if self._trust.admits(one, exchange.session)]
        offers = self._denials.without(await self._tools.of(mine), exchange.session)
        self._notices.tell(exchange, self._tools.news(mine))
        if exchange.prompt is not None:
            self._notices.tell(exchange, self._tools.missing(mine))
        if offers:
            self._offer(exchange, offers, settings)
        return None

    async def on_tool_use(self, exchange: Exchange, call: ToolCall) -> ToolCall | ToolResult | None:
        """Answer a call of a tool that was offered here, or say which one is meant; leave all others."""
        offers: dict[str, Offer] | None = exchange.state.get(_OFFERS)
        if offers is None or call.namespace not in (None, "", "functions"):
            return None
        meant: set[str] = exchange.state.setdefault(_MEANT, set())
        if call.name not in exchange.added_tools and call.id not in meant:
            return None
        if call.name == own_tools.CALL_TOOL and isinstance(call.arguments, dict):
            wanted = str(call.arguments.get("name", ""))
            if wanted not in offers:
                words = f"{line(wanted)}: no such tool; find its name with search_tools"
                return ToolResult(words, is_error=True)
            meant.add(call.id)
            return replace(call, name=wanted, arguments=call.arguments.get("arguments") or {})
        offer = offers.get(call.name)
        if offer is not None:
            answer = await self._call(exchange, offer, call.arguments)
        elif isinstance(call.arguments, dict):
            answer = await self._own(exchange, call.name, call.arguments, offers)
        else:
            answer = Answer((f"{call.name}: the arguments are no JSON object",), is_error=True)
        return ToolResult(answer.parts(), is_error=answer.is_error)

    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> None:
        """Note whether a backend took the tools: one that says no to them must not say no to the user's every word."""
        if _OFFERS not in exchange.state:
            return
        if outcome.status == 200 and outcome.error is None:
            self._accepted = True
        elif outcome.status in (400, 422) and not self._accepted:
            exchange.session.state[_REFUSED] = "new"
            self._core.log.warning("mcp_tools_refused", model=exchange.model, status=outcome.status)

    def _is_refused(self, exchange: Exchange) -> bool:
        found = exchange.session.state.get(_REFUSED)
        if found == "new" and exchange.prompt is not None:
            exchange.session.state[_REFUSED] = "told"
            self._notices.tell(exchange, [_WITHOUT])
        return found is not None

    async def _question(self, exchange: Exchange, servers: ServerSet) -> LocalReply | None:
        """The question about servers that a project brought along; asked at a human's prompt, once in a thread.

        After a yes the prompt comes again, and finds it. A run without anybody in front of it goes on without them.
        """
        asking = tuple(server for server in servers.usable if server.standing == "asks")
        if not asking or exchange.prompt is None or self._is_command(exchange.prompt):
            return None
        # How often, and with which prompt: one that comes a second time may be the one that a yes was about.
        asked: dict[str, tuple[str, int]] = exchange.session.state.setdefault(_ASKED, {})
        typed = exchange.prompt
        new = tuple(one for one in asking if one.digest not in asked or asked[one.digest] == (typed, 1))
        if runs_once(exchange):
            await self._tell_waiting(exchange, [one for one in new if one.digest not in asked])
        for one in new:
            asked[one.digest] = (typed, 2 if one.digest in asked else 1)
        if not new or runs_once(exchange):
            return None
        return await self._trust.require(exchange, new)

    def _is_command(self, prompt: str) -> bool:
        """Whether a command answers a prompt, `/mcp list` for one: no server's tool is used for it."""
        words = prompt.lstrip()
        name = words.lstrip("/").split(None, 1)[:1] if words.startswith("/") else []
        return bool(name) and self._core.commands.get(name[0]) is not None

    async def _tell_waiting(self, exchange: Exchange, servers: list[Server]) -> None:
        """Say which of a project's servers are not used, where nobody can be asked."""
        found = [(one, await proposal_of(self._core, one)) for one in servers]
        lacking = [(one, missing) for one, proposal in found if (missing := missing_in(proposal))]
        told = [
            f"Not used: `{line(one.name, 60)}` of this project: {shown.plain(missing)}." for one, missing in lacking
        ]
        waiting = [
            one for one, proposal in found
            if not missing_in(proposal) and not self._core.approvals.allowed([proposal])
        ]  # fmt: skip
        if waiting:
            names = ", ".join(f"`{line(one.name, 60)}`" for one in waiting)
            how = "`codex-plus approvals allow --project .`"
            told.append(f"Not used before you allow it: {names} of this project ({how}).")
        self._notices.tell(exchange, told)

    def _offer(self, exchange: Exchange, offers: tuple[Offer, ...], settings: Any) -> None:
        self._core.take_back("on_tool_use", "on_exchange_end")
        exchange.state[_OFFERS] = {offer.name: offer for offer in offers}
        if own_tools.are_many(offers, settings.get("mcp.toolSearch", "auto")):
            exchange.add_tool(*own_tools.search(offers))
            exchange.add_tool(*own_tools.CALL, indirect=True)
        else:
            for offer in offers:
                exchange.add_tool(offer.name, offer.description, dict(offer.tool.schema))
        exchange.add_tool(*own_tools.READ)

    async def _call(self, exchange: Exchange, offer: Offer, arguments: dict[str, Any] | str) -> Answer:
        async def progress(done: float, total: float | None, message: str | None) -> None:
            exchange.tell(progress_line(offer, done, total, message))

        exchange.tell(f"{line(offer.server.name, 40)} {line(offer.tool.name, 40)}")
        return await self._caller.call(offer, arguments, session=exchange.session, progress=progress)

    async def _own(
        self, exchange: Exchange, name: str, arguments: Mapping[str, Any], offers: Mapping[str, Offer]
    ) -> Answer:
        if name == own_tools.SEARCH_TOOL:
            return Answer((own_tools.found(tuple(offers.values()), str(arguments.get("query", ""))),))
        return await read_on(self._core, self._outputs, exchange.session.cwd, self._env, arguments)


async def read_on(
    core: Core, outputs: Outputs, project: Any, env: Mapping[str, str], arguments: Mapping[str, Any]
) -> Answer:
    """What the tool ``read_output`` answers."""
    limit = limit_of(env, core.config.for_project(project).get("mcp.maxOutputTokens"))
    offset = arguments.get("offset", 0)
    try:
        text = await outputs.read(str(arguments.get("id", "")), offset if isinstance(offset, int) else -1, limit)
    except CannotRead as problem:
        return Answer((str(problem),), is_error=True)
    return Answer((text,))


def in_stream(exchange: Exchange, setting: object) -> bool:
    """Whether the tools go into this request (``mcp.tools``: ``"auto"``, ``"stream"``, ``"gateway"``).

    By itself they do, unless Codex has the gateway: with the models of Codex 0.169 that write JavaScript only the
    gateway's tools can be called from there.
    """
    if setting in ("stream", "gateway"):
        return setting == "stream"
    return not has_gateway(exchange)


def has_gateway(exchange: Exchange) -> bool:
    """Whether this request shows that Codex has the gateway entered.

    Codex 0.120 offers its tools by name; 0.169 lists it among the namespaces in a developer message.
    """
    if any(str(tool.get("namespace") or tool.get("name") or "").startswith(GATEWAY) for tool in exchange.tools):
        return True
    items = exchange.body.get("input")
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict) or item.get("role") != "developer":
            continue
        content = item.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        if any(f"- {GATEWAY}" in str(part.get("text")) for part in parts if isinstance(part, dict)):
            return True
    return False


def runs_once(exchange: Exchange) -> bool:
    """Whether this is a run without somebody in front of it: a question would be its only answer."""
    metadata = exchange.headers.get("x-codex-turn-metadata", "")
    return exchange.headers.get("originator") == "codex_exec" or '"turn_trigger":"exec"' in metadata.replace(" ", "")
