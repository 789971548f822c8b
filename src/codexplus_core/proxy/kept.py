"""What of an answer is kept as it goes out: for the ledger, and for a further round."""

from __future__ import annotations

from ..conversation.reading import Reading
from ..conversation.record import Key
from ..exchange import Refusal
from ..protocol import calls
from ..protocol.body import encode_item
from ..protocol.items import Item, is_call, is_unique
from ..protocol.tools import ToolCall, ToolResult


class Kept:
    """The items of all rounds of an exchange, the client's and the model's, each where it belongs in the ledger."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._emission = reading.emission
        self._direct = 0
        self._anchor: Key | None = None
        self._aborted: list[bytes] = []
        self.added: list[bytes] = []
        """The items of all rounds in the model's order, hidden ones with their results: the next round's new input."""
        self.hidden: list[bytes] = []
        """Those of this round that the client does not get."""
        self.open_call = False
        """Whether the client has got a call that it is to answer."""

    def original(self, item: Item) -> bytes:
        """An item of the model's as the ledger and the next round have it."""
        # Clients that drop ids re-send an item's neighbours without them; with one, the API would ask for the reasoning
        # item of that id in front of it.
        return encode_item(item if self._reading.view.has_ids else {k: v for k, v in item.items() if k != "id"})

    def shown(self, items: list[Item], item: Item, original: bytes) -> None:
        """Take down what the client got in the place of an item of the model's."""
        kept = [original]
        if is_call(item) and not any(is_call(sent) for sent in items) and (call := calls.call_of(item)) is not None:
            # Taken out on the way, so the client will never answer it; a call without an answer is no legal input.
            gone = ToolResult("the call was taken out by a plugin", is_error=True)
            kept.append(encode_item(calls.output_item(call, gone)))
            self.hidden += kept
        self.added += kept
        ledger = self._reading.ledger
        if not items:
            # Dropped on the way: the client will not send it again, the model still has said it.
            self.insert(kept)
        for at, sent in enumerate(items):
            key = self._emission.add(sent)
            if at > 0:
                ledger.record(key, "reply", replace=(), renew=True)
            elif len(kept) > 1 or (sent is not item and sent != item):
                ledger.record(key, "call" if is_call(sent) else "reply", replace=kept)
            elif not is_unique(key.content) and ledger.taken(key):
                ledger.record(key, "reply", renew=True)
            if is_call(sent) and (open_call := calls.call_of(sent)) is not None:
                self.open_call = True
                # Only where the client drops the call with the answer that held it: Codex 0.98 words it this way.
                self._aborted.append(encode_item(calls.output_item(open_call, ToolResult("aborted"))))

    def adopt(self, items: list[Item]) -> None:
        """Keep from the model what a plugin put between its events: words that the client will send again."""
        for sent in items:
            self._reading.ledger.record(self._emission.add(sent), "reply", replace=(), renew=True)

    def hide(self, original: bytes, call: ToolCall, verdict: Refusal | ToolResult) -> None:
        """Keep a call and what answered it from the client."""
        result = ToolResult(verdict.message, is_error=True) if isinstance(verdict, Refusal) else verdict
        both = [original, encode_item(calls.output_item(call, result))]
        self.added += both
        self.hidden += both
        self.insert(both)

    def insert(self, items: list[bytes]) -> None:
        """Keep what only the model has, behind the newest item that the client has.

        Written before anything else of this response goes out: a proxy that dies here must not lose what was done.
        Clients before 0.169 drop what they got of an answer that breaks off, and with it the place of what was hidden:
        for them the whole answer so far hangs on the request's own last item, which they do send again.
        """
        ledger, own = self._reading.ledger, self._reading.last
        ledger.insert(self._emission.last, items)
        if self._emission.last == own:
            self._direct = len(self.added)  # hangs on that item itself
        elif own is not None:
            self._anchor = self._anchor or self._emission.last
            if self._anchor is not None:
                ledger.journal(own, [*self.added[self._direct :], *self._aborted], self._anchor)
