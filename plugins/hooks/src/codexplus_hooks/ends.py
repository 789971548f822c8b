"""The end of the model's turn: hooks may make it go on; and the end of exchanges and sessions."""

from __future__ import annotations

from collections.abc import Awaitable

from codexplus_core import Exchange, Outcome, Session

from .calls import note
from .events import message_display, post_compact, session_end, stop, stop_failure, subagent_stop
from .firing import Firing, Where
from .hook_set import HookSet
from .notebook import notebook_of
from .surroundings import where_of

SAID = "said"
"""In ``exchange.state``: the newest message of the model's."""

EVENTS = (stop.EVENT, subagent_stop.EVENT, message_display.EVENT, stop_failure.EVENT)
"""The hooks that want to know what the model said last."""


class Ends:
    """Answers ``on_turn_end``, ``on_exchange_end`` and the end of ``on_session``."""

    def __init__(self, firing: Firing) -> None:
        self._firing = firing

    def turn(self, exchange: Exchange, found: HookSet) -> Awaitable[str | None] | None:
        """What makes the model go on, None where it may stop; ``found`` are the hooks that count."""
        if not found.by_event:
            return None
        agent = exchange.turn.origin == "subagent"
        event = subagent_stop.EVENT if agent else stop.EVENT
        hooked = found.of(event) or found.of(message_display.EVENT)
        return self._turn(exchange, event, agent=agent) if hooked else None

    async def _turn(self, exchange: Exchange, event: str, *, agent: bool) -> str | None:
        where = where_of(exchange)
        notebook, last = notebook_of(exchange.session), str(exchange.state.get(SAID, ""))
        if last and not agent:
            await message_display.fire(self._firing, where, last)
        active = notebook.continued > 0
        fire = subagent_stop.fire if agent else stop.fire
        outcome = await fire(self._firing, where, active=active, last=last)
        note(notebook, event, outcome)
        words = stop.words(outcome, event)
        if words is None or notebook.continued >= stop.MOST:
            notebook.continued = 0
            return None
        notebook.continued += 1
        return words

    async def exchange(self, exchange: Exchange, ended: Outcome) -> None:
        """After the last byte: a failed answer, a compaction that is done."""
        session, origin = exchange.session, exchange.turn.origin
        notebook = notebook_of(session)
        if origin == "compaction":
            trigger, notebook.compacting = notebook.compacting, ""
            if trigger and ended.error is None and ended.answered_by == "upstream":
                notebook.begin = "compact"
                summary = str(exchange.state.get(SAID, ""))
                await post_compact.fire(self._firing, where_of(exchange), trigger, summary)
            return
        if origin in ("user", "tool") and ended.answered_by == "upstream" and ended.error == "failed":
            last = str(exchange.state.get(SAID, ""))
            await stop_failure.fire(self._firing, where_of(exchange), error="unknown", last=last)

    async def session(self, session: Session) -> None:
        """A session is over, unless Codex has said so before."""
        where = Where(session, notebook_of(session).prompt_id)
        if self._firing.joining.claim(session_end.EVENT, where.id, ""):
            await session_end.fire(self._firing, where)
