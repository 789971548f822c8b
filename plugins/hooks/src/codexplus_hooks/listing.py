"""Every hook of a project with what people want to know of it: file and key, trust, how it fared last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from codexplus_core import Core, Problem, Session, counted

from .hook import EVENTS, POST_OUTPUT, PRE_INPUT, Hook
from .hook_set import HookSet
from .running import LastRun
from .switched import is_off, switched_off
from .trust import Trust

_DIGITS = 8
_FEWEST_DIGITS = 4
_ORDER = (*EVENTS, PRE_INPUT, POST_OUTPUT)

Last = Callable[[Hook], LastRun | None]


@dataclass(frozen=True, slots=True)
class HookRow:
    """One hook. ``id`` names it in commands, ``digest`` is the whole of it.

    ``trust`` is ``trusted``, ``allowed``, ``allowed in this session``, ``asks`` (it does not run before the user says
    yes), ``switched off``, ``signed`` (it comes from a signed pack) or ``refused: not signed``.
    ``key`` is its place in ``file``. ``runs`` and the rest are None where it did not run since the proxy started, and
    where no proxy could be asked; ``last_run`` is a time in UTC, ``seconds`` how long that run took.
    """

    id: str
    event: str
    matcher: str
    command: str
    shape: str
    scope: str
    file: str
    line: int | None
    key: str
    trust: str
    timeout: float | None
    permissions: tuple[str, ...] | None
    digest: str
    runs: int | None = None
    last_run: str | None = None
    seconds: float | None = None
    result: str | None = None

    @property
    def last_words(self) -> str:
        """The last run for people, ``""`` where none is known: how often it ran, when by the clock here, how long."""
        if self.last_run is None:
            return ""
        at = datetime.fromisoformat(self.last_run).astimezone()
        return f"{counted(self.runs or 0, 'run')}, last {at:%Y-%m-%d %H:%M}, {1000 * (self.seconds or 0):.0f} ms"

    def ran(self, run: LastRun | None) -> HookRow:
        """The row with what is known of its last run."""
        if run is None:
            return self
        at = datetime.fromtimestamp(run.at, UTC).isoformat(timespec="seconds")
        return replace(self, runs=run.count, last_run=at, seconds=round(run.seconds, 4), result=run.result)


@dataclass(frozen=True, slots=True)
class Listing:
    """The hooks of a project, what switches them all off (``""``: nothing), and what is to be corrected."""

    rows: tuple[HookRow, ...]
    disabled: str
    warnings: tuple[str, ...]


async def listing_of(core: Core, trust: Trust, found: HookSet, last: Last, session: Session | None = None) -> Listing:
    """The hooks of a project, by event."""
    off = switched_off(core.config.for_project(found.project))
    hooks = sorted(found.hooks, key=lambda hook: _ORDER.index(hook.event))
    rows = [row_of(hook, await _trust(hook, found, trust, off, session)).ran(last(hook)) for hook in hooks]
    return Listing(tuple(rows), found.disabled, found.warnings)


def row_of(hook: Hook, trust: str) -> HookRow:
    """A hook's row without its last run."""
    return HookRow(
        hook.digest[:_DIGITS], hook.event, hook.matcher, hook.command, hook.shape, hook.scope,
        "command line" if hook.source is None else str(hook.source), hook.line, hook.place, trust, hook.timeout,
        hook.permissions, hook.digest,
    )  # fmt: skip


def named(found: HookSet, id: str, file: Path | None = None) -> Hook:
    """The hook that an id (the beginning of one) or a key names. Raises Problem for none, and for several."""
    wanted = id.strip()
    by_id = len(wanted) >= _FEWEST_DIGITS and all(sign in "0123456789abcdef" for sign in wanted)
    hooks = [hook for hook in found.hooks if hook.place == wanted or (by_id and hook.digest.startswith(wanted))]
    if file is not None:
        hooks = [hook for hook in hooks if hook.source is not None and hook.source.resolve() == file.resolve()]
    if not hooks:
        raise Problem(f"{wanted[:80]}: names no hook here; hooks list shows each with its id")
    if len(hooks) > 1:
        places = "; ".join(f"{hook.place} in {hook.origin}" for hook in hooks)
        raise Problem(f"{wanted}: means several hooks ({places}); name the key, and --file where that does not do")
    return hooks[0]


def last_of(rows: Mapping[str, Mapping[str, Any]]) -> Last:
    """How hooks fared, out of what a proxy told by their digests."""

    def last(hook: Hook) -> LastRun | None:
        row = rows.get(hook.digest)
        try:
            return None if row is None else LastRun(
                int(row["count"]), float(row["at"]), float(row["seconds"]), str(row["result"])
            )  # fmt: skip
        except (KeyError, TypeError, ValueError):
            return None

    return last


async def _trust(hook: Hook, found: HookSet, trust: Trust, off: tuple[str, ...], session: Session | None) -> str:
    if found.signed.refuses(hook):
        return "refused: not signed"
    if hook.pack is not None and not is_off(hook, off):
        return "signed"
    return "switched off" if is_off(hook, off) else await trust.state(hook, found, session)
