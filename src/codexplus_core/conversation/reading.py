"""One request as the ledger understands it: who speaks, what is new, and what was decided about it before."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import msgspec

from ..protocol.body import RequestBody, encode_item
from ..protocol.items import CALLS, NOTES, Item, digest, is_output, message, type_of
from ..protocol.pieces import Pieces
from .ledger import Ledger
from .record import Key, Kind, Record
from .speaker import ASIDE, Origin, Prompt, Speaker, newest_prompt, origin_of, typed, with_text
from .view import ClientView, Emission


class Reading(msgspec.Struct):
    """A request read against its thread's ledger.

    ``prompt`` is the human's newest text while nothing has answered it, ``record`` what an earlier request of the same
    turn decided about it (None: it is new). ``count`` is the number of items that this request brought.
    """

    speaker: Speaker
    ledger: Ledger
    view: ClientView
    count: int
    origin: Origin
    prompt: Prompt | None
    record: Record | None
    emission: Emission
    meant: Key | None = None
    """The prompt in whose place the newest words stand, where these are an answer to a question about it."""

    @property
    def key(self) -> Key | None:
        """The key of the prompt's item."""
        return None if self.prompt is None else self.view.keys[self.prompt.index]

    @property
    def last(self) -> Key | None:
        """The key of the newest item; None in an empty view."""
        return self.view.keys[self.count - 1] if self.count else None

    @property
    def new_prompt(self) -> Prompt | None:
        """The prompt where it was not decided yet: side effects belong to it alone, not to its repetitions."""
        return self.prompt if self.record is None else None

    def look_again(self) -> None:
        """Find out whether another request has decided about the prompt meanwhile."""
        self.record = _decided(self.ledger, self.view, self.prompt, self.speaker)

    def raw_items(self) -> Pieces:
        """The request's items in the client's bytes."""
        return self.view.raws(self.count)

    def has_history(self) -> bool:
        """True where the assistant has spoken before: the thread was begun in another process."""
        if self.view.boundary:
            return True
        items = self.view.backwards(self.count)
        return any(item.get("role") == "assistant" or type_of(item) in CALLS for _, item in items)

    def new_outputs(self) -> list[tuple[int, Item | None, Item]]:
        """The tool outputs nobody was asked about: (index, call or None, output), oldest first.

        Looks at what ``outputs_judged`` has not been called for; in a view that was read afresh, back to the human's
        newest words. An output whose words differ from those that were judged is asked about again.
        """
        if self.view.newest_output < self.view.judged:
            return []
        outputs: list[tuple[int, Item]] = []
        wanted: dict[Any, Item | None] = {}
        looking = True
        for index, item in self.view.backwards(self.count):
            call_id = item.get("call_id")
            if not is_output(item):
                if call_id in wanted and wanted[call_id] is None:
                    wanted[call_id] = item
                if looking and not self.view.judged and item.get("role") == "user":
                    looking = newest_prompt(self.view, index + 1) is None
            elif looking and index >= self.view.judged and not self._judged(index, item):
                outputs.append((index, item))
                wanted.setdefault(call_id, None)
            if (not looking or index < self.view.judged) and all(wanted.values()):
                break
        return [(index, wanted[item.get("call_id")], item) for index, item in reversed(outputs)]

    def _judged(self, index: int, output: Item) -> bool:
        record = self.ledger.find(self.view.keys[index])
        return record is not None and record.kind == "output" and record.reply in (None, output_digest(output))

    def outputs_judged(self) -> None:
        """Note that plugins have seen every output so far."""
        self.view.judged = max(self.view.judged, self.count)

    def answered_before(self) -> Key | None:
        """The item of the human's words before the prompt, where a reply of ours was the whole answer to them."""
        replied = False
        for index, item in self.view.backwards(0 if self.prompt is None else self.prompt.index):
            kind, role = type_of(item), item.get("role")
            if kind in ASIDE or role in ("developer", "system"):
                continue
            key = self.view.keys[index]
            if kind == "message" and role == "user":
                if typed(index, item) is not None:
                    return key if replied else None
                continue
            record = self.ledger.find(key)
            if kind != "message" or record is None or record.kind != "reply":
                return None
            replied = True
        return None

    # -- decisions about the prompt

    def keep_prompt(
        self,
        *,
        text: str | None = None,
        before: Sequence[Item] = (),
        context: Sequence[str] = (),
        model: str | None = None,
    ) -> None:
        """Let the prompt go to the model: with other words, with parts before it, with context, to another model, or
        just as it is.
        """
        key, prompt = self.key, self.prompt
        if key is None or prompt is None:
            return
        replace = None
        words = prompt.text if text is None else text
        if self.meant is not None:
            replace = self._meant_items(prompt, words, before)
        elif before or words != prompt.text:
            replace = [encode_item(with_text(self.view.item(prompt.index), prompt.part, words, before))]
        kind: Kind = "prompt" if self.meant is None else "answer"
        self.ledger.record(
            key, kind, turn=self.speaker.turn, replace=replace, context=_developer(context), model=model, renew=True
        )

    def _meant_items(self, answer: Prompt, text: str, before: Sequence[Item]) -> list[bytes]:
        """The prompt that is meant, with other words, as if it were said now: its pictures and skills come along."""
        said = self.view.item(answer.index)
        for index in range(answer.index - 1, -1, -1):
            if self.meant is None or not self.meant.means(self.view.keys[index]):
                continue
            item = self.view.item(index)
            prompt = typed(index, item)
            if prompt is None:
                break
            there = with_text(item, prompt.part, text, before)
            when = {k: v for k, v in (said.get(NOTES) or {}).items() if k in _WHEN}
            notes = {**(there.get(NOTES) or {}), **when}
            own = {name: said[name] for name in ("id",) if name in said} | ({NOTES: notes} if notes else {})
            behind = takewhile(self._is_users, range(index + 1, answer.index))
            return [encode_item({**there, **own}), *map(self.view.raw, behind)]
        # A compaction took it away.
        return [encode_item(with_text(said, answer.part, text, before))]

    def _is_users(self, index: int) -> bool:
        item = self.view.item(index)
        return type_of(item) == "message" and item.get("role") == "user"

    def withhold_prompt(self, kind: Any, reply: str | None = None) -> None:
        """Never send the prompt to the model: it was answered here (``local``) or refused."""
        key, prompt = self.key, self.prompt
        if key is None or prompt is None:
            return
        self.ledger.record(key, kind, turn=self.speaker.turn, replace=(), reply=reply, renew=True)
        # What Codex put behind the words belongs to them: a skill's text that `$name` brought in.
        for index in range(prompt.index + 1, self.count):
            if self._is_users(index):
                self.ledger.record(self.view.keys[index], kind, turn=self.speaker.turn, replace=(), renew=True)

    def add_context(self, texts: Sequence[str]) -> None:
        """Put context behind the newest item, for a request that brings no new prompt.

        What was put there for an earlier request of the same items stays as it is: a retry must not change it.
        """
        if not texts or self.record is not None or self.origin not in ("user", "tool", "subagent", "review"):
            return
        items = self.view.backwards(self.count)
        at = next((index for index, item in items if type_of(item) not in ASIDE), None)
        if at is None:
            return
        key = self.view.keys[at]
        old = self.ledger.find(key)
        if old is None or not old.context:
            self.ledger.record(key, old.kind if old else "anchor", context=_developer(texts))


# Of what Codex notes beside an item, when it was said.
_WHEN = ("turn_id", "create_time")


def output_digest(output: Item) -> str:
    """A digest of a tool output's words, to tell a repetition from another answer to the same call."""
    return digest(output.get("output"))


# Of a body; what has a smaller part of it is copied.
_MOST_OF = 7 / 8


def _developer(texts: Sequence[str]) -> list[bytes]:
    return [encode_item(message("developer", text)) for text in texts]


def _words(value: Any) -> bytes:
    # The API reads a plain string as one message of the user's.
    return b"[%s]" % (encode_item(message("user", value)) if isinstance(value, str) else b"")


def read_request(ledger: Ledger, speaker: Speaker, body: RequestBody) -> Reading:
    """Read a request's items against its thread. Raises MalformedBody."""
    array = body.array or _words(body.value("input"))
    if len(array) < _MOST_OF * len(body.data):
        array = bytes(array)  # it is kept, and with it the body that it is part of
    view = ledger.read(array, body.begins)
    body.begins = b""  # it has done its work, and would keep a megabyte for as long as the answer takes
    origin, prompt = origin_of(speaker, view, body)
    record = _decided(ledger, view, prompt, speaker)
    return Reading(speaker, ledger, view, len(view), origin, prompt, record, view.emission())


def _decided(ledger: Ledger, view: ClientView, prompt: Prompt | None, speaker: Speaker) -> Record | None:
    record = None if prompt is None else ledger.find(view.keys[prompt.index])
    return record if record is not None and _same_turn(record, speaker) else None


def _same_turn(record: Record, speaker: Speaker) -> bool:
    if record.kind == "anchor":
        return False
    if record.turn or speaker.turn:
        return record.turn == speaker.turn
    # Before 0.120 nothing tells a retry from the same words typed again after going back, but that a client which has
    # the whole answer does not retry.
    return not record.done
