"""Transcripts as the proxy writes them and as plugins get them: ``core.transcripts``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import Config, Settings
from ..files import save_new
from ..paths import write_atomic
from ..problem import Problem
from ..redact import Redactor
from .account import Account
from .appending import Appending
from .export import Format, as_json, as_markdown, read_lines
from .files import Folder
from .line import Scribe
from .naming import stem_of
from .retention import EXPORTS, sweep
from .views import Mark, News, Views
from .writer import Writer

KEEP_DAYS = 30
MAX_MEGABYTES = 512
SWEEP_S = 3600.0
"""Seconds between two looks at what may go."""
SWEEP_BYTES = 16 << 20
"""Bytes after which it is looked at earlier."""

Report = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Whether transcripts are kept, for how many days, and how many megabytes all of them may take."""

    enabled: bool = True
    keep_days: int = KEEP_DAYS
    max_megabytes: int = MAX_MEGABYTES


def limits_of(settings: Settings) -> Limits:
    """The limits that settings set."""
    return Limits(
        settings.get("transcripts.enabled", True) is True,
        int(settings.get("transcripts.keepDays", KEEP_DAYS)),
        int(settings.get("transcripts.maxMegabytes", MAX_MEGABYTES)),
    )


class Transcripts:
    """Keeps transcripts in ``home/sessions``: a file a session, a line an exchange, without secrets.

    ``keep`` never waits and never raises: a thread writes what has gathered in ``GATHER_S``, or until ``SETTLE_S``
    after something was written; then it brings all that it wrote to the disk. After ``flush`` what was kept before is
    on the disk, and survives a kill as well as a power cut. Trouble is reported through ``report(event, fields)`` and
    stands in ``trouble``.
    """

    def __init__(
        self,
        home: Path,
        *,
        config: Config,
        redactor: Redactor | None = None,
        report: Report = lambda _event, _fields: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = Folder(home / "sessions")
        self.trouble = ""
        self._config = config
        self._limits = (-1, Limits())
        self._report = report
        self._clock = clock
        self._redactor = redactor if redactor is not None else Redactor()
        self._scribe = Scribe(self._redactor)
        self._views = Views()
        self._appending = Appending(self.folder.path)
        self._writer = Writer(self._work, settle=self._settle, name="codexplus-transcripts")
        self._lost = 0
        self._failing = False
        self._doubted = False
        self._swept_at: float | None = None
        self._unswept = 0

    @property
    def limits(self) -> Limits:
        """The limits in force; a change of the settings counts at once."""
        settings = self._config.user
        if self._limits[0] != settings.generation:
            self._limits = (settings.generation, limits_of(settings))
        return self._limits[1]

    @property
    def on(self) -> bool:
        """Whether exchanges are to be written down."""
        return self.limits.enabled

    def get_ready(self) -> None:
        """Load what the first line, and every stream with it, would wait for; in any thread, for it takes 10 ms."""
        self._redactor.text("any text at all")

    # -- writing

    def keep(self, account: Account) -> None:
        """Have an exchange written down, soon; where too much waits already, it is only counted."""
        if not self._writer.put(account):
            self._lost += 1
            self._trouble("too much waits to be written", lost=self._lost)

    async def flush(self) -> None:
        """Wait until everything that was kept so far is on the disk, or reported."""
        await asyncio.wrap_future(self._writer.flush())

    def close(self) -> None:
        """Write what waits, and end."""
        if not self._writer.close():
            self._trouble("what waited could not be written in time")

    def _work(self, accounts: list[Account]) -> None:
        try:
            self._write(accounts)
        except BaseException as error:
            self._trouble(f"a fault of codex-plus ({type(error).__name__})", lost=len(accounts))
            raise

    def _write(self, accounts: list[Account]) -> None:
        by_stem: dict[str, list[Account]] = {}
        for account in accounts:
            by_stem.setdefault(stem_of(account.file_of), []).append(account)
        most = self._limits[1].max_megabytes * 1_000_000
        for stem, group in by_stem.items():
            if self._appending.full:
                self._settle()
            data = b"".join([self._line(stem, each) for each in group])
            try:
                self._unswept += self._appending.append(stem, data, most=most)
            except (OSError, Problem) as error:
                for each in group:
                    self._views.forget(each.thread)
                self._failing = True
                self._trouble(_why(error), lost=len(group))
        self._sweep(most)

    def _settle(self) -> None:
        """Bring what was written to the disk; nothing but ``flush`` waits for that."""
        failed, self._failing = self._failing, False
        try:
            committed = self._appending.commit()
        except OSError as error:
            # Which lines are lost is not known, so the next one of each thread holds everything.
            self._views, self._doubted = Views(), True
            self._trouble(_why(error))
        else:
            if committed and not failed:
                self._recovered()

    def _line(self, stem: str, account: Account) -> bytes:
        try:
            news = None if account.sent is None else self._news(stem, account, account.sent)
            return self._scribe.line(account, news)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            self._views.forget(account.thread)
            return self._scribe.unwritable(account, error)

    def _news(self, stem: str, account: Account, sent: Sequence[bytes]) -> News:
        if not account.thread:
            # In a session's own file every line stands by itself: the one that it goes on from may be in another.
            return (Views() if account.session else self._views).unnamed(sent)
        return self._views.news(account.thread, sent, lambda: self._marked(stem, account.thread))

    def _marked(self, stem: str, thread: str) -> Mark | None:
        """Where an earlier process left a thread's view; None where what it left may not be there any more."""
        if self._doubted:
            return None
        wanted = self._scribe.text(thread)
        for entry in reversed(read_lines(self.folder.tail(stem))[0]):
            if entry.get("thread") == wanted and isinstance(entry.get("model"), dict):
                mark = entry["model"].get("view")
                if isinstance(mark, list) and [type(part) for part in mark] == [int, str, str]:
                    return mark[0], mark[1], mark[2]
        return None

    def _sweep(self, most: int) -> None:
        now = self._clock()
        if self._swept_at is not None and now - self._swept_at < SWEEP_S and self._unswept < SWEEP_BYTES:
            return
        self._swept_at, self._unswept = now, 0
        before = now - self._limits[1].keep_days * 86400.0
        sweep(self.folder.path, before=before, most=most, keep=self._appending.stems)

    def _trouble(self, why: str, *, lost: int = 0) -> None:
        trouble = f"{self.folder.path}: {why}; make room, or make it writable"
        if trouble != self.trouble:
            self.trouble = trouble
            self._report("transcript_unusable", {"path": str(self.folder.path), "error": why, "lost": lost})

    def _recovered(self) -> None:
        if self.trouble:
            self.trouble = ""
            self._report("transcript_recovered", {"path": str(self.folder.path)})

    # -- reading

    async def export(self, session_id: str, format: Format = "json") -> str:
        """A session's transcript as one document, ``"json"`` or ``"markdown"``. Raises Problem where there is none."""
        await self.flush()
        return await asyncio.to_thread(export_session, self.folder, session_id, format)

    async def save(self, session_id: str, name: str = "", format: Format = "json") -> Path:
        """Write an export into the folder of the transcripts, and return its path. Raises Problem.

        Without a name it is ``{session_id}.json`` (or ``.md``), which is replaced and goes with its transcript. A name
        of the user's is a new file below that folder; nothing is overwritten.
        """
        data = (await self.export(session_id, format)).encode()
        if name:
            return await asyncio.to_thread(save_new, self.folder.path, name, data)
        path = self.folder.path / f"{stem_of(session_id)}{EXPORTS[format == 'markdown']}"
        await asyncio.to_thread(write_atomic, path, data)
        return path


def _why(error: OSError | Problem) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def export_session(folder: Folder, session_id: str, format: Format = "json") -> str:
    """A session's transcript as one document, from what is on the disk. Raises Problem where there is none."""
    try:
        data = folder.whole(stem_of(session_id))
    except FileNotFoundError:
        advice = "there is one when its first exchange is over, if transcripts.enabled is true"
        raise Problem(f"{folder.path}: no transcript of session {session_id!r}; {advice}") from None
    except OSError as error:
        why = f"cannot be read ({error.strerror}); make it readable for you"
        raise Problem(f"{folder.path}: the transcript of session {session_id!r} {why}") from None
    make: dict[str, Callable[[str, bytes], str]] = {"json": as_json, "markdown": as_markdown}
    return make[format](session_id, data)


def total_bytes(paths: Iterable[Path]) -> int:
    """How many bytes files take; what is gone meanwhile takes none."""
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
