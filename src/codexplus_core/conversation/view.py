"""The client's view of one thread, read once and then only where it grew."""

from __future__ import annotations

from collections.abc import Iterator

from ..protocol.body import parse_item, split_items
from ..protocol.items import Item, content_key, text_of, type_of
from .record import Key

# The message in which Codex hands the summary of a local compaction to the next window (0.29 to 0.169).
SUMMARY_PREFIX = "Another language model started to solve this problem"


class ClientView:
    """The items a client re-sends, in its own bytes, each with the key the ledger knows it by.

    ``grow`` takes the next request's array. Where that begins with what is already here only the new items are read;
    everything else (backtracking, compaction, another window) makes a new view.
    """

    __slots__ = (
        "_counts", "_epoch", "_items", "_raw", "boundary", "fresh", "has_ids", "judged", "keys", "parsed_items",
        "upstream",
    )  # fmt: skip

    def __init__(self) -> None:
        self._raw = b"["
        self._items: list[bytes] = []
        self._counts: dict[tuple[str, str], int] = {}
        self._epoch = ""
        self.keys: list[Key] = []
        self.boundary = 0
        """Number of items up to and including the last compaction: what hung on them is part of the summary."""
        self.fresh = 0
        """Index of the first item that the newest request added."""
        self.judged = 0
        """Number of items whose tool outputs plugins have seen."""
        self.has_ids = False
        self.parsed_items = 0
        self.upstream: list[bytes] = []
        """The model's view of the first ``len(upstream)`` items, kept by the ledger: bytes to join, per item."""

    def __len__(self) -> int:
        return len(self.keys)

    def begins(self, array: bytes) -> bool:
        """True where ``array`` begins with this view."""
        end = len(self._raw)
        return bool(self._items) and array.startswith(self._raw) and array[end : end + 1] in (b",", b"]")

    def shared(self, other: ClientView) -> int:
        """With how many of the same items the two views begin, byte for byte or not."""
        pairs = enumerate(zip(self.keys, other.keys, strict=False))
        apart = (index for index, (mine, theirs) in pairs if mine.content != theirs.content)
        return next(apart, min(len(self), len(other)))

    def grow(self, array: bytes) -> bool:
        """Read the items that ``array`` has beyond this view; False where it does not begin with this view."""
        known = self._raw
        if len(self._items) == 0:
            tail = array
        elif self.begins(array):
            tail = b"[" + array[len(known) + 1 :] if array[len(known) : len(known) + 1] == b"," else b"[]"
        else:
            return False
        # Read as a whole first: a request that is broken in its middle must not leave half of itself here.
        added = [(raw, parse_item(raw)) for raw in split_items(tail)]
        self.fresh = len(self._items)
        for raw, item in added:
            self._append(raw, item)
        end = array.rstrip()
        self._raw = end[:-1].rstrip() if self._items else b"["
        return True

    def _append(self, raw: bytes, item: Item) -> None:
        self.parsed_items += 1
        key = self._key(item, self._epoch, self._counts)
        self._items.append(raw)
        self.keys.append(key)
        if isinstance(item.get("id"), str) and type_of(item) == "message":
            self.has_ids = True
        if is_summary(item):
            self._epoch = key.content
            self.boundary = len(self._items)

    @staticmethod
    def _key(item: Item, epoch: str, counts: dict[tuple[str, str], int]) -> Key:
        content = content_key(item)
        place = (epoch, content)
        ordinal = counts.get(place, 0)
        counts[place] = ordinal + 1
        own = item.get("id")
        return Key(own if isinstance(own, str) and own else None, content, epoch, ordinal)

    @property
    def size(self) -> int:
        """Bytes of the items as the client sent them."""
        return len(self._raw)

    def raw(self, index: int) -> bytes:
        """One item in the client's bytes."""
        return self._items[index]

    def item(self, index: int) -> Item:
        """One item, parsed."""
        return parse_item(self._items[index])

    def backwards(self, end: int | None = None) -> Iterator[tuple[int, Item]]:
        """The items from the newest to the oldest, parsed as they are asked for."""
        for index in range((len(self._items) if end is None else end) - 1, -1, -1):
            yield index, self.item(index)

    def emission(self) -> Emission:
        """Names for the items that the client is about to get and will re-send after these."""
        return Emission(self)


class Emission:
    """The keys of items on their way to the client: the same ones that its next request will give them."""

    __slots__ = ("_counts", "_epoch", "last")

    def __init__(self, view: ClientView) -> None:
        self._counts = dict(view._counts)
        self._epoch = view._epoch
        self.last: Key | None = view.keys[-1] if view.keys else None
        """The key of the newest item the client has; None in an empty view."""

    def add(self, item: Item) -> Key:
        """Name an item that the client is about to get. One that comes back without its id is known by its place."""
        key = ClientView._key(item, self._epoch, self._counts)
        self.last = key
        return key


def is_summary(item: Item) -> bool:
    """True for the item that stands for everything a compaction took away."""
    kind = type_of(item)
    if kind in ("compaction", "compaction_summary", "context_compaction"):
        return True
    return kind == "message" and item.get("role") == "user" and text_of(item).startswith(SUMMARY_PREFIX)
