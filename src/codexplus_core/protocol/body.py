"""A request's JSON body, read and changed without decoding what nobody looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from .items import Item, with_tools
from .pieces import Pieces
from .top_level import NO_JSON, top_level

_list = msgspec.json.Decoder(list[msgspec.Raw])
_decode = msgspec.json.decode
_encode = msgspec.json.Encoder().encode


class MalformedBody(ValueError):
    """The body is no JSON object; the message says where it went wrong."""


class RequestBody:
    """The top level of a ``/responses`` request; values stay the client's bytes until somebody asks for them."""

    __slots__ = ("_texts", "begins", "data", "top")

    def __init__(self, data: bytes, known: Iterable[bytes | memoryview] = ()) -> None:
        """Read ``data``, the decoded bytes. Raises MalformedBody.

        ``known`` are beginnings of ``input`` arrays that were read before and need not be read again.
        """
        self.data = data
        self._texts: dict[str, str] = {}
        try:
            self.top, key, self.begins = top_level(data, known)
        except NO_JSON as error:
            raise MalformedBody(f"request body: not a JSON object ({error}); send the request as JSON") from None
        if key is not None:
            raise MalformedBody(f"request body: {key[:40]!r} stands in it twice; send each key once")

    def value(self, key: str) -> Any:
        """The parsed value of a top-level key, None where it is missing. Raises MalformedBody if it is no text."""
        raw = self.top.get(key)
        try:
            return None if raw is None else _decode(raw)
        except NO_JSON as error:
            raise MalformedBody(f"request body, {key}: {error}; send the request as JSON") from None

    def text(self, key: str) -> str:
        """A top-level string, ``""`` where it is missing or something else. Raises as ``value``."""
        text = self._texts.get(key)
        if text is None:
            value = self.value(key)
            text = self._texts[key] = value if isinstance(value, str) else ""
        return text

    @property
    def metadata(self) -> Mapping[str, Any]:
        """``client_metadata``, where Codex repeats its ids (the only place on a WebSocket)."""
        value = self.value("client_metadata")
        return value if isinstance(value, dict) else {}

    @property
    def input(self) -> bytes | None:
        """The client's items as a JSON array in its own bytes; None where ``input`` is a string or missing."""
        raw = self.top.get("input")
        if raw is None:
            return None
        data = bytes(raw)
        return data if data.startswith(b"[") else None

    @property
    def array(self) -> memoryview | None:
        """``input`` without a copy of it. It begins with ``begins``, one of those that were known, or ``b""``."""
        raw = self.top.get("input")
        view = None if raw is None else memoryview(raw)
        return view if view is not None and bytes(view[:1]) == b"[" else None

    def parsed(self) -> dict[str, Any]:
        """The whole body, decoded; ``{}`` where some of its bytes are no text."""
        try:
            value = _decode(self.data)
        except NO_JSON:
            return {}
        return value if isinstance(value, dict) else {}

    def changed(
        self, *, items: Sequence[bytes] | None = None, model: str | None = None, tools: Sequence[Item] = ()
    ) -> bytes | memoryview:
        """The body with other items, another model or further tools; all else in the client's bytes and order.

        Keep it no longer than it takes to send it: see ``Growing.between``.
        """
        top: dict[str, Any] = dict(self.top)
        if model is not None:
            top["model"] = model
        if tools:
            items = self._offer(top, items, tools)
        return _encode(top) if items is None else _with_items(top, items)

    def _offer(
        self, top: dict[str, Any], items: Sequence[bytes] | None, tools: Sequence[Item]
    ) -> Sequence[bytes] | None:
        if "tools" in top:
            top["tools"] = [*_list.decode(self.top["tools"]), *tools]
            return items
        # Models that use "responses lite" carry their tools in the first item and have no top-level list (0.169).
        own = split_items(self.input or b"[]") if items is None else list(items)
        for at, raw in enumerate(own):
            if b'"additional_tools"' in raw[:200]:
                own[at] = _encode(with_tools(_decode(raw), tools))
                return own
        top["tools"] = list(tools)
        return items


def _with_items(top: dict[str, Any], items: Sequence[bytes]) -> bytes | memoryview:
    top["input"] = msgspec.Raw(b"[")
    keys = list(top)
    at = keys.index("input") + 1
    before = _encode({key: top[key] for key in keys[:at]})[:-1]
    behind = _encode({key: top[key] for key in keys[at:]})
    behind = b"]}" if at == len(keys) else b"]," + behind[1:]
    pieces = items if isinstance(items, Pieces) else Pieces(list(items))
    return pieces.between(before, behind)


def split_items(array: bytes | memoryview) -> list[bytes]:
    """The elements of a JSON array, each in its own bytes. Raises MalformedBody."""
    try:
        return [bytes(raw) for raw in _list.decode(array)]
    except NO_JSON as error:
        raise MalformedBody(f"request body, input: not an array of items ({error})") from None


def parse_item(raw: bytes) -> Item:
    """One item as a dict. Raises MalformedBody where it is no object."""
    try:
        value = _decode(raw)
    except NO_JSON as error:
        raise MalformedBody(f"request body, input: an item is broken ({error})") from None
    if not isinstance(value, dict):
        raise MalformedBody("request body, input: an item is no object")
    return value


def encode_item(item: Item) -> bytes:
    """An item as JSON bytes."""
    return _encode(item)
