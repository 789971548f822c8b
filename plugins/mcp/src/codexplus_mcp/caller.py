"""Calls a tool for the model: judged, carried out, and answered in words that the model can use."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from codexplus_core import ActionDenied, Core, Problem, Session

from .account import BEGIN, CALL, about_call
from .connection import CALL_S
from .connections import Connections
from .entry import LONGEST_S
from .failure import Failure, NotAllowed
from .outputs import Outputs, limit_of
from .permission import refusal
from .results import Answer, answer_of
from .tools import Offer, Tools
from .wording import line

Progress = Callable[[float, float | None, str | None], Awaitable[None]]


class Caller:
    """Carries out the calls of one proxy."""

    def __init__(
        self, core: Core, connections: Connections, tools: Tools, outputs: Outputs, env: Mapping[str, str]
    ) -> None:
        self._core = core
        self.connections = connections
        self._tools = tools
        self._outputs = outputs
        self._env = env

    async def call(
        self,
        offer: Offer,
        arguments: dict[str, Any] | str,
        *,
        session: Session,
        progress: Progress | None = None,
        asked: bool = False,
    ) -> Answer:
        """What the tool answers, or why it was not called; a cancelled call is cancelled at the server, too.

        ``asked`` as in ``permission.refusal``.
        """
        if not isinstance(arguments, dict):
            return Answer((f"{offer.name}: the arguments are no JSON object; call it again with one",), is_error=True)
        settings = self._core.config.for_project(session.cwd)
        why = refusal(self._core, offer, session, asked=asked)
        if why is not None:
            await self._core.report(about_call(CALL, offer, session, "denied", reason=why))
        if why is not None and settings.get("compatibility") == "claude-code":
            why = f"Claude requested permissions to use {offer.name}, but you haven't granted it yet."
        if why is not None:
            return Answer((why,), is_error=True)
        connection = self.connections.get(offer.server)
        try:
            await self._core.report(about_call(BEGIN, offer, session, "success"))
        except ActionDenied as denied:
            return Answer((f"{offer.name}: {denied}",), is_error=True)
        began, reason = time.monotonic(), ""
        outcome: Literal["success", "failure", "denied", "unknown"] = "unknown"
        try:
            self.connections.trust.admit(offer.server, session)
            result = await connection.call_tool(
                offer.tool.name, arguments, timeout=self._seconds(offer, settings), progress=progress
            )
            outcome = "failure" if result.is_error else "success"
        except Failure as failure:
            outcome, reason = "denied" if isinstance(failure, NotAllowed) else "failure", str(failure)
            return Answer((reason,), is_error=True)
        finally:
            seconds = time.monotonic() - began
            await self._core.report(about_call(CALL, offer, session, outcome, reason=reason, seconds=seconds))
        self._tools.look_again(offer.server)
        limit, answer = limit_of(self._env, settings.get("mcp.maxOutputTokens")), answer_of(offer.name, result)
        if settings.get("compatibility") != "claude-code":
            return await self._outputs.fitting(answer, limit)
        files = self._env.get("ENABLE_MCP_LARGE_OUTPUT_FILES", "").lower() not in ("0", "false", "no", "off")
        try:
            return await self._outputs.strictly(answer, limit, files=files)
        except (Problem, ActionDenied, OSError):
            return await self._outputs.fitting(answer, limit)

    def _seconds(self, offer: Offer, settings: Any) -> float:
        if offer.server.timeout is not None:
            return offer.server.timeout
        try:
            seconds = float(self._env.get("MCP_TOOL_TIMEOUT", "")) / 1000
        except ValueError:
            seconds = 0.0
        setting = settings.get("mcp.toolTimeout")
        if not 0 < seconds <= LONGEST_S and isinstance(setting, int | float) and not isinstance(setting, bool):
            seconds = float(setting)
        return seconds if 0 < seconds <= LONGEST_S else CALL_S


def progress_line(offer: Offer, done: float, total: float | None, message: str | None) -> str:
    """A report of a running call as one line for the user."""
    share = f" {done:g}/{total:g}" if total else ""
    said = f": {line(message, 80)}" if message else ""
    return f"{line(offer.server.name, 40)} {line(offer.tool.name, 40)}{share}{said}"
