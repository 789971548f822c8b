"""The threads this proxy has seen: their Session objects and their ledgers, kept while they are in use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from ..conversation.ledger import Ledger
from ..conversation.reading import Reading
from ..conversation.record import LedgerStore, MemoryStore
from ..conversation.speaker import Speaker
from ..conversation.unnamed import UnnamedViews
from ..conversation.view import ClientView
from ..exchange import Phase, Session
from ..protocol.items import content_key, message

KEEP_THREADS = 1024
VIEW_BYTES = 64 * 1024 * 1024
"""Bytes of conversation that are kept in memory to read only what is new of a request."""
TRIM_EVERY = 32
"""Requests between two looks at what all threads hold; looking costs more than a request may."""
DIRECTORIES = 256
"""Working directories of which one object each is kept."""
IDLE_S = 3600.0
"""Seconds without a request after which a session counts as ended."""


class Thread:
    """One thread: its Session for plugins and its ledger."""

    __slots__ = ("began", "ledger", "session", "touched")

    def __init__(self, session: Session, ledger: Ledger, touched: float) -> None:
        self.session = session
        self.ledger = ledger
        self.touched = touched
        self.began = False


class Sessions:
    """Threads by id, the least recently used forgotten first; what was decided stays in the store."""

    def __init__(self, store: LedgerStore, clock: Callable[[], float], *, keep: int = KEEP_THREADS) -> None:
        self._store = store
        self._clock = clock
        self._keep = keep
        self._untrimmed = 0
        self._unnamed = UnnamedViews()
        self._threads: OrderedDict[str, Thread] = OrderedDict()
        self._forgotten: list[Thread] = []
        self._directories: dict[str, Path] = {}

    def __len__(self) -> int:
        return len(self._threads)

    @property
    def any_edited(self) -> bool:
        """True where any thread has edits."""
        return self._store.any_edited

    def edited(self, speaker: Speaker) -> bool:
        """True where the thread, or the one it came from, has edits in the ledger."""
        if not speaker.thread and speaker.origin == "compaction":
            return any(thread.ledger.edited for thread in self._threads.values())
        return self._store.edited(speaker.thread) or (speaker.parent is not None and self._store.edited(speaker.parent))

    def beginnings(self, speaker: Speaker) -> list[bytes | memoryview]:
        """Beginnings of ``input`` arrays that were read before, of which this speaker's may have one."""
        if not speaker.thread:
            return self._unnamed.beginnings
        thread = self._threads.get(speaker.thread)
        return [] if thread is None else [thread.ledger.beginning]

    def thread(self, speaker: Speaker, array: bytes = b"") -> Thread:
        """The thread of a speaker; clients that name none get a new one each time.

        Codex 0.98 names none when it asks for a compaction: there ``array``, its items, tell the thread.
        """
        if not speaker.thread:
            return self._going_on(array) or self._new(speaker) if speaker.origin == "compaction" else self._new(speaker)
        thread = self._threads.get(speaker.thread)
        if thread is None:
            # A title's thread begins with nothing of the other one's.
            if speaker.parent is not None and speaker.origin != "title":
                self._store.inherit(speaker.thread, speaker.parent)
            thread = self._threads[speaker.thread] = self._new(speaker)
            if len(self._threads) > self._keep:
                _, oldest = self._threads.popitem(last=False)
                if oldest.began:
                    self._forgotten.append(oldest)
        else:
            self._threads.move_to_end(speaker.thread)
            thread.touched = self._clock()
        return thread

    def _going_on(self, array: bytes) -> Thread | None:
        view = ClientView()
        view.grow(array)
        found = max(reversed(self._threads.values()), key=lambda thread: thread.ledger.shared(view), default=None)
        return found if found is not None and found.ledger.shared(view) else None

    def withheld(self, speaker: Speaker, prompt: str) -> bool:
        """True where the speaker's parent thread kept this prompt from the model."""
        if speaker.parent is None or not self._store.known(speaker.parent):
            return False
        parent = self._threads.get(speaker.parent)
        ledger = parent.ledger if parent is not None else Ledger(speaker.parent, self._store)
        return ledger.withheld(content_key(message("user", prompt)))

    def _new(self, speaker: Speaker) -> Thread:
        session = Session(
            speaker.session, speaker.thread, codex_version=speaker.version, parent_thread_id=speaker.parent
        )
        named = bool(speaker.thread)
        ledger = Ledger(
            speaker.thread, self._store if named else MemoryStore(), unnamed=None if named else self._unnamed
        )
        return Thread(session, ledger, self._clock())

    def trim(self) -> None:
        """Let go of the oldest threads' views when all of them hold too many bytes; they are read again when needed."""
        self._untrimmed += 1
        if self._untrimmed < TRIM_EVERY:
            return
        self._untrimmed = 0
        total = 0
        for thread in reversed(self._threads.values()):
            total += thread.ledger.size
            if total > VIEW_BYTES:
                thread.ledger.release()

    def phase(self, thread: Thread, reading: Reading) -> Phase | None:
        """What this request begins for plugins: None for all but a root thread's first request and compactions."""
        self._locate(thread, reading)
        if reading.origin == "compaction":
            return "compact"
        if thread.began or reading.origin not in ("user", "tool") or not thread.session.thread_id:
            return None
        thread.began = True
        # A fork is a new thread with a history; any other history without us is a thread that was begun before.
        began = reading.speaker.began
        known = began == "cold_resume" or (began != "cold_fork" and reading.has_history())
        return "resume" if known else "start"

    def _locate(self, thread: Thread, reading: Reading) -> None:
        known = thread.session.cwd is not None
        where = reading.view.cwd or (None if known else reading.speaker.workspace)
        if where:
            thread.session.cwd = self._directory(where)

    def _directory(self, name: str) -> Path:
        # One object for each: paths are keys everywhere, and to compare two takes longer than all else of a look-up.
        path = self._directories.get(name)
        if path is None:
            path = self._directories[name] = Path(name)
            if len(self._directories) > DIRECTORIES:
                self._directories.pop(next(iter(self._directories)))
        return path

    def ended(self, *, all: bool = False) -> list[Session]:
        """The sessions that have ended since the last call: idle ones, or every one when the proxy stops."""
        limit = self._clock() - IDLE_S
        over = [thread for thread in self._threads.values() if thread.began and (all or thread.touched < limit)]
        for thread in over:
            thread.began = False
        gone, self._forgotten = self._forgotten, []
        return [thread.session for thread in (*gone, *over)]
