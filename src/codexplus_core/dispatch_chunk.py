"""The way of one event through the plugins that asked for its type: the hot path."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, Any

from .dispatch_faults import FAILED, Hook
from .exchange import Exchange
from .protocol.events import Event

if TYPE_CHECKING:
    from .dispatch_calls import Calls

MANY_TYPES = 500


class FailedClosed(Exception):
    """A plugin that must not be skipped failed in mid-stream: the stream has to end as failed, never cleanly."""

    def __init__(self, plugin: str, hook: str) -> None:
        super().__init__(f"plugin {plugin!r} failed in {hook} and must not be skipped; the log says where")
        self.plugin = plugin
        self.hook = hook


class Routes(dict[str, tuple[Hook, ...]]):
    """Which plugins an event of each type goes through in one exchange, filled in as types come up."""

    __slots__ = ("hooks", "wanted", "wants")

    def __init__(self, hooks: tuple[Hook, ...], exchange: Exchange) -> None:
        super().__init__()
        self.hooks = hooks
        self.wants = tuple(_wants(hook, exchange) for hook in hooks)
        """For each hook the types it asked for; None: all."""
        self.wanted: frozenset[str] | None = frozenset()
        for types in self.wants:
            self.wanted = None if types is None or self.wanted is None else self.wanted | types

    def __missing__(self, type: str) -> tuple[Hook, ...]:
        pairs = zip(self.hooks, self.wants, strict=True)
        route = tuple(hook for hook, types in pairs if types is None or type in types)
        if len(self) < MANY_TYPES:  # the upstream chooses the names
            self[type] = route
        return route


def _wants(hook: Hook, exchange: Exchange) -> frozenset[str] | None:
    asked = exchange.watched.get(hook.plugin)
    if asked is not None:
        return frozenset(asked)
    return frozenset(hook.record.plugin.watches) or None


def must_wait(made: Any) -> bool:
    """Whether what a plugin's function gave has to be awaited for its answer."""
    return made is not None and not isinstance(made, Event | list) and made is not FAILED and inspect.isawaitable(made)


class Chunks:
    """Takes events through ``on_chunk``; synchronous plugins cost no task, no coroutine and no list."""

    __slots__ = ("_calls", "_plugins", "hooks")

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.hooks: tuple[Hook, ...] = ()
        self._plugins: frozenset[str] = frozenset()

    def use(self, hooks: tuple[Hook, ...]) -> None:
        """Take events through these from now on."""
        self.hooks = hooks
        self._plugins = frozenset(hook.plugin for hook in hooks)

    def wanted(self, exchange: Exchange) -> frozenset[str] | None:
        """The event types that anybody asked for; None: all of them."""
        asked = exchange.watched
        if not any(asked.values()) and asked.keys() >= self._plugins:
            return frozenset()  # as in most exchanges: every plugin has said that it wants none
        return self.routes(exchange).wanted

    def routes(self, exchange: Exchange) -> Routes:
        """The exchange's routes, made anew when it watches more or when a plugin was disabled."""
        routes = exchange._routes
        if routes is None or routes.hooks is not self.hooks:
            routes = exchange._routes = Routes(self.hooks, exchange)
        return routes  # type: ignore[no-any-return]  # kept in an untyped slot, so that exchange.py need not know us

    def chunk(self, exchange: Exchange, event: Event) -> list[Event] | Awaitable[list[Event] | None] | None:
        """The events in this one's place, None for the event as it is, or something to await that gives either."""
        routes = exchange._routes
        if routes is None or routes.hooks is not self.hooks:
            routes = self.routes(exchange)
        route = routes[event.type]
        found = self._calls.first(route, exchange, event) if route else None
        if found is None:
            return None
        hook, made = found
        if must_wait(made):
            return self._wait(exchange, routes, hook, made, event)
        events = self._checked(hook, made)
        return self._onward(exchange, routes, self._after(routes, hook), [event] if events is None else events)

    def _after(self, routes: Routes, hook: Hook) -> int:
        return routes.hooks.index(hook) + 1

    def _checked(self, hook: Hook, made: Any) -> list[Event] | None:
        if made is None:
            return None
        if isinstance(made, Event):
            return [made]
        if isinstance(made, list | tuple) and all(isinstance(event, Event) for event in made):
            return list(made)
        if made is not FAILED:
            self._calls.faults.wrong_answer(hook, made, "Event, list of Event or None")
        if hook.closed:
            raise FailedClosed(hook.plugin, hook.name)
        return None

    def _onward(
        self, exchange: Exchange, routes: Routes, index: int, events: list[Event]
    ) -> list[Event] | Awaitable[list[Event]]:
        """Events that a plugin made, on their way through those after it, for as long as these are synchronous."""
        while index < len(routes.hooks) and events:
            hook, types = routes.hooks[index], routes.wants[index]
            index += 1
            made: list[Event] = []
            coming = iter(events)
            for event in coming:
                if types is not None and event.type not in types:
                    made.append(event)
                    continue
                answer = self._calls.now(hook, exchange, event)
                if must_wait(answer):
                    return self._onward_waiting(exchange, routes, index, made, (hook, answer, event), coming)
                events_made = self._checked(hook, answer)
                made.extend([event] if events_made is None else events_made)
            events = made
        return events

    async def _wait(
        self, exchange: Exchange, routes: Routes, hook: Hook, awaitable: Awaitable[Any], event: Event
    ) -> list[Event] | None:
        events = self._checked(hook, await self._calls.finish(hook, awaitable, limit=self._calls.limit))
        index = self._after(routes, hook)
        onward = self._onward(exchange, routes, index, [event] if events is None else events)
        through = await onward if isinstance(onward, Awaitable) else onward
        return None if len(through) == 1 and through[0] is event else through

    async def _onward_waiting(
        self,
        exchange: Exchange,
        routes: Routes,
        index: int,
        made: list[Event],
        pending: tuple[Hook, Awaitable[Any], Event],
        coming: Iterator[Event],
    ) -> list[Event]:
        hook, awaitable, event = pending
        types = routes.wants[index - 1]
        answer = await self._calls.finish(hook, awaitable, limit=self._calls.limit)
        events_made = self._checked(hook, answer)
        made.extend([event] if events_made is None else events_made)
        for event in coming:
            if types is not None and event.type not in types:
                made.append(event)
                continue
            answer = await self._calls.ask(hook, exchange, event)
            events_made = self._checked(hook, answer)
            made.extend([event] if events_made is None else events_made)
        onward = self._onward(exchange, routes, index, made)
        return await onward if isinstance(onward, Awaitable) else onward
