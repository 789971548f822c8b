"""The ledger of one thread: the edits that turn what the client shows into what the model is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from ..protocol.items import is_unique
from ..protocol.pieces import Pieces
from .record import Key, Kind, LedgerStore, Record, Segment, raws
from .unnamed import UnnamedViews
from .view import ClientView

HEAD = Key(None, "head")
"""The place before the first item."""


class Ledger:
    """One thread's records, and the model's view made from them.

    Projecting is a pure function of the client's view and the records: the same view gives the same bytes, and a longer
    view gives a longer answer that begins with the shorter one. Records whose item is not in the view sleep.
    """

    def __init__(self, thread: str, store: LedgerStore, *, unnamed: UnnamedViews | None = None) -> None:
        """``unnamed`` has views of other requests to begin with, where the client names no thread."""
        self.thread = thread
        self._store = store
        self._unnamed = unnamed
        self._by_id: dict[str, Record] = {}
        self._by_place: dict[tuple[str, str, int], Record] = {}
        self._by_content: dict[str, list[Record]] = defaultdict(list)
        self._view = ClientView() if unnamed is None else unnamed.nothing
        self._newest_prompt: Record | None = None
        self._edited = False
        self._answers = False
        for record in store.load(thread):
            self._index(record)

    @property
    def edited(self) -> bool:
        """True where the model's view differs from the client's, or once did."""
        return self._edited

    @property
    def decided_answers(self) -> bool:
        """True where a record is kept of words that the model said: the same words of its may not be meant by it."""
        return self._answers

    # -- the client's view

    def read(self, array: bytes | memoryview, begins: bytes | memoryview = b"") -> ClientView:
        """The client's view for a request's ``input`` array; reads only what is new. Raises MalformedBody.

        ``begins`` is the ``beginning`` of a view that the array is known to begin with.
        """
        if self._unnamed is not None:
            self._view = self._unnamed.read(array, begins)
        elif not self._view.grow(array, begins):
            fresh = ClientView()
            fresh.grow(array)
            self._view = fresh
        return self._view

    def shared(self, view: ClientView) -> int:
        """With how many of this thread's items ``view`` begins; 0 where nothing was ever decided about these."""
        count = self._view.shared(view)
        return count if any(self.find(key) is not None for key in view.keys[:count]) else 0

    def withheld(self, content: str) -> bool:
        """True where the newest item of this content was kept from the model."""
        records = self._by_content.get(content)
        return bool(records and records[-1].kind in ("local", "refused", "answer"))

    @property
    def beginning(self) -> bytes | memoryview:
        """What the next request's ``input`` array most likely begins with."""
        return self._view.beginning

    @property
    def size(self) -> int:
        """Bytes that the client's view takes, and the model's."""
        return self._view.size

    def release(self) -> None:
        """Forget the view; the next request is read as a whole."""
        self._view = ClientView()

    # -- finding records

    def find(self, key: Key) -> Record | None:
        """The record of an item: by id, or by content and place where the client or the record has no id."""
        if key.id is not None and (record := self._by_id.get(key.id)) is not None and _agree(record.key, key):
            return record
        record = self._by_place.get((key.epoch, key.content, key.ordinal))
        if record is None or key.id is None or record.key.id is None or is_unique(key.content):
            return record
        return None  # the same words under another id are another item

    def taken(self, key: Key) -> bool:
        """True where a record stands at this place, whichever item it was made for."""
        return (key.epoch, key.content, key.ordinal) in self._by_place

    def model_of(self, turn: str) -> str | None:
        """The model that the prompt of a turn was sent to, where that was changed; ``""`` means the newest prompt's
        turn.
        """
        prompt = self._newest_prompt
        return prompt.model if prompt is not None and prompt.turn == turn else None

    def _find_before(self, view: ClientView) -> dict[int, Record]:
        # Before a compaction's summary only the user's own messages survive, some of the oldest possibly lost, so
        # places are counted from the newest backwards among all records made before this window.
        found: dict[int, Record] = {}
        left: dict[str, list[Record]] = {}
        epoch = view.keys[view.boundary - 1].content if view.boundary else ""
        for index in range(view.boundary - 1, -1, -1):
            key = view.keys[index]
            if key.id is not None and (record := self._by_id.get(key.id)) is not None:
                found[index] = record
                continue
            if key.content not in left:
                left[key.content] = [r for r in self._by_content.get(key.content, ()) if r.key.epoch != epoch]
            candidates = left[key.content]
            if candidates and (key.id is None or candidates[-1].key.id is None or is_unique(key.content)):
                found[index] = candidates.pop()
        return found

    # -- the model's view

    def project(self, view: ClientView, count: int | None = None) -> Pieces | None:
        """The items the model is sent for the view's first ``count``, None where they are the client's own."""
        if not self.edited:
            return None
        end = len(view) if count is None else count
        done = view.upstream
        if done.boundary != view.boundary:
            done.clear()
            done.boundary = view.boundary
        if not len(done) and view.boundary:
            before = self._find_before(view)
            for index in range(view.boundary):
                # What followed an item that was compacted is in the summary already; its own words are not.
                done.add(_joined(view.raw(index), before.get(index)), view.raw(index))
        for index in sorted(done.journaled):
            if index < len(done) and self._part(view, index) != done.piece(index):
                done.cut(index)
        for index in range(len(done), end):
            done.add(self._part(view, index), view.raw(index))
        head = self._by_place.get((HEAD.epoch, HEAD.content, HEAD.ordinal))
        if head is None and not done.differs(end):
            return None  # decisions are kept, but none of them changes a word
        pieces = done.first(end)
        if head is not None and not view.boundary:
            return Pieces([b",".join(bytes(raw) for raw in (*head.context, *_after(view, -1, head))), *pieces])
        return pieces

    def _part(self, view: ClientView, index: int) -> bytes:
        record = self.find(view.keys[index]) or self._stray(view, view.keys[index])
        if record is None or not record.edits:
            return view.raw(index)
        if any(segment.until is not None for segment in record.after):
            view.upstream.journaled.add(index)
        return _joined(view.raw(index), record, after=_after(view, index, record))

    def _stray(self, view: ClientView, key: Key) -> Record | None:
        # Going back behind a compaction gives a client without ids words whose records belong to the window that is
        # gone.
        if key.id is not None or not key.content.startswith("msg:user:"):
            return None
        others = [record for record in self._by_content.get(key.content, ()) if record.key.epoch not in view.epochs]
        return others[min(key.ordinal, len(others) - 1)] if others else None

    # -- edits

    def record(
        self,
        key: Key,
        kind: Kind,
        *,
        turn: str = "",
        replace: Iterable[bytes] | None = None,
        context: Iterable[bytes] | None = None,
        reply: str | None = None,
        model: str | None = None,
        done: bool = False,
        renew: bool = False,
    ) -> Record:
        """Decide about an item. What is not named stays as an earlier record has it, unless ``renew`` starts afresh."""
        old = None if renew else self.find(key)
        record = Record(
            key=key,
            kind=kind,
            turn=turn or (old.turn if old else ""),
            replace=raws(replace) if replace is not None else (old.replace if old else None),
            context=raws(context) if context is not None else (old.context if old else ()),
            after=old.after if old else (),
            reply=reply if reply is not None else (old.reply if old else None),
            model=model if model is not None else (old.model if old else None),
            done=done or bool(old and old.done),
        )
        self._keep(record)
        return record

    def insert(self, key: Key | None, items: Sequence[bytes]) -> None:
        """Send the model ``items`` after an item (None: before the first), behind what earlier calls put there."""
        place = HEAD if key is None else key
        old = self.find(place)
        if old is None:
            old = Record(key=place, kind="anchor")
        self._keep(msgspec.structs.replace(old, after=(*old.after, Segment(raws(items)))))

    def journal(self, key: Key, items: Sequence[bytes], until: Key) -> None:
        """Send the model ``items`` after an item as long as the client has not ``until``.

        An answer that breaks off now goes on from here, although the client drops what it got of it. Called again for
        the same answer, with more items, it replaces what it kept before.
        """
        old = self.find(key) or Record(key=key, kind="anchor")
        others = [segment for segment in old.after if segment.until != until]
        self._keep(msgspec.structs.replace(old, after=(*others, Segment(raws(items), until))))

    def set_model(self, turn: str, model: str) -> None:
        """Keep the model for the rest of a turn."""
        prompt = self._newest_prompt
        if prompt is not None and prompt.turn == turn and prompt.model != model:
            self._keep(msgspec.structs.replace(prompt, model=model))

    def finish(self, key: Key) -> None:
        """Note that the client has the whole answer to a prompt: the same words again are a new prompt."""
        old = self.find(key)
        if old is not None and not old.done:
            self._keep(msgspec.structs.replace(old, done=True))

    def _keep(self, record: Record) -> None:
        self._store.save(self.thread, record)
        replaced = self._index(record)
        self._refresh(record.key, record.key if replaced is None else replaced.key)

    def _index(self, record: Record) -> Record | None:
        """Have a record found from now on; returns the one of the same words in whose place it is."""
        key = record.key
        place = (key.epoch, key.content, key.ordinal)
        older = self._by_place.get(place)
        if key.id is not None:
            same = self._by_id.get(key.id)
            older = same or older
            self._by_id[key.id] = record
        self._by_place[place] = record
        self._edited = self._edited or record.edits
        self._answers = self._answers or key.content.startswith("msg:assistant:")
        if record.kind in ("prompt", "answer"):
            self._newest_prompt = record
        siblings = self._by_content[key.content]
        if older is not None and older in siblings:
            siblings[siblings.index(older)] = record
            return older
        siblings.append(record)
        return None

    def _refresh(self, key: Key, replaced: Key) -> None:
        view, done = self._view, self._view.upstream
        newest, window = len(done) - 1, view.epochs[-1]
        if newest < 0:
            return
        # Only a record of another window than the newest one may be, or have been, for other items of the same words.
        if (key.epoch, replaced.epoch) != (window, window) and view.knows(key.content, newest + 1):
            done.clear()
        # Most often it is about the prompt that is decided about now, which stands behind what was sent already.
        elif newest >= view.boundary and view.keys[newest] == key and not view.has(key, newest):
            done.cut(newest)
        elif view.has(key, newest + 1):
            done.clear()


def _after(view: ClientView, index: int, record: Record) -> list[msgspec.Raw]:
    used = (one for one in record.after if one.until is None or not view.follows(index, one.until))
    return [item for segment in used for item in segment.items]


def _joined(raw: bytes, record: Record | None, *, after: Sequence[msgspec.Raw] | None = None) -> bytes:
    if record is None or not record.edits:
        return raw
    pieces = [raw] if record.replace is None else [bytes(piece) for piece in record.replace]
    if after is not None:
        pieces += [bytes(piece) for piece in (*record.context, *after)]
    return b",".join(pieces)


def _agree(recorded: Key, seen: Key) -> bool:
    # A client that sends other words under a known id does not get the old decision for them.
    return recorded.content == seen.content or not seen.content.startswith("msg:user:")
