"""Reading compressed request bodies: zstd, gzip and deflate, singly or stacked, within a bound on the result."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import zstandard

LIMIT = 64 * 1024 * 1024
"""The most that a body may hold, compressed or not."""
WINDOW_LIMIT = 8 * 1024 * 1024
"""The most that a zstd frame may ask to look back; Codex's frames ask for 2 MiB, the RFC advises 8."""

_MAX_CODINGS = 3
# Frames and members cost a decoder each, and empty ones cost the sender almost nothing.
_MAX_PARTS = 1024
_BLOCK = 256 * 1024
# The densest zstd block makes 128 KiB of 4 bytes.
_ZSTD_MOST_PER_BYTE = 32 * 1024
_ZSTD_LEAST_STEP = 32


class BadBody(Exception):
    """A request body that is not decoded: the HTTP status to answer with, a short code and the words for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def codings(encoding: bytes) -> list[bytes]:
    """The codings that a Content-Encoding value names, in the order they were applied, without ``identity``.

    Raises BadBody (415) for one that is not known here: a body that plugins and policy cannot read is not forwarded.
    """
    if not encoding:
        return []
    names = [name.strip().lower() for name in encoding.split(b",")]
    found = [name for name in names if name not in (b"", b"identity")]
    unknown = [name for name in found if name not in _DECODERS]
    if unknown or len(found) > _MAX_CODINGS:
        what = unknown[0].decode("latin-1")[:40] if unknown else f"more than {_MAX_CODINGS} codings"
        raise BadBody(415, "content_encoding", f"content-encoding {what!r} is not read here; send zstd, gzip or plain")
    return found


def precheck(encoding: bytes, length: int | None, limit: int = LIMIT) -> None:
    """Judge a body by its headers alone: raises what ``decode`` would raise, before a byte of it is read."""
    codings(encoding)
    if length is not None and length > limit:
        raise _too_large(limit)


def decode(raw: bytes, encoding: bytes = b"", *, limit: int = LIMIT, window_limit: int = WINDOW_LIMIT) -> bytes:
    """The body in clear.

    Raises BadBody: 413 when it, or a stage on the way to it, is larger than ``limit``; 400 when it is broken, cut, or
    followed by something else; 415 for an unknown coding. An empty body is empty under every coding.
    """
    stages = codings(encoding)
    if len(raw) > limit:
        raise _too_large(limit)
    body = raw
    for name in reversed(stages):
        if not body:
            break
        body = _DECODERS[name](body, limit, window_limit)
    return body


def _too_large(limit: int) -> BadBody:
    return BadBody(413, "body_too_large", f"the request body is larger than {limit} bytes; send less")


def _broken(name: str, why: str) -> BadBody:
    return BadBody(400, "body", f"the request body is no whole {name} stream ({why}); send it again")


def _unzstd(raw: bytes, limit: int, window_limit: int) -> bytes:
    context = zstandard.ZstdDecompressor(max_window_size=window_limit)
    data = memoryview(raw)
    blocks: list[bytes] = []
    size = at = 0
    try:
        for _ in range(_MAX_PARTS):
            frame = context.decompressobj()
            while not frame.eof and at < len(data):
                # A step is so small that even the densest input in it cannot pass the limit by more than some blocks.
                step = max(_ZSTD_LEAST_STEP, (limit - size) // _ZSTD_MOST_PER_BYTE)
                piece = data[at : at + step]
                block = frame.decompress(piece)
                at += len(piece) - (len(frame.unused_data) if frame.eof else 0)
                size += len(block)
                if size > limit:
                    raise _too_large(limit)
                if block:
                    blocks.append(block)
            if not frame.eof:
                raise _broken("zstd", "it ends too early")
            if at == len(data):
                return b"".join(blocks)
    except zstandard.ZstdError as error:
        raise _broken("zstd", _reason(error)) from None
    raise _broken("zstd", f"more than {_MAX_PARTS} frames")


def _reason(error: zstandard.ZstdError) -> str:
    return str(error).rpartition(":")[2].strip().lower() or "unreadable"


def _gunzip(raw: bytes, limit: int, _window_limit: int) -> bytes:
    return _inflate("gzip", raw, limit, 16 + zlib.MAX_WBITS, members=_MAX_PARTS)


def _undeflate(raw: bytes, limit: int, _window_limit: int) -> bytes:
    # "deflate" means the zlib format, but some senders leave its two header bytes away.
    has_header = len(raw) >= 2 and raw[0] & 0x0F == 8 and (raw[0] << 8 | raw[1]) % 31 == 0
    return _inflate("deflate", raw, limit, zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS, members=1)


def _inflate(name: str, raw: bytes, limit: int, wbits: int, *, members: int) -> bytes:
    data = memoryview(raw)
    blocks: list[bytes] = []
    size = at = 0
    try:
        for _ in range(members):
            member = zlib.decompressobj(wbits)
            while not member.eof and at < len(data):
                # Fed in pieces: what one call leaves over is copied each time.
                pending: bytes | memoryview = data[at : at + _BLOCK]
                at += len(pending)
                while len(pending):
                    block = member.decompress(pending, _BLOCK)
                    size += len(block)
                    if size > limit:
                        raise _too_large(limit)
                    if block:
                        blocks.append(block)
                    pending = b"" if member.eof else member.unconsumed_tail
                at -= len(member.unused_data)
            # The last of the output can lag behind the last of the input.
            tail = member.flush()
            size += len(tail)
            if size > limit:
                raise _too_large(limit)
            blocks.append(tail)
            if not member.eof:
                raise _broken(name, "it ends too early")
            if at == len(data):
                return b"".join(blocks)
    except zlib.error as error:
        raise _broken(name, str(error)) from None
    raise _broken(name, "something follows it")


_DECODERS: dict[bytes, Callable[[bytes, int, int], bytes]] = {
    b"zstd": _unzstd,
    b"gzip": _gunzip,
    b"x-gzip": _gunzip,
    b"deflate": _undeflate,
}
