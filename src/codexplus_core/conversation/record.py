"""What the ledger remembers of one item: where it stands, and what the model is sent in its place and after it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

Kind = Literal["prompt", "answer", "local", "refused", "reply", "call", "output", "anchor"]


class Key(msgspec.Struct, frozen=True):
    """Which item of a client's view is meant.

    ``id`` is the item's own id where the client keeps ids (0.169). Otherwise the item is the ``ordinal``-th with this
    ``content`` since the compaction ``epoch`` (``""`` before the first), so that two identical prompts stay two.
    """

    id: str | None
    content: str
    epoch: str = ""
    ordinal: int = 0

    def at(self, ordinal: int) -> Key:
        """The same item at another place."""
        return Key(self.id, self.content, self.epoch, ordinal)

    def means(self, other: Key) -> bool:
        """True where both mean one item of one thread."""
        if self.id is not None and other.id is not None:
            return (self.id, self.content) == (other.id, other.content)
        return self == other


class Segment(msgspec.Struct, frozen=True):
    """Items that the model gets behind another one, as long as the client has not the item ``until`` (None: always).

    With ``until`` it is all that an answer held before it broke off, for clients that then drop their share of it.
    """

    items: tuple[msgspec.Raw, ...]
    until: Key | None = None


class Record(msgspec.Struct, frozen=True):
    """One item's edits and decisions.

    ``kind`` says what was decided: ``prompt`` (a human's prompt that goes to the model), ``answer`` (a human's answer
    to a question of ours, in whose place the prompt goes up that it was about), ``local`` (answered here),
    ``refused``, ``reply`` (our answer to a local prompt), ``call`` (shown changed to the client), ``output`` (a tool's
    output that was judged), ``anchor`` (only something after it). ``replace`` is what the model gets for the item: None
    the item itself, an empty tuple nothing. ``context`` and ``after`` follow it: injected text, hidden rounds.
    ``reply`` is the text of a local answer, for a client that asks again, None until it is complete. ``model``
    holds for the rest of the turn. ``done`` is set when the client has the whole answer.
    """

    key: Key
    kind: Kind
    turn: str = ""
    replace: tuple[msgspec.Raw, ...] | None = None
    context: tuple[msgspec.Raw, ...] = ()
    after: tuple[Segment, ...] = ()
    reply: str | None = None
    model: str | None = None
    done: bool = False

    @property
    def edits(self) -> bool:
        """True where the model's view differs from the client's because of this record."""
        return self.replace is not None or bool(self.context) or bool(self.after)


class LedgerStore(Protocol):
    """Where records live. Implementations raise nothing: a store that cannot write says so to its owner and goes on."""

    def load(self, thread: str) -> list[Record]:
        """A thread's records, oldest first."""
        ...

    def save(self, thread: str, record: Record) -> None:
        """Keep a record; one with the same key is replaced."""
        ...

    def inherit(self, thread: str, parent: str) -> None:
        """Give a fork its parent's records, once, if it has none of its own."""
        ...

    def known(self, thread: str) -> bool:
        """True where the thread has records."""
        ...

    def edited(self, thread: str) -> bool:
        """True where a record of the thread is an edit; quick, asked for every request."""
        ...

    @property
    def any_edited(self) -> bool:
        """True where any thread has edits."""
        ...


class MemoryStore:
    """A ledger store that forgets when the process ends; for tests and for a state directory that cannot be written."""

    def __init__(self) -> None:
        self._threads: dict[str, dict[Key, Record]] = {}

    def load(self, thread: str) -> list[Record]:
        """A thread's records, oldest first."""
        return list(self._threads.get(thread, {}).values())

    def save(self, thread: str, record: Record) -> None:
        """Keep a record."""
        self._threads.setdefault(thread, {})[record.key] = record

    def drop(self, thread: str, key: Key) -> None:
        """Forget a record."""
        self._threads.get(thread, {}).pop(key, None)

    def inherit(self, thread: str, parent: str) -> None:
        """Copy the parent's records to a thread that has none."""
        if parent in self._threads and thread not in self._threads:
            self._threads[thread] = dict(self._threads[parent])

    def known(self, thread: str) -> bool:
        """True where the thread has records."""
        return thread in self._threads

    def edited(self, thread: str) -> bool:
        """True where a record of the thread is an edit."""
        return any(record.edits for record in self.load(thread))

    @property
    def any_edited(self) -> bool:
        """True where any thread has edits."""
        return any(self.edited(thread) for thread in self._threads)

    def threads(self) -> list[str]:
        """The threads that have records."""
        return list(self._threads)


def raws(items: Iterable[bytes]) -> tuple[msgspec.Raw, ...]:
    """Items as they are kept in a record."""
    return tuple(msgspec.Raw(item) for item in items)
