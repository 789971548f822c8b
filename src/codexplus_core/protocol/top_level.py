"""The top level of a request's JSON, each value in the client's bytes; what it repeats of an earlier one is not decoded
again.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain

import msgspec

TopLevel = dict[str, msgspec.Raw]

_decode_top = msgspec.json.Decoder(TopLevel).decode
_decode = msgspec.json.decode
_encode = msgspec.json.Encoder().encode
# A hundred thousand brackets are JSON too, but no parser follows them all.
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_KEY = re.compile(rb'[\s{,]*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)

_LEAST = 16 * 1024
"""Bytes of items that must be known: to decode fewer takes no longer than to look for them."""
_REMEMBERED = 1000
"""Characters of keys up to which it is remembered how they are written: all requests of a client have the same."""
_INPUT = re.compile(rb'"input": ?(?=\[)')
# No request can hold it, so where it is found, it stands where it was put.
_STANDS_FOR = b'["%s"' % secrets.token_hex(16).encode()


def top_level(data: bytes, known: Iterable[bytes | memoryview] = ()) -> tuple[TopLevel, str | None, bytes | memoryview]:
    """The values by their keys, the first key that comes twice, which of ``known`` was found. Raises one of NO_JSON.

    ``known`` are beginnings of ``input`` arrays that were decoded before, each with its bracket and up to the end of
    an item: a long conversation is sent with every request.
    """
    long = [beginning for beginning in known if len(beginning) >= _LEAST]
    if long and (key := _INPUT.search(data)) is not None:
        start = key.end()
        fitting = (each for each in long if data.startswith(each, start) and _ends(data, start + len(each)))
        beginning = max(fitting, key=len, default=b"")
        if beginning and (found := _without(data, start, start + len(beginning))) is not None:
            return *found, beginning
    top = _decode_top(data)
    return top, _repeated(data, top), b""


def _ends(data: bytes, at: int) -> bool:
    return data[at : at + 1] in (b",", b"]")


def _without(data: bytes, start: int, behind: int) -> tuple[TopLevel, str | None] | None:
    """The same with one item in the place of the known ones; None where these do not stand in ``input``."""
    short = b"%b%b%b" % (data[:start], _STANDS_FOR, data[behind:])
    try:
        top = _decode_top(short)
    except NO_JSON:
        return None  # decoded as a whole it says where the fault is
    array = bytes(top.get("input", b""))
    # What was found may stand within another value.
    if not array.startswith(_STANDS_FOR):
        return None
    repeated = _repeated(short, top)
    end = behind + len(array) - len(_STANDS_FOR)
    top["input"] = msgspec.Raw(memoryview(data)[start:end])
    return top, repeated


@lru_cache(maxsize=32)
def _keys_of(names: tuple[str, ...]) -> tuple[int, list[bytes]]:
    """The length of these keys with their colons, and what stands before each value where Python writes them."""
    keys = list(map(_encode, names))
    marks = [b"%b%b: " % (b", " if at else b"{", key) for at, key in enumerate(keys)]
    return sum(map(len, keys)) + len(keys), marks


def _repeated(data: bytes, top: Mapping[str, msgspec.Raw]) -> str | None:
    """The first top-level key that comes twice: here the last one counts, another reader may go by the first."""
    names = tuple(top)
    short = sum(map(len, names)) <= _REMEMBERED
    bare, marks = _keys_of(names) if short else _keys_of.__wrapped__(names)
    size, count = bare + sum(map(len, top.values())), len(names)
    # Written without spaces, and with each key in its shortest form, nothing can hide: Codex writes it like that.
    if len(data) == 1 + size + count:
        return None
    # The other usual way, which is Python's.
    if len(data) == size + 3 * count:
        pieces = chain.from_iterable(zip(marks, top.values(), strict=True))
        if data == b"".join([*pieces, b"}"]):
            return None
    seen: set[str] = set()
    key: str = ""
    at = 0
    while (found := _KEY.match(data, at)) is not None:
        key = _decode(found[1])
        value = bytes(top[key])
        if key in seen or not data.startswith(value, found.end()):
            return key
        seen.add(key)
        at = found.end() + len(value)
    # The last value of a key can be how its first one begins: 1 and 12.
    return key if data[at:].strip(b"{} \t\r\n") else None
