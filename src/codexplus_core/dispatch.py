"""Calls every plugin's hooks in order: requests run up the numbers, events run down."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Collection
from typing import Any

from . import hookspecs
from .core import Core
from .dispatch_answers import Answers
from .dispatch_calls import Calls
from .dispatch_chunk import Chunks, FailedClosed
from .dispatch_faults import FAILED, Faults, Hook, Log, Record, stolen_seconds
from .exchange import Exchange
from .loader import HookFunction, Plugins

__all__ = ["Dispatcher", "FailedClosed"]

UP = ("on_startup", "on_session", "on_tool_result", "on_request", "on_action", "on_audit")
DOWN = ("on_tool_use", "on_chunk", "on_turn_end", "on_exchange_end", "on_shutdown")
STARTUP_LIMIT_S = 30.0


class Dispatcher(Answers):
    """The plugins of one proxy, compiled to a tuple of calls for each hook.

    ``limit`` is the seconds of own time that a plugin has for a call, ``block_limit`` those for one step on the event
    loop, ``grace`` those to stop once it is cancelled. ``stolen`` tells how long the thread has waited for a processor.
    """

    def __init__(
        self,
        plugins: Plugins,
        *,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
        limit: float = 5.0,
        block_limit: float = 0.5,
        grace: float = 1.0,
        stolen: Callable[[], float] = stolen_seconds,
    ) -> None:
        faults = Faults(log=log, clock=clock, block_limit=block_limit, stolen=stolen, on_three_strikes=self._strike_out)
        super().__init__(Calls(faults, clock=clock, limit=limit, grace=grace))
        self._log = log
        self.stopwatch = self._calls.stopwatch
        """Whose code holds the event loop right now, for a watchdog."""
        self._chunks = Chunks(self._calls)
        self.chunk = self._chunks.chunk
        """``chunk(exchange, event)``: the events in this one's place, None for the event as it is, or something to
        await that gives either. Raises FailedClosed."""
        self._records = [Record(plugin) for plugin in plugins.plugins]
        self._compile()

    def _compile(self) -> None:
        self._table = {hook: self._hooks(hook) for hook in (*UP, *DOWN)}
        self._chunks.use(self._table["on_chunk"])
        self.hooks = frozenset(hook for hook, found in self._table.items() if found)
        """The hooks that somebody implements; ``"on_chunk" in dispatcher.hooks`` is the cheapest question there is."""

    def _hooks(self, name: str) -> tuple[Hook, ...]:
        found = []
        arguments = tuple(inspect.signature(getattr(hookspecs, name)).parameters)
        for record in self._records:
            plugin = record.plugin
            gone = plugin.error is not None or (record.out and name != "on_shutdown")
            if (gone and not record.closed) or (not gone and name in record.withdrawn):
                continue
            functions = [function for function in plugin.hooks if function.hook == name]
            if not gone:
                found += [Hook(record, name, function, arguments) for function in functions]
            elif functions or name == "on_request":
                found.append(Hook(record, name, None, arguments))
        return tuple(reversed(found) if name in DOWN else found)

    def _hook_of(self, plugin: str, call: Callable[[], Any]) -> Hook | None:
        for record in self._records:
            if record.plugin.name == plugin and record.plugin.error is None and not record.out:
                return Hook(record, "add_commands", HookFunction("add_commands", call, ()), ())
        return None

    def has(self, hook: str) -> bool:
        """Whether anybody implements this hook."""
        return hook in self.hooks

    def must_not_skip(self, *names: str) -> str:
        """The name of a FAIL_CLOSED plugin that implements one of these hooks, ``""`` if there is none."""
        return next((hook.plugin for name in names for hook in self._table[name] if hook.closed), "")

    def disable(self, plugin: str, reason: str) -> None:
        """Call this plugin no more; a FAIL_CLOSED one refuses from now on. ``on_shutdown`` is still called."""
        for record in self._records:
            if record.plugin.name == plugin and not record.out:
                record.out = reason
                self._log.warning("plugin_disabled", plugin=plugin, reason=reason)
                self._compile()

    def withdraw(self, plugin: str, hooks: Collection[str]) -> None:
        """Call this plugin for none of these hooks, nor for those withdrawn before, until they are taken back."""
        self._set_withdrawn(plugin, lambda now: now | set(hooks))

    def take_back(self, plugin: str, hooks: Collection[str]) -> None:
        """Call this plugin for these hooks again."""
        self._set_withdrawn(plugin, lambda now: now - set(hooks))

    def _set_withdrawn(self, plugin: str, change: Callable[[frozenset[str]], Collection[str]]) -> None:
        for record in self._records:
            if record.plugin.name == plugin and (after := frozenset(change(record.withdrawn))) != record.withdrawn:
                record.withdrawn = after
                self._compile()

    def fail_closed(self, plugin: str, *, wanted: bool) -> None:
        """Let a failure of this plugin refuse, if it is FAIL_CLOSED, or not for now."""
        for record in self._records:
            if record.plugin.name == plugin and record.holds != wanted:
                record.holds = wanted
                self._compile()

    def _strike_out(self, record: Record) -> None:
        self.disable(record.plugin.name, "blocked the event loop three times")

    def health(self) -> list[dict[str, Any]]:
        """What is known of each plugin, in order; no values of users in it."""
        return [
            {
                "name": record.plugin.name,
                "version": record.plugin.version,
                "order": None if record.plugin.forbidden else record.plugin.order,
                "fail_closed": record.plugin.fail_closed,
                "state": record.state,
                "reason": record.plugin.error or record.out,
                "calls": record.calls,
                "errors": record.errors,
                "late": record.late,
                "blocked": record.blocked,
                "last_error": record.last_error,
            }
            for record in self._records
        ]

    async def startup(self, core: Core) -> None:
        """Let every plugin get ready; one that cannot is out, and refuses if it is FAIL_CLOSED."""
        for hook in self._table["on_startup"]:
            if await self._calls.ask(hook, core, limit=STARTUP_LIMIT_S) is FAILED and hook.call is not None:
                record = hook.record
                record.plugin.error = f"plugin {hook.plugin!r} could not start: {record.last_error}"
                self._log.warning("plugin_broken", plugin=hook.plugin, reason=record.plugin.error)
        self._compile()

    async def shutdown(self, core: Core) -> None:
        """Let every plugin close what it opened, the last one first."""
        for hook in self._table["on_shutdown"]:
            await self._calls.ask(hook, core)

    def watched_types(self, exchange: Exchange) -> frozenset[str] | None:
        """The event types that ``chunk`` is to see in this exchange; None: all of them, empty: none."""
        return self._chunks.wanted(exchange)
