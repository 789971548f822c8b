"""How several upstream rounds become the one response that the client sees."""

from __future__ import annotations

from typing import Any

import msgspec

from .calls import keys_of
from .events import Event
from .spent import in_all, usage_of, wire_usage
from .sse import Decoder
from .tools import Usage

BEGINNINGS = frozenset({"response.created", "response.in_progress", "response.queued"})
"""Events that say a response has begun; the client sees those of the first round only."""

ENDINGS = frozenset({"response.completed", "response.failed", "response.incomplete", "error"})
"""Events that end a response."""

_NAMING = frozenset({"response.interrupt.accepted", "response.interrupt.failed", "response.output_item.interrupted"})

WATCHED = frozenset(
    name.encode()
    for name in (BEGINNINGS | ENDINGS | _NAMING | {"response.output_item.added", "response.output_item.done"})
)
"""What a Splicer must see of a round in which nothing is hidden or held; the rest may come as runs."""


_NOTHING = Usage()


class Splicer:
    """Turns the events of all rounds of an exchange, in order, into one legal response.

    Give it each event and send on what it gives back. An event that needs no change is given back as it is. ``hide`` an
    item before its first event. When another round follows, drop what the ending event turned into and call
    ``next_round``. ``own`` is for events of the proxy's, such as a ``created`` sent before upstream has answered.
    """

    __slots__ = (
        "_begun", "_edited", "_gone", "_indexes", "_last", "_name", "_next", "_own_index", "_plain", "_round", "_seen",
        "_shift", "_stale", "last_response_id", "usage", "visible_items",
    )  # fmt: skip

    def __init__(self) -> None:
        self.usage = _NOTHING
        """Tokens so far, over all rounds."""
        self.visible_items: list[dict[str, Any]] = []
        """The finished items that the client has got."""
        self.last_response_id = ""
        """The id of the newest response of upstream's."""
        self._plain = True  # nothing has been changed yet, so most events need no look
        self._begun = False  # the client has got a created event
        self._edited = False  # the client's items differ from upstream's
        self._seen = False  # upstream has sent something
        self._name = ""  # the id of the response that the client has got; later rounds have others
        self._round = 0
        self._gone: set[int | str] = set()  # output indexes and item ids hidden in this round
        self._indexes: dict[int, int] = {}  # this round's output indexes, as the client knows them
        self._next = 0  # the client's next output index
        self._own_index = 0  # the client's output index of the proxy's own newest item
        self._last = -1  # the newest sequence number that the client can have got
        self._stale = False  # … unless numbers have passed unread since
        self._shift: int | None = 0  # what upstream's numbers are raised by; None: to be found with the next one

    @property
    def begun(self) -> bool:
        """Whether the client has got the event that begins a response."""
        return self._begun

    @property
    def sent(self) -> int:
        """The number of the next event."""
        return self._last + 1

    @property
    def places(self) -> int:
        """The output index of the next item."""
        return self._next

    @property
    def reads_all(self) -> bool:
        """Whether it needs every event by itself now, rather than those of WATCHED and runs."""
        return not self._plain

    def hide(self, key: int | str) -> None:
        """Keep an item of this round from the client; ``key`` is its output index or its id."""
        self._gone.add(key)
        self._edited = True
        self._plain = False

    def changed(self) -> None:
        """An item is given to ``event`` in other words than upstream's: the ending is to list what the client got."""
        self._edited = True

    def next_round(self) -> None:
        """Another round begins; the last one's ending is not shown."""
        self._round += 1
        self._edited = True
        self._plain = False
        self._gone.clear()
        self._indexes.clear()
        self._shift = None

    def own(self, event: Event) -> Event:
        """An event of the proxy's, numbered to fit where that is known and without a number where not.

        An item of the proxy's takes the next place among the client's items; give its events in one go.
        """
        data = dict(event.data or {})
        if isinstance(data.get("output_index"), int):
            data["output_index"] = self._place(event.type, data)
        if self._stale or (self._seen and self._last < 0):
            data.pop("sequence_number", None)
        else:
            self._last += 1
            data["sequence_number"] = self._last
            self._shift = None
        if event.type in BEGINNINGS:
            self._begun = True
            self._name = self._name or _id_in(data)
        return event if data == event.data else event.replace(data)

    def _place(self, type: str, data: dict[str, Any]) -> int:
        if type == "response.output_item.added":
            self._own_index = self._next
            self._next += 1
            self._edited = True
            self._plain = False
        if type == "response.output_item.done" and isinstance(data.get("item"), dict):
            self.visible_items.append(data["item"])
        return self._own_index

    def event(self, event: Event) -> Event | None:
        """The event as the client is to get it, or None."""
        self._seen = True
        if not event.type:
            return self._run(event)
        if self._plain and event.type.encode() not in WATCHED:
            self._stale = True
            return event
        if event.type in ENDINGS and self._passes(event):
            return event
        data = event.data
        if data is None:
            return event
        changed = self._ending(event.type, data) if event.type in ENDINGS else self._item(event.type, data)
        number = data.get("sequence_number")
        if changed is None:
            if isinstance(number, int) and self._shift is not None:
                self._last = number + self._shift
            return None
        if isinstance(number, int):
            if self._shift is None:
                # Gaps are legal and steps back are not, so numbers that are high enough stay as they are.
                self._shift = max(0, self._last + 1 - number)
            self._last = number + self._shift
            if self._shift:
                self._plain = False
                changed = {**changed, "sequence_number": self._last}
        self._stale = False
        return event if changed is data else Event(event.type, changed)

    def _run(self, event: Event) -> Event | None:
        if self._plain:
            self._stale = True
            return event
        pieces = Decoder()
        inner = [*pieces.feed(event.raw), *pieces.close()]
        kept = [piece if not piece.type else self.event(piece) for piece in inner]
        raw = b"".join(piece.raw for piece in kept if piece is not None)
        if not raw:
            return None
        return event if raw == event.raw else Event("", raw=raw, payload=b"")

    def _item(self, type: str, data: dict[str, Any]) -> dict[str, Any] | None:
        if type in BEGINNINGS:
            return self._beginning(type, data)
        keys = keys_of(data)
        if not self._gone.isdisjoint(keys):
            # Learnt here because later events of the item may name it by the other key only.
            self._gone.update(keys)
            return None
        if type == "response.output_item.done" and isinstance(data.get("item"), dict):
            self.visible_items.append(data["item"])
        if type in _NAMING and self._name not in ("", self.last_response_id):
            data = {**data, "response_id": self._name}
        index = data.get("output_index")
        if not isinstance(index, int):
            return data
        shown = self._indexes.get(index)
        if shown is None:
            shown = self._indexes[index] = self._next if self._edited else index
            self._next = max(self._next, shown + 1)
        return data if shown == index else {**data, "output_index": shown}

    def _beginning(self, type: str, data: dict[str, Any]) -> dict[str, Any] | None:
        self.last_response_id = _id_in(data) or self.last_response_id
        if self._round or (self._begun and self._shift is None):
            return None
        self._begun = True
        self._name = self._name or self.last_response_id
        return data

    def _passes(self, event: Event) -> bool:
        """Note what an ending says that goes by as it is; it repeats all items, which nobody has to read for that."""
        if self._edited or not self._plain or self._shift != 0:
            return False
        try:
            said = _ending(event.payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        response = said.response
        self.last_response_id = self.last_response_id if response.id is None else response.id
        self._spend(usage_of(response.usage))
        if said.sequence_number is not None:
            self._last = said.sequence_number
        self._stale = False
        return True

    def _spend(self, spent: Usage | None) -> None:
        if spent is not None:
            self.usage = spent if self.usage is _NOTHING else in_all(self.usage, spent)

    def _ending(self, type: str, data: dict[str, Any]) -> dict[str, Any]:
        response = data.get("response")
        if not isinstance(response, dict):
            return data
        if isinstance(response.get("id"), str):
            self.last_response_id = response["id"]
        self._spend(usage_of(response.get("usage")))
        if not self._edited:
            return data
        response = dict(response)
        if "output" in response:
            response["output"] = list(self.visible_items)
        if isinstance(response.get("usage"), dict):
            response["usage"] = wire_usage(response["usage"], self.usage)
        return {**data, "response": response}


class _Response(msgspec.Struct):
    id: str | None = None
    usage: dict[str, Any] | None = None


class _Ending(msgspec.Struct):
    response: _Response
    sequence_number: int | None = None


_ending = msgspec.json.Decoder(_Ending).decode


def _id_in(data: dict[str, Any]) -> str:
    response = data.get("response")
    found = response.get("id") if isinstance(response, dict) else None
    return found if isinstance(found, str) else ""
