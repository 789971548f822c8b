"""One stream of events out of two sources, the wire and Codex's own hooks: each event once, whoever brings it first."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_SESSIONS = 1024
_CLAIMS = 4096
_TURNS = 64
_BATCH = 1024


@dataclass(slots=True)
class _Known:
    """What Codex's own hooks and the wire have told of a session."""

    live: bool = False
    source: str = ""
    trigger: str = ""
    mode: str = ""
    transcript: str = ""
    stopping: str = ""
    claims: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)
    same: dict[str, int] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    batches: OrderedDict[str, list[dict[str, Any]]] = field(default_factory=OrderedDict)


class Joining:
    """Knows, by session, what has been handled and what only Codex's own hooks can tell.

    A session is live when Codex's own hooks have been heard in it: then these report what happens within code mode, and
    the wire leaves its JavaScript alone. Of a call that both see, the wire's is the first, because it passes here
    before Codex has it; Codex's own then finds it claimed, by its id, or by tool and input where the ids differ.
    """

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, _Known] = OrderedDict()

    def _of(self, session: str) -> _Known:
        known = self._sessions.get(session)
        if known is None:
            known = self._sessions[session] = _Known()
            if len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
        else:
            self._sessions.move_to_end(session)
        return known

    def heard(self, session: str, payload: Mapping[str, Any]) -> None:
        """An event of Codex's own hooks has come in this session."""
        known = self._of(session)
        known.live = True
        for name, key in (("mode", "permission_mode"), ("transcript", "transcript_path")):
            value = payload.get(key)
            if isinstance(value, str) and value:
                setattr(known, name, value)

    def is_live(self, session: str) -> bool:
        """Whether Codex's own hooks report here."""
        known = self._sessions.get(session)
        return known is not None and known.live

    def mode(self, session: str) -> str:
        """Codex's permission mode, ``default`` where nobody told."""
        known = self._sessions.get(session)
        return known.mode if known is not None and known.mode else "default"

    def transcript(self, session: str) -> str:
        """Codex's own file of the session, ``""`` where nobody told."""
        known = self._sessions.get(session)
        return known.transcript if known is not None else ""

    def claim(self, event: str, session: str, key: str, *, content: str = "") -> bool:
        """True for the first who comes with this event; ``key`` tells one from another of its name.

        With ``content`` (see `content_of`) a second source is known by it, too, once.
        """
        known = self._of(session)
        if (event, key) in known.claims:
            return False
        known.claims[event, key] = None
        if len(known.claims) > _CLAIMS:
            known.claims.popitem(last=False)
        if content:
            known.same[content] = known.same.get(content, 0) + 1
            if len(known.same) > _CLAIMS:
                del known.same[next(iter(known.same))]
        return True

    def taken(self, event: str, session: str, key: str, *, content: str = "") -> bool:
        """Whether the other source has this event: by its key, or by a content that nobody has come for yet."""
        known = self._sessions.get(session)
        if known is None:
            return False
        count = known.same.get(content, 0) if content else 0
        if count == 1:
            del known.same[content]
        elif count:
            known.same[content] = count - 1
        if (event, key) in known.claims:
            return True
        if count:
            known.claims[event, key] = None
        return bool(count)

    def release(self, event: str, session: str, key: str) -> None:
        """Let the event happen once more: a session that begins again will end again."""
        known = self._sessions.get(session)
        if known is not None:
            known.claims.pop((event, key), None)

    def untold(self, session: str, lines: Iterable[str]) -> list[str]:
        """Those lines for the user that this session has not had from Codex's own hooks."""
        told = self._of(session).told
        found = [line for line in dict.fromkeys(lines) if line not in told]
        if len(told) < _CLAIMS:
            told.update(found)
        return found

    # -- what one source knows and the other acts on

    def begins(self, session: str, source: str) -> None:
        """Codex said how the session begins."""
        self._of(session).source = source

    def take_source(self, session: str) -> str:
        """How Codex said that the session begins, once; ``""`` where it said nothing."""
        return self._take(session, "source")

    def compacts(self, session: str, trigger: str) -> None:
        """Codex said why it is about to compact."""
        self._of(session).trigger = trigger

    def take_trigger(self, session: str) -> str:
        """Why Codex said that it compacts, once; ``""`` where it said nothing."""
        return self._take(session, "trigger")

    def batch(self, session: str, turn: str, row: dict[str, Any]) -> None:
        """Codex's own hooks told of a tool that has done its work within this turn's JavaScript."""
        batches = self._of(session).batches
        rows = batches.setdefault(turn, [])
        if len(rows) < _BATCH:
            rows.append(row)
        if len(batches) > _TURNS:
            batches.popitem(last=False)

    def take_batch(self, session: str, turn: str) -> list[dict[str, Any]]:
        """The rows of `batch`, once."""
        known = self._sessions.get(session)
        return known.batches.pop(turn, []) if known is not None else []

    def stop(self, session: str, words: str) -> None:
        """A hook of Codex's own said that the model is not to be asked again in this turn."""
        self._of(session).stopping = words

    def take_stop(self, session: str) -> str:
        """The words of `stop`, once."""
        return self._take(session, "stopping")

    def _take(self, session: str, name: str) -> str:
        known = self._sessions.get(session)
        if known is None:
            return ""
        found = str(getattr(known, name))
        setattr(known, name, "")
        return found


def content_of(event: str, turn: str, name: str, input: Mapping[str, Any]) -> str:
    """What two reports of one call have in common: of a Bash call the command, of others the whole input."""
    told: Any = input.get("command") if name == "Bash" else input
    text = json.dumps([event, turn, name, told], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
