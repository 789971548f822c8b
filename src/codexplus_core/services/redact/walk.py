"""Data without its secrets: by the names they have first, then by what texts hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from .names import kind_of
from .plausible import PLACEHOLDER

MAX_DEPTH = 64
"""Containers within each other that are looked into; what lies deeper is dropped."""

_NUMBERS_TOO = frozenset({"password", "secret", "api-key", "private-key"})
_TEXT = frozenset({str})
_DROPPED = "[REDACTED:nested]"
_SHORT = 64
"""Characters of a name that is remembered, with what it means for its value; there are ``_NAMES`` of them at most."""
_NAMES = 512


class Walk:
    """A walk through some data; ``redact`` is for texts, ``words`` for lists of nothing else. For one thread."""

    def __init__(self, redact: Callable[[str], str], words: Callable[[Sequence[str]], list[str]]) -> None:
        self._redact = redact
        self._words = words
        self._inside: set[int] = set()
        self._names: dict[str, tuple[str, str | None]] = {}

    def value(self, value: Any, kind: str | None = None) -> Any:
        """A copy without secrets; with the ``kind`` that a name gave it, every text in it is one."""
        made = type(value)
        if made is str:
            return self._redact(value) if kind is None else self._text(value, kind)
        if made is dict or made is list:  # the usual two; all else is looked at with more care
            return self._container(value, kind)
        if isinstance(value, str):
            return self._text(value, kind)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return f"[REDACTED:{kind}]" if kind in _NUMBERS_TOO else value
        if isinstance(value, bytes | bytearray):
            safe = self._text(value.decode("utf-8", "surrogateescape"), kind)
            return safe.encode("utf-8", "surrogateescape")
        if isinstance(value, Mapping | list | tuple | Set):
            return self._container(value, kind)
        shown = repr(value)
        safe = self._text(shown, kind)
        return value if safe == shown else safe

    def _text(self, text: str, kind: str | None) -> str:
        if kind is None or not text:
            return self._redact(text)
        return text if PLACEHOLDER.fullmatch(text) else f"[REDACTED:{kind}]"

    def _container(self, value: Any, kind: str | None) -> Any:
        if id(value) in self._inside or len(self._inside) >= MAX_DEPTH:
            return _DROPPED
        self._inside.add(id(value))
        try:
            if type(value) is dict or isinstance(value, Mapping):
                return self._mapping(value, kind)
            if isinstance(value, list | tuple):
                row = self._row(value, kind)
                return tuple(row) if isinstance(value, tuple) else row
            return [self.value(item, kind) for item in value]
        finally:
            self._inside.discard(id(value))

    def _mapping(self, value: Mapping[Any, Any], kind: str | None) -> dict[Any, Any]:
        # {"name": "API_KEY", "value": "…"}, as lists of variables and of headers have it.
        named = _kind_of(value.get("name", value.get("key"))) if "value" in value else None
        made = {}
        for key, item in value.items():
            if type(key) is str:
                safe, means = self._names.get(key) or self._name(key)
            else:
                safe, means = self._redact(key) if isinstance(key, str) else key, _kind_of(key)
            made[safe] = self.value(item, kind or means or (named if key == "value" else None))
        return made

    def _name(self, name: str) -> tuple[str, str | None]:
        known = self._redact(name), _kind_of(name)
        if len(name) <= _SHORT:
            if len(self._names) >= _NAMES:
                self._names.clear()
            self._names[name] = known
        return known

    def _row(self, value: Sequence[Any], kind: str | None) -> list[Any]:
        if not value:
            return []
        if kind is None and _is_pair(value[0]) and all(_is_pair(item) for item in value):
            pairs = [[self.value(name), self.value(item, _kind_of(name))] for name, item in value]
            return [tuple(pair) if isinstance(item, tuple) else pair for pair, item in zip(pairs, value, strict=True)]
        if kind is None and set(map(type, value)) <= _TEXT:
            return list(self._words(value))
        row, option = [], None
        for item in value:
            is_option = _is_option(item)
            row.append(self.value(item, kind or (None if is_option else option)))
            # A command's words: "--token" and then the token.
            option = _kind_of(item) if is_option else None
        return row


def _kind_of(name: Any) -> str | None:
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    return kind_of(name) if isinstance(name, str) else None


def _is_pair(item: Any) -> bool:
    return isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str | bytes)


def _is_option(item: Any) -> bool:
    return isinstance(item, str) and item.startswith("-") and "=" not in item
