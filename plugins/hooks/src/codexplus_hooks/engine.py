"""The plugin at work: every hook of the core's, handed to whoever knows about it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from codexplus_core import (
    Core,
    Event,
    Exchange,
    LocalReply,
    Outcome,
    Refusal,
    Session,
    ToolCall,
    ToolResult,
    with_message,
)

from . import ends
from .calls import Calls
from .ends import Ends
from .finished import Finished
from .firing import Firing
from .hook_set import HookSet
from .joining import Joining
from .native import Native
from .notebook import notebook_of
from .prompts import Prompts
from .running import Perform, Runner
from .settings import Hooks
from .trust import Trust

_BEGINNING = "response.created"
_ITEM_DONE = "response.output_item.done"
_SOURCES = {"start": "startup", "resume": "resume"}


_OF_ANSWERS = ("on_tool_use", "on_turn_end", "on_exchange_end")


class Engine:
    """Brings what happens in Codex to the user's hooks, and what they say back to Codex and the model.

    ``hooks``, ``runner`` and ``joining`` are for lists, commands and the bridge.
    """

    def __init__(self, core: Core, *, perform: Perform | None = None) -> None:
        self._core = core
        self._resting = False
        self.hooks = Hooks(core)
        self.runner = Runner(core, perform=perform)
        self.trust = Trust(core)
        self.joining = Joining()
        self.firing = Firing(core, self.hooks, self.trust, self.runner, self.joining)
        self._prompts = Prompts(core, self.firing, self.trust)
        self._calls = Calls(core, self.firing)
        self._ends = Ends(self.firing)
        self._finished = Finished(self.firing)
        self._native = Native(core, self.firing)

    async def on_session(self, session: Session, phase: str) -> None:
        """A thread begins, goes on or ends; a compaction is the request's own matter."""
        if phase == "end":
            if self.firing.hooked(session, "SessionEnd"):
                await self._ends.session(session)
            return
        if phase in _SOURCES:
            # A fork begins with what another thread said.
            forked = phase == "start" and session.parent_thread_id is not None
            notebook_of(session).begin = "fork" if forked else _SOURCES[phase]

    # What nobody hooks is answered at once: waiting for an answer costs more than looking whether there can be one.

    def on_request(self, exchange: Exchange) -> Awaitable[LocalReply | Refusal | None] | None:
        """Before the model is asked."""
        exchange.watch()
        if exchange.kind != "responses":
            return None
        found = self.firing.found(exchange.session)
        if not found.hooks and not found.lost:
            return None
        if self._resting:
            self._resting = False
            self._core.take_back(*_OF_ANSWERS)
        return self._decided(exchange, found)

    def rest(self) -> None:
        """Be asked about no answer before there is a request in a place with hooks: from ``on_startup``.

        Who has none gets the model's events unread, and pays nothing at their end.
        """
        self._resting = True
        self._core.withdraw(*_OF_ANSWERS)

    async def _decided(self, exchange: Exchange, found: HookSet) -> LocalReply | Refusal | None:
        answer = await self._prompts.decide(exchange, found)
        if answer is None:
            self._watch(exchange)
        return answer

    def _watch(self, exchange: Exchange) -> None:
        session, origin = exchange.session, exchange.turn.origin
        if notebook_of(session).lines and origin in ("user", "tool"):
            exchange.watch(_BEGINNING)
        wanted = ("PostCompact",) if origin == "compaction" else ends.EVENTS
        if self.firing.hooked(session, *wanted):
            exchange.watch(_ITEM_DONE)
        self._finished.watch(exchange)

    async def on_tool_use(self, exchange: Exchange, call: ToolCall) -> ToolCall | Refusal | None:
        """Before Codex has a call."""
        verdict = await self._calls.before(exchange, call)
        if not isinstance(verdict, Refusal):
            self._calls.passed(exchange, call if verdict is None else verdict)
        return verdict

    async def on_tool_result(self, exchange: Exchange, call: ToolCall, result: ToolResult) -> ToolResult | None:
        """Before the model has a tool's output."""
        return await self._calls.after(exchange, call, result)

    def on_chunk(self, exchange: Exchange, event: Event) -> Any:
        """An event on its way to Codex: the lines for the user, the model's last words, the finished answer."""
        if event.type == _BEGINNING:
            lines = notebook_of(exchange.session).take_lines()
            return with_message(event, "\n\n".join(lines)) if lines else None
        if event.type == _ITEM_DONE:
            _listen(exchange, event)
        return self._finished.on_chunk(exchange, event) if self._finished.follows(exchange) else None

    def on_turn_end(self, exchange: Exchange, found: HookSet) -> Awaitable[str | None] | None:
        """The model is done; ``found`` are the hooks that count."""
        return self._ends.turn(exchange, found)

    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> Awaitable[None] | None:
        """After the last byte."""
        if exchange.kind != "responses" or not self.firing.found(exchange.session).hooks:
            return None
        return self._exchange_ended(exchange, outcome)

    async def _exchange_ended(self, exchange: Exchange, outcome: Outcome) -> None:
        if outcome.answered_by == "upstream":
            self._prompts.delivered(exchange)
        await self._ends.exchange(exchange, outcome)

    async def native(self, event: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """An event of Codex's own hooks: the JSON object to answer Codex with, empty where there is nothing to say.

        ``payload`` is what Codex gave its hook. Raises nothing for odd ones.
        """
        return await self._native.answer(event, payload)

    async def close(self) -> None:
        """End what still runs."""
        await self.runner.close()


def _listen(exchange: Exchange, event: Event) -> None:
    item = (event.data or {}).get("item")
    if not isinstance(item, dict) or item.get("type") != "message":
        return
    parts = item.get("content") or []
    words = "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))
    if words:
        exchange.state[ends.SAID] = words
