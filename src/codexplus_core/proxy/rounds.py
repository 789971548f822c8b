"""The model's side of one exchange: one or more upstream rounds, shown to the client as one response."""

from __future__ import annotations

import asyncio
from contextvars import copy_context

from ..conversation.reading import Reading
from ..dispatch import Dispatcher
from ..exchange import Exchange, Refusal
from ..protocol import calls, replies
from ..protocol.body import encode_item
from ..protocol.events import Event
from ..protocol.items import Item, is_call, message
from ..protocol.limits import LIMITS, limits_of_event
from ..protocol.splice import WATCHED
from ..protocol.tools import ToolCall, ToolResult, Usage
from .downstream import Downstream
from .held import Held, answer, given_up
from .kept import Kept
from .news import News
from .shown_items import DONE, items_in
from .sources import EventSource
from .transport import UpstreamCut
from .unread import Unread
from .witness import NOTED

_ADDED = "response.output_item.added"
READ = frozenset({"response.completed", "response.failed", "response.incomplete", "error", LIMITS})
"""Events that are looked into whoever else wants to see any: those that end a response, and the account's limits."""
ENDS = frozenset(kind.encode() for kind in READ)
_WITNESSED, _FOLLOWED = ENDS | NOTED, ENDS | WATCHED


class Rounds:
    """Reads the upstream's rounds and writes what the client is to see of them.

    Calls are held at their ``output_item.done``, the event at which Codex starts a tool. What a plugin answers or
    denies is hidden together with its result, kept in the ledger behind the newest item the client has, and sent up in
    a further round; that one's events are spliced into the same response. Calls of added tools in a row run together.
    """

    def __init__(self, exchange: Exchange, reading: Reading, dispatcher: Dispatcher, down: Downstream) -> None:
        self._exchange, self._reading = exchange, reading
        self._dispatch, self._down = dispatcher, down
        self._kept = Kept(reading)
        # No plugin was asked about a warm-up (on a WebSocket it has an answer, too), so none is told of its answer.
        told = exchange.turn.origin != "warmup"
        self._watched = dispatcher.watched_types(exchange) if told else frozenset()
        self._chunks = self._watched is None or bool(self._watched)
        self._holds = told and (bool(exchange.added_tools) or dispatcher.has("on_tool_use"))
        self._turn_end = told and dispatcher.has("on_turn_end")
        news: News = exchange.news or News()  # what was told while plugins decided is of this response
        self._splicer, self._news = news.splicer, news if self._holds else None
        if down.begun and not self._splicer.begun:
            self._splicer.own(replies.created(down.begun, exchange.model))
        # Whoever changes an item changes what the client will re-send, so the ledger must see every one of them.
        # What another branch of the thread left behind at the same place must not stick to the model's new words.
        changes = bool(exchange.added_tools) or self._chunks or self._splicer.begun
        self._follows = changes or reading.ledger.decided_answers
        # What matters only once there is a call, or the model is made to go on, is kept, and read when it does.
        passes = not self._follows and (self._holds or self._turn_end)
        self._unread = Unread(judges=self._holds) if passes else None
        self._source: EventSource | None = None
        self._out: list[Event] = []
        self._held: list[Held] = []
        self.ended = ""
        """The type of the event that ended the response towards the client, ``""`` while it goes on."""
        self.rounds = 0
        self.limits: dict[str, str] = {}

    def types(self) -> frozenset[bytes] | None:
        """The event types that have to be seen one by one, None for all; the others may come as runs."""
        return None if self._down.each_event else self.seen()

    def seen(self) -> frozenset[bytes] | None:
        """The event types that somebody here has to see, None for all."""
        if self._watched is None or self._splicer.reads_all:
            return None
        follows = self._follows or self._unread is not None
        ours = _FOLLOWED if follows else _WITNESSED if self._down.witness is not None else ENDS
        return ours | {kind.encode() for kind in self._watched} if self._watched else ours

    @property
    def reads(self) -> bool:
        """Whether anybody has to see the model's answer: then it must come as a stream that can be read."""
        return self._holds or self._chunks or self._turn_end

    @property
    def added(self) -> list[bytes]:
        """The items of all rounds in the model's order, hidden ones with their results: the next round's new input."""
        return self._kept.added

    @property
    def usage(self) -> Usage:
        """Tokens of all rounds so far."""
        return self._splicer.usage

    async def read(self, source: EventSource) -> bool:
        """Show one round to the client; True where the model has to be asked again with ``added``.

        Raises UpstreamCut where the round broke off.
        """
        if self.rounds:
            self._splicer.next_round()
        self.rounds += 1
        self._kept.hidden, self._source, again = [], source, False
        try:
            while (events := await source.next()) is not None:
                again = await self._take(events) or again
        except UpstreamCut:
            await self._settle()
            if not again:  # a round whose end has come lacks nothing
                raise
        finally:
            await given_up(self._held)
        return again

    async def _take(self, events: list[Event]) -> bool:
        again = False
        for event in events:
            kind = event.type
            if self._unread is not None and kind not in READ and self._unread.takes(event):
                self._out.append(event)
            elif kind == DONE and (self._follows or self._unread is not None):
                await self._item_done(event)
            elif kind == _ADDED and self._exchange.added_tools:
                await self._item_added(event)
            elif kind in READ:
                again = await self._end(event)
            else:
                await self._show(event)
        await self._flush()
        return again

    async def _flush(self) -> None:
        if out := self._out:
            self._out = []
            await self._down.write(out)

    async def _show(self, event: Event) -> list[Event]:
        shown = self._splicer.event(event)
        if shown is None:
            return []
        if self._held:
            await self._settle()
        if self._chunks and shown.type and (self._watched is None or shown.type in self._watched):
            changed = self._dispatch.chunk(self._exchange, shown)
            if changed is not None and not isinstance(changed, list):
                await self._flush()
                changed = await self._down.wait(changed)
            if changed is not None:
                self._out.extend(changed)
                if shown.type != DONE:
                    self._kept.adopt(items_in(changed, {}, self._out))
                return changed
        self._out.append(shown)
        return [shown]

    # -- items

    async def _item_added(self, event: Event) -> None:
        item = (event.data or {}).get("item")
        if isinstance(item, dict) and self._ours(item):
            self._conceal(event)
        else:
            await self._show(event)

    def _ours(self, item: Item) -> bool:
        return item.get("name") in self._exchange.added_tools and item.get("namespace") in (None, "", "functions")

    async def _item_done(self, event: Event) -> None:
        self._catch_up()
        item = (event.data or {}).get("item")
        if not isinstance(item, dict):
            await self._show(event)
        elif self._holds and is_call(item) and (call := calls.call_of(item)) is not None:
            await self._call_done(event, item, self._kept.original(item), call)
        else:
            await self._show_item(event, item, self._kept.original(item))

    async def _show_item(self, event: Event, item: Item, original: bytes) -> None:
        self._kept.shown(items_in(await self._show(event), item, self._out), item, original)

    async def _call_done(self, event: Event, item: Item, original: bytes, call: ToolCall) -> None:
        if self._ours(item):
            self._held.append(Held(original, call, answer(self._dispatch, self._exchange, call)))
            self._conceal(event)
            return
        verdict: Refusal | ToolResult | None = None
        changed = call
        if self._dispatch.has("on_tool_use"):
            await self._settle()
            await self._flush()
            changed, verdict = await self._down.wait(self._dispatch.tool_use(self._exchange, call), self._news)
        if verdict is not None:
            self._kept.hide(original, call, verdict)
            self._conceal(event)
            return
        if changed != call:
            self._splicer.changed()
            event = event.replace({**(event.data or {}), "item": calls.item_with(item, changed)})
        await self._show_item(event, item, original)

    async def _settle(self) -> None:
        """Wait for the calls that run, and keep what they answered."""
        if not self._held:
            return
        await self._flush()
        verdicts = await self._down.wait(asyncio.gather(*(held.answer for held in self._held)), self._news)
        done, self._held = self._held, []
        for held, verdict in zip(done, verdicts, strict=True):
            self._kept.hide(held.original, held.call, verdict)

    def _conceal(self, event: Event) -> None:
        for key in calls.keys_of(event.data or {}):
            self._splicer.hide(key)
        if self._source is not None:
            self._source.watch(self.types())

    async def _end(self, event: Event) -> bool:
        await self._settle()
        if event.type != "response.completed":
            await self._finish(event)
            return False
        if self._kept.hidden and not self._kept.open_call:
            self._splicer.event(event)
            return True
        called = self._kept.open_call or (self._unread is not None and self._unread.holds_call)
        if self._turn_end and not called and self._exchange.turn.origin in ("user", "tool", "subagent"):
            await self._flush()
            own = copy_context()
            words = own.run(self._dispatch.turn_end, self._exchange)
            if words is not None and not isinstance(words, str):
                words = await self._down.wait(asyncio.get_running_loop().create_task(words, context=own))
            if words:
                self._catch_up()
                item = encode_item(message("user", words))
                self._kept.added.append(item)
                self._kept.insert([item])
                self._splicer.event(event)
                return True
        await self._finish(event)
        return False

    def _catch_up(self) -> None:
        """Read what went by unread, as if each event had been read when it came; and all that comes from now on."""
        unread, self._unread, self._follows = self._unread, None, True
        for event in unread or ():
            self._splicer.event(event)
            item = (event.data or {}).get("item") if event.type == DONE else None
            if isinstance(item, dict):
                self._kept.shown([item], item, self._kept.original(item))

    async def _finish(self, event: Event) -> None:
        if event.type == LIMITS:
            self.limits.update(limits_of_event(event.data))
        else:
            self.ended = event.type
        await self._show(event)

    async def fail(self, code: str, text: str) -> None:
        """End the response with an error event, after its head is out."""
        await self._flush()
        event = replies.failure(self._splicer.last_response_id or self._down.begun, code, text, self._exchange.model)
        await self._down.write([self._splicer.own(event)])
        self.ended = "response.failed"
