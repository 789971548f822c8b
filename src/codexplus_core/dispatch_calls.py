"""Calling plugins' hooks: each in its own time, with its fault kept where it belongs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Any

from .budget import Budget, Late, Stopwatch
from .dispatch_faults import FAILED, Faults, Hook
from .exchange import Edits, Exchange, current_plugin
from .outcome import Outcome
from .protocol.events import Event


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

    def first(self, hooks: Iterable[Hook], exchange: Exchange, about: Event | Outcome) -> tuple[Hook, Any] | None:
        """The first hook with an answer, and what it gave; None when none has one.

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
                    made = call(exchange, about)
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

    def request(self, hooks: Iterator[Hook], exchange: Exchange) -> tuple[Hook | None, Any, Edits]:
        """The first of ``hooks`` that answers a request or edits it, None when all let it be; what it gave; and the
        edits before that.

        This is ``now`` in a loop, written out, as ``first`` is.
        """
        watch, clock, faults = self.stopwatch, self._clock, self.faults
        before = exchange._edits()
        prompt, model = before[0], before[1]
        outer, token = watch.holder, None
        began = clock()
        if began >= faults.sample_at:
            faults.sample(began)
        try:
            for hook in hooks:
                watched, call = exchange.watched, hook.call
                if call is None:
                    return hook, FAILED, (*before[:3], watched, before[4])
                hook.record.calls += 1
                if token is None:
                    token = current_plugin.set(hook.plugin)
                else:
                    current_plugin.set(hook.plugin)
                watch.since = began
                watch.holder = hook
                try:
                    made = call(exchange)
                except BaseException as error:
                    made = faults.failed(hook, error)
                ended = clock()
                if ended - began >= faults.block_limit:
                    faults.stepped(hook, ended - began)
                began = ended
                added = exchange.added_tools or exchange.attached or exchange.context
                if made is not None or added or exchange.prompt is not prompt or exchange._model is not model:
                    return hook, made, (*before[:3], watched, before[4])
            return None, None, before
        finally:
            watch.holder = outer
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
