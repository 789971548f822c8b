"""Calls every plugin's hooks in order: requests run up the numbers, events run down."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any

from . import hookspecs
from .budget import Budget, Late, Stopwatch
from .core import Core
from .dispatch_answers import Answers
from .dispatch_chunk import Chunks, FailedClosed
from .dispatch_faults import FAILED, Faults, Hook, Log, Record, stolen_seconds
from .exchange import Exchange, current_plugin
from .loader import HookFunction, Plugins
from .protocol.events import Event

__all__ = ["Dispatcher", "FailedClosed"]

UP = ("on_startup", "on_session", "on_tool_result", "on_request", "on_action", "on_audit")
DOWN = ("on_tool_use", "on_chunk", "on_turn_end", "on_exchange_end", "on_shutdown")
STARTUP_LIMIT_S = 30.0


class Calls:
    """Calls hooks, each in its own time, and keeps every fault with its plugin."""

    def __init__(self, faults: Faults, *, clock: Callable[[], float], limit: float, grace: float) -> None:
        self.faults = faults
        self.stopwatch = Stopwatch(clock)
        self.limit = limit
        self._grace = grace
        self._clock = clock

    async def ask(self, hook: Hook, *arguments: Any, limit: float | None = None) -> Any:
        """The plugin's answer, or FAILED; raises nothing but a cancellation that is the caller's."""
        answer = self.now(hook, *arguments)
        if answer is None or answer is FAILED or not inspect.isawaitable(answer):
            return answer
        return await self.finish(hook, answer, limit=self.limit if limit is None else limit)

    def now(self, hook: Hook, *arguments: Any) -> Any:
        """What calling the hook's function gives: its answer, something to await, or FAILED."""
        call = hook.call
        if call is None:
            return FAILED
        hook.record.calls += 1
        watch = self.stopwatch
        outer = watch.holder
        token = current_plugin.set(hook.plugin)
        began = watch.since = self._clock()
        watch.holder = hook
        if began >= self.faults.sample_at:
            self.faults.sample(began)
        try:
            return call(*arguments)
        except BaseException as error:
            return self.faults.failed(hook, error)
        finally:
            took = self._clock() - began
            watch.holder = outer
            current_plugin.reset(token)
            if took >= self.faults.block_limit:
                self.faults.stepped(hook, took)

    def first(self, hooks: tuple[Hook, ...], exchange: Exchange, event: Event) -> tuple[Hook, Any] | None:
        """The first hook with an answer, and what it gave; None when all of them leave the event as it is.

        This is ``now`` in a loop, written out: hundreds of events per answer come by here.
        """
        watch, clock, faults = self.stopwatch, self._clock, self.faults
        began = clock()
        if began >= faults.sample_at:
            faults.sample(began)
        token = None
        try:
            for hook in hooks:
                call = hook.call
                if call is None:
                    return hook, FAILED
                hook.record.calls += 1
                if token is None:
                    token = current_plugin.set(hook.plugin)
                else:
                    current_plugin.set(hook.plugin)
                watch.since = began
                watch.holder = hook
                try:
                    made = call(exchange, event)
                except BaseException as error:
                    made = faults.failed(hook, error)
                ended = clock()
                if ended - began >= faults.block_limit:
                    faults.stepped(hook, ended - began)
                if made is not None and (made is not FAILED or hook.closed):
                    return hook, made
                began = ended
            return None
        finally:
            watch.holder = None
            if token is not None:
                current_plugin.reset(token)

    async def finish(self, hook: Hook, awaitable: Awaitable[Any], *, limit: float | None) -> Any:
        """What the awaitable of a hook gives, within the limit (None: without one), or FAILED."""
        coroutine = awaitable if inspect.iscoroutine(awaitable) else _awaiting(awaitable)
        token = current_plugin.set(hook.plugin)
        on_step = partial(self.faults.stepped, hook)
        budget = Budget(hook, self.stopwatch, limit=limit, grace=self._grace, on_step=on_step)
        try:
            return await budget.run(coroutine)
        except asyncio.CancelledError:
            raise  # Budget lets out only those that were meant for the caller
        except Late as late:
            return self.faults.late(hook, limit, abandoned=late.abandoned)
        except BaseException as error:
            return self.faults.failed(hook, error)
        finally:
            current_plugin.reset(token)


async def _awaiting(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


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
