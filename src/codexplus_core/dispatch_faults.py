"""What plugins do wrong: counted, reported once, and three times blocking is once too often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from .loader import HookFunction, Plugin

FAILED: Final = object()
"""The answer of a plugin that raised, came too late or answered nonsense."""

STRIKES = 3
FORGET_AFTER_S = 3600.0  # three hiccups in a month are the machine's, three in an hour are the plugin's
SAMPLE_EVERY_S = 1.0
RECENT_CALLS = 20
UNTIMED = frozenset({"on_startup", "on_shutdown"})  # nothing is served then: importing a big library is no offence


class Log(Protocol):
    """What the dispatcher needs of a log: events with fields."""

    def warning(self, event: str, **fields: Any) -> Any:
        """Write one event."""
        ...


@dataclass(slots=True)
class Record:
    """What is known of one plugin's behaviour since the start."""

    plugin: Plugin
    calls: int = 0
    errors: int = 0
    late: int = 0
    blocked: int = 0
    last_error: str = ""
    failed_at_call: int = 0
    strikes: list[float] = field(default_factory=list)
    out: str = ""
    """Why the plugin is no longer called; ``""`` while it is."""
    withdrawn: frozenset[str] = frozenset()
    """Hooks that the plugin does not want to be called for now."""
    holds: bool = True
    """Whether there is anything that a FAIL_CLOSED plugin must not be skipped for now."""

    @property
    def closed(self) -> bool:
        """Whether the plugin's failure refuses."""
        return self.plugin.fail_closed and self.holds

    @property
    def state(self) -> str:
        """``forbidden`` (by the administrator: not loaded), ``broken`` (did not load or start), ``disabled`` (blocked
        the loop), ``failing`` (lately) or ``ok``.
        """
        if self.plugin.forbidden:
            return "forbidden"
        if self.plugin.error is not None:
            return "broken"
        if self.out:
            return "disabled"
        return "failing" if self.failed_at_call and self.calls - self.failed_at_call < RECENT_CALLS else "ok"


class Hook:
    """One plugin's implementation of one hook, ready to be called with all arguments of the hook in their order."""

    __slots__ = ("call", "home", "name", "plugin", "record")

    def __init__(self, record: Record, name: str, function: HookFunction | None, arguments: tuple[str, ...]) -> None:
        self.record = record
        self.name = name
        self.plugin = record.plugin.name
        self.call = None if function is None else _adapt(function, arguments)
        """None for a plugin that may not vanish: it refuses in the place of what cannot be called."""
        code = None if function is None else getattr(function.function, "__code__", None)
        self.home = None if code is None else Path(code.co_filename).parent

    @property
    def closed(self) -> bool:
        """Whether its failure refuses; a plugin may have said so in the very call that failed."""
        return self.record.closed


def _adapt(function: HookFunction, arguments: tuple[str, ...]) -> Callable[..., Any]:
    wanted = tuple(arguments.index(name) for name in function.arguments)
    call = function.function
    if wanted == tuple(range(len(arguments))):
        return call
    if not wanted:
        return lambda *_: call()
    if len(arguments) == 2 and len(wanted) == 1:  # on_chunk(event) is worth its own line
        return (lambda first, _: call(first)) if wanted[0] == 0 else (lambda _, second: call(second))
    return lambda *given: call(*[given[index] for index in wanted])


class Faults:
    """The book of all plugins' faults."""

    def __init__(
        self,
        *,
        log: Log,
        clock: Callable[[], float],
        block_limit: float,
        stolen: Callable[[], float],
        on_three_strikes: Callable[[Record], None],
    ) -> None:
        self.log = log
        self.block_limit = block_limit
        self.sample_at = float("-inf")
        self._clock = clock
        self._stolen = stolen
        self._stolen_before = 0.0
        self._on_three_strikes = on_three_strikes
        self._reported: set[tuple[str, ...]] = set()

    def failed(self, hook: Hook, error: BaseException) -> object:
        """Count and report what a plugin raised; raises it again where it is no plugin's business."""
        if isinstance(error, KeyboardInterrupt | GeneratorExit):
            raise error
        kind, where = type(error).__name__, _where(hook, error)
        hook.record.errors += 1
        self._note(hook, f"{kind} at {where}")
        self._report("plugin_failed", hook, kind, where, error=kind, where=where)
        return FAILED

    def wrong_answer(self, hook: Hook, answer: object, expected: str) -> object:
        """Count and report an answer of a type that the hook does not have."""
        returned = type(answer).__name__
        hook.record.errors += 1
        self._note(hook, f"returned {returned}, expected {expected}")
        self._report("plugin_answered_wrongly", hook, returned, returned=returned, expected=expected)
        return FAILED

    def late(self, hook: Hook, limit: float | None, *, abandoned: bool) -> object:
        """Count and report that a plugin used up its time."""
        hook.record.late += 1
        self._note(hook, f"took more than {limit:g} s" + (" and ignored its cancellation" if abandoned else ""))
        self._report("plugin_late", hook, str(abandoned), limit_s=limit, abandoned=abandoned)
        return FAILED

    def _note(self, hook: Hook, what: str) -> None:
        hook.record.last_error = f"{hook.name}: {what}"
        hook.record.failed_at_call = max(1, hook.record.calls)

    def _report(self, event: str, hook: Hook, *key: str, **fields: Any) -> None:
        identity = (event, hook.plugin, hook.name, *key)
        if identity not in self._reported:
            self._reported.add(identity)
            then = "refuses" if hook.closed else "is skipped"
            self.log.warning(event, plugin=hook.plugin, hook=hook.name, then=then, **fields)

    def stepped(self, hook: Hook, took: float) -> None:
        """Look at the time that one step of a plugin held the event loop."""
        if took >= self.block_limit:
            self._blocked(hook, took)

    def sample(self, now: float) -> None:
        """Remember how long this thread has waited for a processor so far."""
        self.sample_at = now + SAMPLE_EVERY_S
        self._stolen_before = self._stolen()

    def _blocked(self, hook: Hook, took: float) -> None:
        # Wall time is what the other exchanges lose, and the only measure that sees a sleep or a blocking socket: CPU
        # time would miss both. What the thread was ready to run and did not get (other processes, a throttled
        # container) is taken off again, all of it since the step began and a little more. Collecting garbage stays far
        # below the limit.
        own = took - max(0.0, self._stolen() - self._stolen_before)
        if own < self.block_limit or hook.name in UNTIMED:
            return
        record, now = hook.record, self._clock()
        record.blocked += 1
        self._note(hook, f"blocked the event loop for {own:.1f} s")
        record.strikes = [*(strike for strike in record.strikes if now - strike < FORGET_AFTER_S), now]
        self.log.warning("plugin_blocked", plugin=hook.plugin, hook=hook.name, seconds=round(own, 3))
        if len(record.strikes) >= STRIKES and not record.out:
            self._on_three_strikes(record)


def _where(hook: Hook, error: BaseException) -> str:
    """File and line, as deep as the traceback goes in the plugin's own package."""
    trace, own, deepest = error.__traceback__, "", ""
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        deepest = f"{path.name}:{trace.tb_lineno}"
        if hook.home is not None and path.is_relative_to(hook.home):
            own = deepest
        trace = trace.tb_next
    return own or deepest or "unknown"


def stolen_seconds() -> float:
    """How long this thread was ready to run and had no processor; 0.0 where the system does not tell."""
    try:
        fields = Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()
        return int(fields[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
