"""How long a plugin's own code takes: each step on the event loop, and all of a call that is not core's service."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any

_current: contextvars.ContextVar[Budget | None] = contextvars.ContextVar("codexplus_budget", default=None)


class Late(Exception):
    """The plugin used up its time; ``abandoned`` if it would not even stop when it was cancelled."""

    def __init__(self, *, abandoned: bool) -> None:
        super().__init__()
        self.abandoned = abandoned


class StrayCancellation(Exception):
    """The plugin raised CancelledError though nobody had cancelled it: something that it waited for was."""


class Stopwatch:
    """Whose code holds the event loop right now, and since when; a watchdog in another thread may look."""

    __slots__ = ("clock", "holder", "since")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.holder: object = None
        self.since = 0.0


class Budget:
    """The time of one asynchronous call of a plugin.

    The call's coroutine is driven by hand, one ``send`` at a time: so each step's time on the event loop is known, no
    task is made, and a coroutine that swallows its cancellation can be left behind.
    """

    __slots__ = (
        "_cancelled_before", "_depth", "_inner", "_last_call", "_left", "_own", "_since", "_stepping", "_timeout",
        "abandoned", "grace", "holder", "on_step", "stopwatch",
    )  # fmt: skip

    def __init__(
        self,
        holder: object,
        stopwatch: Stopwatch,
        *,
        limit: float | None,
        grace: float,
        on_step: Callable[[float], None],
    ) -> None:
        """``on_step`` gets the own time of each step; ``limit`` None means that only the steps count."""
        self.holder = holder
        self.stopwatch = stopwatch
        self.grace = grace
        self.on_step = on_step
        self._timeout: asyncio.Timeout | None = None
        self._left = limit
        self._cancelled_before = 0  # what the caller's task counted when this call began
        self._last_call: asyncio.TimerHandle | None = None
        self._depth = 0  # services that somebody of this call waits for; the limit stands still
        self._inner = 0  # those entered in a step of the call itself; the step's clock stands still as well
        self._stepping = False
        self.abandoned = False
        self._own = self._since = 0.0

    async def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """The coroutine's answer; Late when its own time is over, CancelledError when the caller is cancelled."""
        task = asyncio.current_task()
        assert task is not None
        self._cancelled_before = task.cancelling()
        token = _current.set(self)
        try:
            answer = await self._timed(coroutine)
        except asyncio.CancelledError:
            if self._is_cancelled(task):
                raise
            raise StrayCancellation from None
        finally:
            _current.reset(token)
        if self._is_cancelled(task):
            raise asyncio.CancelledError  # the plugin swallowed a cancellation that was meant for its caller
        return answer

    async def _timed(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            waiting = self.step(coroutine.send, None)
        except StopIteration as done:
            return done.value  # most plugins look once and go on: they never pay for a timer
        timeout = self._timeout = asyncio.timeout(None if self._depth else self._left)
        steps = _Steps(self, coroutine, waiting)
        try:
            async with timeout:
                answer = await steps
        except asyncio.CancelledError:
            raise
        except BaseException:
            if timeout.expired():
                raise Late(abandoned=self.abandoned) from None
            raise
        finally:
            self._timeout = None
            self.take_back_the_last_call()
        if timeout.expired():
            raise Late(abandoned=False)
        return answer

    @property
    def is_late(self) -> bool:
        """Whether the limit is over."""
        return self._timeout is not None and self._timeout.expired()

    def _is_cancelled(self, task: asyncio.Task[Any]) -> bool:
        return task.cancelling() > self._cancelled_before

    def look_at_cancellation(self) -> None:
        """Leave the coroutine behind in ``grace`` seconds if it was cancelled and waits for something nevertheless."""
        task = asyncio.current_task()
        assert task is not None
        if not (self.is_late or self._is_cancelled(task)):
            self.take_back_the_last_call()  # it was a timeout of the plugin's own, and the plugin has dealt with it
        elif self._last_call is None:
            self._call_a_last_time(task)

    def _call_a_last_time(self, task: asyncio.Task[Any]) -> None:
        self._last_call = asyncio.get_running_loop().call_later(self.grace, self._abandon, task)

    def take_back_the_last_call(self) -> None:
        """The coroutine has ended, or nobody cancels it any more."""
        if self._last_call is not None:
            self._last_call.cancel()
            self._last_call = None

    def _abandon(self, task: asyncio.Task[Any]) -> None:
        if self._depth and not self.is_late:
            self._call_a_last_time(task)  # a service of ours is still cleaning up, which is not the plugin's fault
            return
        self._last_call = None
        self.abandoned = True
        task.cancel()

    def step(self, advance: Callable[[Any], Any], value: Any) -> Any:
        """Run the coroutine up to where it waits again, and account for the time."""
        watch = self.stopwatch
        outer = watch.holder, watch.since
        self._stepping = True
        self._own = 0.0
        self._start()
        try:
            return advance(value)
        finally:
            self._stop()
            self._stepping = False
            watch.holder, watch.since = outer
            self.on_step(self._own)

    def _start(self) -> None:
        if not self._inner:
            watch = self.stopwatch
            watch.since = self._since = watch.clock()
            watch.holder = self.holder

    def _stop(self) -> None:
        if not self._inner:
            self._own += self.stopwatch.clock() - self._since

    def enter_service(self) -> bool:
        """Stop the clocks; says whether it was done in a step of the call itself, not in a task that it started."""
        own_step = self._stepping
        self._depth += 1
        if self._depth == 1 and self._timeout is not None and not self._timeout.expired():
            when = self._timeout.when()
            self._left = None if when is None else max(0.0, when - asyncio.get_running_loop().time())
            self._timeout.reschedule(None)
        if own_step:
            self._stop()
            self._inner += 1
            self.stopwatch.holder = None
        return own_step

    def leave_service(self, *, own_step: bool) -> None:
        """Let the clocks run on."""
        self._depth -= 1
        if not self._depth and self._left is not None and self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._left)
        if own_step:
            self._inner -= 1
            if self._stepping:
                self._start()


class _Steps(Generator[Any, Any, Any]):
    """Hands what a coroutine waits for to the event loop, and what comes back to the coroutine."""

    __slots__ = ("_budget", "_coroutine", "_waiting")

    def __init__(self, budget: Budget, coroutine: Coroutine[Any, Any, Any], waiting: Any) -> None:
        self._budget = budget
        self._coroutine = coroutine
        self._waiting = [waiting]  # the first step is done, its result not yet handed on

    def __await__(self) -> Generator[Any, Any, Any]:
        return self

    def send(self, value: Any) -> Any:
        if self._waiting:
            return self._waiting.pop()
        waiting = self._budget.step(self._coroutine.send, value)
        if self._budget._last_call is not None:
            self._budget.look_at_cancellation()
        return waiting

    def throw(self, kind: Any, error: Any = None, trace: Any = None) -> Any:
        if self._budget.abandoned:
            self.close()
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()  # our second one; the timer takes back its own
            raise kind if error is None else error
        waiting = self._budget.step(self._coroutine.throw, kind if error is None else error)
        self._budget.look_at_cancellation()
        return waiting

    def close(self) -> None:
        """Leave the coroutine where it is; one that ignores even this is the garbage collector's."""
        self._budget.take_back_the_last_call()
        with contextlib.suppress(Exception, asyncio.CancelledError):
            self._budget.step(lambda _: self._coroutine.close(), None)


class pause:
    """``async with pause():`` around what a core service does: its time is not the calling plugin's.

    Outside a plugin's call it does nothing.
    """

    __slots__ = ("_budget", "_own_step")

    async def __aenter__(self) -> None:
        self._budget = _current.get()
        if self._budget is not None:
            self._own_step = self._budget.enter_service()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._budget is not None:
            self._budget.leave_service(own_step=self._own_step)
