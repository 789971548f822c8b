"""The client's view of one thread, read once and then only where it grew."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from ..protocol.body import parse_item, split_items
from ..protocol.items import Item, content_key, is_output, parts_of, text_of, type_of
from ..protocol.pieces import Growing, Pieces
from .model_view import ModelView
from .record import Key

# The message in which Codex hands the summary of a local compaction to the next window (0.29 to 0.169).
SUMMARY_PREFIX = "Another language model started to solve this problem"
_ENVIRONMENT = b"environment_context"
_SPACES = (b" ", b"\t", b"\n", b"\r")
_NEWEST = 16
"""Items at the end that stay parsed once somebody has looked at them: several parties do, in each request."""


class ClientView:
    """The items a client re-sends, in its own bytes, each with the key the ledger knows it by.

    ``grow`` takes the next request's array. Where that begins with what is already here only the new items are read;
    everything else (backtracking, compaction, another window) makes a new view.
    """

    __slots__ = (
        "_borrowed", "_cwd", "_first", "_items", "_looked_at", "_parsed", "_places", "_raw", "_upstream", "boundary",
        "epochs", "has_ids", "judged", "keys", "newest_output", "parsed_items",
    )  # fmt: skip

    def __init__(self) -> None:
        self._raw: bytes | memoryview = b"["
        self._items = Growing()
        self._parsed: dict[int, Item] = {}
        self._places: dict[tuple[str, str], list[int]] = {}
        self._first: dict[str, int] = {}
        self.epochs = [""]
        """The compactions in the view, by the content of their summaries, behind ``""`` for the time before."""
        self.keys: list[Key] = []
        self.boundary = 0
        """Number of items up to and including the last compaction: what hung on them is part of the summary."""
        self.judged = 0
        """Number of items whose tool outputs plugins have seen."""
        self.newest_output = -1
        """The place of the newest tool output, -1 where there is none."""
        self.has_ids = False
        """Whether the client keeps the API's ids of items that it sends again."""
        self.parsed_items = 0
        self._upstream: ModelView | None = None
        self._borrowed = False
        self._cwd: str | None = None
        self._looked_at = 0
        """Number of items that were looked through for a working directory."""

    def copy(self) -> ClientView:
        """What the client says, for another thread; nothing of what was decided or seen in this one.

        This view must not grow any more: the other one has its lists until it grows itself.
        """
        view = ClientView.__new__(ClientView)  # most of what __init__ makes is here already
        view._borrowed = True
        view._raw, view._items = self._raw, self._items
        view._places, view._first = self._places, self._first
        view.epochs, view.keys = self.epochs, self.keys
        view._parsed, view._upstream = {}, None
        view.judged = view.parsed_items = 0
        view.boundary, view.has_ids, view.newest_output = self.boundary, self.has_ids, self.newest_output
        view._cwd, view._looked_at = self._cwd, self._looked_at
        return view

    def _own(self) -> None:
        self._borrowed = False
        self._items = Growing(self._items.first(len(self.keys)))
        self.keys, self.epochs = self.keys.copy(), self.epochs.copy()
        self._places = {place: indexes.copy() for place, indexes in self._places.items()}
        self._first = self._first.copy()

    def __len__(self) -> int:
        return len(self.keys)

    def begins(self, array: bytes | memoryview) -> bool:
        """True where ``array`` begins with this view."""
        end = len(self._raw)
        return bool(self.keys) and bytes(array).startswith(self._raw) and array[end : end + 1] in (b",", b"]")

    def shared(self, other: ClientView) -> int:
        """With how many of the same items the two views begin, byte for byte or not."""
        pairs = enumerate(zip(self.keys, other.keys, strict=False))
        apart = (index for index, (mine, theirs) in pairs if mine.content != theirs.content)
        return next(apart, min(len(self), len(other)))

    def grow(self, array: bytes | memoryview, begins: bytes | memoryview = b"") -> bool:
        """Read the items that ``array`` has beyond this view; False where it does not begin with this view.

        The array is kept. Of one that is known to begin with ``begins``, a view's ``beginning``, that need not be found
        out again.
        """
        end = len(self._raw)
        tail: bytes | memoryview
        if not self.keys:
            tail = array
        elif begins is self._raw or self.begins(array):
            tail = b"[" + array[end + 1 :] if array[end : end + 1] == b"," else b"[]"
        else:
            return False
        # Read as a whole first: a request that is broken in its middle must not leave half of itself here.
        added = [(raw, parse_item(raw)) for raw in split_items(tail)]
        self._parsed.clear()
        if not added:
            return True
        if self._borrowed:
            self._own()
        for raw, item in added:
            self._append(raw, item)
        whole = array if array[-1:] == b"]" else bytes(array).rstrip()
        self._raw = whole[:-1] if whole[-2:-1] not in _SPACES else bytes(whole[:-1]).rstrip()
        return True

    def _append(self, raw: bytes, item: Item) -> None:
        self.parsed_items += 1
        index = len(self.keys)
        key = _key(item, self.epochs[-1])
        places = self._places.setdefault((key.epoch, key.content), [])
        if places:
            key = key.at(len(places))
        places.append(index)
        if key.id is not None:
            self._first.setdefault(key.id, index)
        self._parsed[index] = item
        self._items.add(raw)
        self.keys.append(key)
        # The client's own messages: on a WebSocket the model's stand here as the API said them, whatever of them the
        # client sends again one day (0.29 says `id: null`).
        if "id" in item and type_of(item) == "message" and item.get("role") != "assistant":
            self.has_ids = True
        if is_output(item):
            self.newest_output = index
        if is_summary(item):
            self.epochs.append(key.content)
            self.boundary = len(self.keys)

    def follows(self, index: int, key: Key) -> bool:
        """True where the item of this key stands behind item ``index``, before anything that a user said."""
        for other in self.keys[index + 1 :]:
            if other.content.startswith("msg:user:"):
                return False
            if other.content == key.content and (other.id is None or key.id is None or other.id == key.id):
                return True
        return False

    def count_of(self, epoch: str, content: str, end: int | None = None) -> int:
        """How many items of this content stand in this epoch, among the first ``end``."""
        places = self._places.get((epoch, content), ())
        return len(places) if end is None else bisect_left(places, end)

    def has(self, key: Key, end: int) -> bool:
        """True where one of the first ``end`` items stands at this key's place, or has its id."""
        places = self._places.get((key.epoch, key.content), ())
        if key.ordinal < len(places) and places[key.ordinal] < end:
            return True
        return key.id is not None and self._first.get(key.id, end) < end

    def knows(self, content: str, end: int) -> bool:
        """True where any of the first ``end`` items has this content."""
        return any(self.count_of(epoch, content, end) for epoch in self.epochs)

    @property
    def beginning(self) -> bytes | memoryview:
        """The items as the array that begins with them, without its closing bracket."""
        return self._raw

    @property
    def size(self) -> int:
        """Bytes of the items as the client sent them, and of what the model is sent for them."""
        return len(self._raw) + (0 if self._upstream is None else self._upstream.size)

    @property
    def upstream(self) -> ModelView:
        """The model's view of the first ``len(upstream)`` items, kept by the ledger."""
        if self._upstream is None:
            self._upstream = ModelView()
        return self._upstream

    def raw(self, index: int) -> bytes:
        """One item in the client's bytes."""
        return self._items[index]

    def raws(self, end: int) -> Pieces:
        """The first ``end`` items in the client's bytes."""
        return self._items.first(end)

    def item(self, index: int) -> Item:
        """One item, parsed."""
        item = self._parsed.get(index)
        if item is None:
            item = parse_item(self._items[index])
            if len(self.keys) - index <= _NEWEST:
                self._parsed[index] = item
        return item

    def backwards(self, end: int | None = None) -> Iterator[tuple[int, Item]]:
        """The items from the newest to the oldest, parsed as they are asked for."""
        for index in range((len(self.keys) if end is None else end) - 1, -1, -1):
            yield index, self.item(index)

    @property
    def cwd(self) -> str | None:
        """The working directory in the newest environment context, None where none says it."""
        if self._looked_at < len(self.keys):
            self.look_around()
        return self._cwd

    def look_around(self) -> None:
        """Look through what is new for a working directory; a copy need not do it again."""
        for index in range(len(self.keys) - 1, self._looked_at - 1, -1):
            # Seldom there, and to parse every item of a long conversation takes longer than all else.
            if self._items[index].find(_ENVIRONMENT) >= 0 and (found := _cwd_in(self.item(index))) is not None:
                self._cwd = found
                break
        self._looked_at = len(self.keys)

    def emission(self) -> Emission:
        """Names for the items that the client is about to get and will re-send after these."""
        return Emission(self, len(self))


class Emission:
    """The keys of items on their way to the client: the same ones that its next request will give them."""

    __slots__ = ("_added", "_count", "_epoch", "_view", "last")

    def __init__(self, view: ClientView, count: int) -> None:
        self._view = view
        self._count = count
        self._epoch = view.epochs[-1]
        self._added: dict[str, int] = {}
        self.last: Key | None = view.keys[count - 1] if count else None
        """The key of the newest item the client has; None in an empty view."""

    def add(self, item: Item) -> Key:
        """Name an item that the client is about to get. One that comes back without its id is known by its place."""
        key = _key(item, self._epoch)
        more = self._added.get(key.content, 0)
        self._added[key.content] = more + 1
        key = key.at(self._view.count_of(key.epoch, key.content, self._count) + more)
        self.last = key
        return key


def _cwd_in(item: Item) -> str | None:
    if type_of(item) != "message" or item.get("role") != "user":
        return None
    for part in parts_of(item):
        words = str(part.get("text") or "")
        if words.lstrip().startswith("<environment_context") and "<cwd>" in words:
            return words.partition("<cwd>")[2].partition("</cwd>")[0].strip() or None
    return None


def _key(item: Item, epoch: str) -> Key:
    own = item.get("id")
    return Key(own if isinstance(own, str) and own else None, content_key(item), epoch)


def is_summary(item: Item) -> bool:
    """True for the item that stands for everything a compaction took away."""
    kind = type_of(item)
    if kind in ("compaction", "compaction_summary", "context_compaction"):
        return True
    return kind == "message" and item.get("role") == "user" and text_of(item).startswith(SUMMARY_PREFIX)
