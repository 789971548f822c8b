"""What is kept as one line of JSON in ECS names: without secrets, in ASCII, of bounded size."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from .chain import HASH, PREVIOUS, SEQUENCE, STREAM
from .entry import Entry
from .names import ECS_VERSION, FIELDS, KINDS, OTHER, OUTCOMES, WORDS
from .settings import user_name

MOST_TEXT = 8192
"""Characters of one text; what is longer is cut, with a note of how much."""
MOST_MEMBERS = 256
MOST_LINE = 256 * 1024
_REMEMBERED = 4096
_LONGEST_KNOWN = 1024
# A turn has one, which comes once or twice: not worth looking for secrets in.
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}", re.ASCII)
_SHUT = frozenset({SEQUENCE, PREVIOUS, HASH, STREAM})
_TEXT = frozenset({str})
_TAKEN = frozenset({"verdict", "source", "plugin", "workspace"})
"""Names of fields that would stand for what a record says itself."""

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, default=str)

Redact = Callable[[Any], Any]


class Records:
    """Makes lines of entries. ``redact`` takes secrets out of texts and data. For one thread."""

    def __init__(self, redact: Redact, *, stream: str, version: str = "", content: bool = False) -> None:
        self._redact = redact
        self._content = content
        self._texts: dict[str, str] = {}
        self._lists: dict[tuple[str, ...], list[str]] = {}
        self._heads: dict[tuple[object, ...], bytes] = {}
        self._names: dict[str, str] = {}
        self._second = -1
        self._stamp = ""
        constant = {
            "ecs.version": ECS_VERSION,
            "event.kind": "event",
            "event.module": "codexplus",
            "service.name": "codex-plus",
            "service.version": version,
            "host.name": socket.gethostname(),
            "user.id": str(os.getuid()) if hasattr(os, "getuid") else "",
            "user.name": user_name(),
            STREAM: stream,
        }
        text = json.dumps({key: value for key, value in constant.items() if value}, separators=(",", ":"))
        self._constant = text[1:-1].encode("ascii")

    def line(self, entry: Entry) -> bytes:
        """The JSON object of an entry without its closing brace, for ``Chain.seal``. Raises nothing."""
        try:
            fields = self._dump(self._fields(entry.fields))
        except (TypeError, ValueError, RecursionError) as error:
            fields = self._dump({"codexplus.unreadable": type(error).__name__})
        head = self._head(entry)
        if len(head) + len(fields) > MOST_LINE:
            fields = self._dump({"codexplus.too_long": len(head) + len(fields)})
        return b'{"@timestamp":"%b",%b,%b%b%b' % (self._time(entry.at), self._constant, head, self._turn(entry), fields)

    def _head(self, entry: Entry) -> bytes:
        """What many records of a session have in common."""
        about = (
            entry.action, entry.outcome, entry.decision, entry.reason, entry.source, entry.plugin, entry.session,
            entry.thread, entry.workspace,
        )  # fmt: skip
        known = self._heads.get(about)
        if known is not None:
            return known
        made = self._dump(self._told(entry))[1:]
        if len(made) <= _LONGEST_KNOWN:
            _room(self._heads)[about] = made
        return made

    def _told(self, entry: Entry) -> dict[str, Any]:
        category, kind = KINDS.get(entry.action, OTHER)
        if entry.outcome == "denied":
            kind = (*kind, "denied")
        elif entry.decision and entry.outcome == "success":
            kind = (*kind, "allowed")
        made: dict[str, Any] = {
            "event.action": entry.action if entry.action in KINDS else self._text(entry.action),
            "event.category": category,
            "event.type": kind,
            "event.outcome": OUTCOMES.get(entry.outcome, "unknown"),
            "codexplus.verdict": entry.outcome,
        }
        for name, value in (
            ("event.reason", entry.reason),
            ("codexplus.source", entry.source),
            ("codexplus.plugin", entry.plugin),
            ("codexplus.session.id", entry.session),
            ("codexplus.thread.id", entry.thread),
            ("codexplus.workspace", entry.workspace),
        ):
            if value:
                made[name] = self._text(value)
        return made

    def _turn(self, entry: Entry) -> bytes:
        if not entry.turn:
            return b""
        if _ID.fullmatch(entry.turn):
            return b',"codexplus.turn.id":"%b"' % entry.turn.encode("ascii")
        return self._dump({"codexplus.turn.id": self._text(entry.turn)})

    def _fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, value in fields.items():
            if value is None or value == "":
                continue
            if name == "seconds":
                made["event.duration"] = int(float(value) * 1e9)
            elif name in WORDS and not self._content:
                made[f"codexplus.{name}_sha256"] = _digest(value)
            elif (key := self._key(name)) not in _SHUT:
                made[key] = self._value(name, value)
        argv = made.get("process.args")
        if isinstance(argv, list) and argv:
            made["process.executable"] = argv[0]
            made["process.command_line"] = _cut(shlex.join(argv if set(map(type, argv)) <= _TEXT else map(str, argv)))
        return made

    def _key(self, name: str) -> str:
        known = self._names.get(name)
        if known is None:
            known = FIELDS.get(name) or _own(name)
            _room(self._names)[name] = known
        return known

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, list) and set(map(type, value)) <= _TEXT:
            return self._list(name, value)
        # By names, too: what is called so is a secret whatever it holds.
        return _bounded(self._named(name, _plain(value)))

    def _named(self, name: str, value: Any) -> Any:
        """What redaction by name leaves of a value; a pattern of somebody's may fit the name itself."""
        (safe,) = self._redact({name: value}).values()
        return safe

    def _list(self, name: str, value: list[str]) -> list[str]:
        """A command, as most lists are: what follows ``--token`` is a secret, too."""
        about = (name, *value)
        known = self._lists.get(about)
        if known is None:
            known = self._named(name, value)[:MOST_MEMBERS]
            if sum(map(len, known)) > MOST_TEXT:
                known = [_cut(word) for word in known]
            if sum(map(len, about)) <= _LONGEST_KNOWN:
                _room(self._lists)[about] = known
        return known

    def _text(self, text: str) -> str:
        known = self._texts.get(text)
        if known is not None:
            return known
        safe = _cut(str(self._redact(text)))
        if len(text) <= _LONGEST_KNOWN:
            _room(self._texts)[text] = safe
        return safe

    def _time(self, at: int) -> bytes:
        second, rest = divmod(at, 10**9)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return b"%b.%06dZ" % (self._stamp.encode("ascii"), rest // 1000)

    @staticmethod
    def _dump(fields: Mapping[str, Any]) -> bytes:
        """The members of an object, each with a comma in front."""
        # ASCII only: nothing in a user's words can end a line or move a terminal's cursor.
        return b",%b" % _ENCODER.encode(fields)[1:-1].encode("ascii") if fields else b""


def _room(known: dict[Any, Any]) -> dict[Any, Any]:
    """What is remembered, with room for one more."""
    if len(known) >= _REMEMBERED:
        known.clear()
    return known


def _own(name: str) -> str:
    if name in _TAKEN:
        return f"codexplus.field_{name}"
    return f"codexplus.{name}" if _NAME.fullmatch(name) else f"codexplus.field_{_digest(name)[:8]}"


def _digest(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _cut(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}… ({len(text) - MOST_TEXT} more)"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, dict):
        return {key: _bounded(item) for key, item in list(value.items())[:MOST_MEMBERS]}
    if isinstance(value, list | tuple):
        return [_bounded(item) for item in value[:MOST_MEMBERS]]
    return value
