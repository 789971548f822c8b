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
# Ids and short plain words (a model's name, a verdict) hold no secret that the rules would know; most texts are such.
_PLAIN = re.compile(r"[a-z0-9._/-]{0,16}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}", re.ASCII)
_SHUT = frozenset({SEQUENCE, PREVIOUS, HASH, STREAM})

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, default=str)

Redact = Callable[[Any], Any]


class Records:
    """Makes lines of entries. ``redact`` takes secrets out of texts and data. For one thread."""

    def __init__(self, redact: Redact, *, stream: str, version: str = "", content: bool = False) -> None:
        self._redact = redact
        self._content = content
        self._texts: dict[str, str] = {}
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
            made = self._dump(self._told(entry, self._fields(entry.fields)))
        except (TypeError, ValueError, RecursionError) as error:
            made = self._dump(self._told(entry, {"codexplus.unreadable": type(error).__name__}))
        if len(made) > MOST_LINE:
            made = self._dump(self._told(entry, {"codexplus.too_long": len(made)}))
        return b'{"@timestamp":"%b",%b,%b' % (self._time(entry.at), self._constant, made[1:-1])

    def _told(self, entry: Entry, fields: Mapping[str, Any]) -> dict[str, Any]:
        category, kind = KINDS.get(entry.action, OTHER)
        if entry.outcome == "denied":
            kind = (*kind, "denied")
        elif entry.decision and entry.outcome == "success":
            kind = (*kind, "allowed")
        made: dict[str, Any] = {
            "event.action": self._text(entry.action),
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
            ("codexplus.turn.id", entry.turn),
            ("codexplus.workspace", entry.workspace),
        ):
            if value:
                made[name] = self._text(value)
        made.update(fields)
        return made

    def _fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, value in fields.items():
            if value is None or value == "":
                continue
            if name == "seconds":
                made["event.duration"] = int(float(value) * 1e9)
            elif name in WORDS and not self._content:
                made[f"codexplus.{name}_sha256"] = _digest(value)
            elif (key := FIELDS.get(name) or _own(name)) not in _SHUT:
                made[key] = self._value(name, value)
        argv = made.get("process.args")
        if isinstance(argv, list) and argv:
            made["process.executable"] = argv[0]
            made["process.command_line"] = _cut(shlex.join(map(str, argv)))
        return made

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, list) and all(isinstance(item, str) and item[:1] != "-" for item in value):
            return [self._text(item) for item in value[:MOST_MEMBERS]]
        # By names, too: what follows `--token`, or is called so, is one whatever it holds.
        return _bounded(self._redact({name: _plain(value)})[name])

    def _text(self, text: str) -> str:
        known = self._texts.get(text)
        if known is not None:
            return known
        if _PLAIN.fullmatch(text):
            return text
        safe = _cut(str(self._redact(text)))
        if len(self._texts) >= _REMEMBERED:
            self._texts.clear()
        if len(text) <= 512:
            self._texts[text] = safe
        return safe

    def _time(self, at: int) -> bytes:
        second, rest = divmod(at, 10**9)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return b"%b.%06dZ" % (self._stamp.encode("ascii"), rest // 1000)

    @staticmethod
    def _dump(fields: Mapping[str, Any]) -> bytes:
        # ASCII only: nothing in a user's words can end a line or move a terminal's cursor.
        return _ENCODER.encode(fields).encode("ascii")


def _own(name: str) -> str:
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
