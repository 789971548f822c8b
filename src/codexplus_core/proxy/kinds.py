"""What an answer's head says of its body."""

from __future__ import annotations

from operator import itemgetter

from .transport import Headers

_NAME, _VALUE = itemgetter(0), itemgetter(1)


def is_plain_json(headers: Headers) -> bool:
    """Whether a head promises JSON that can be read as it comes."""
    found = {name.lower(): value.strip().lower() for name, value in headers}
    return b"json" in found.get(b"content-type", b"") and found.get(b"content-encoding", b"") in (b"", b"identity")


def is_json(headers: Headers) -> bool:
    """Whether it is JSON, however it is encoded."""
    return any(name.lower() == b"content-type" and b"json" in value.lower() for name, value in headers)


def is_event_stream(headers: Headers) -> bool:
    """Whether it is a stream of events that can be read as it comes."""
    said = dict(zip(map(bytes.lower, map(_NAME, headers)), map(_VALUE, headers), strict=True))
    if b"content-encoding" in said:
        encodings = [value.lower() for name, value in headers if name.lower() == b"content-encoding"]
        if any(encoding not in (b"", b"identity") for encoding in encodings):
            return False
    kind: bytes = said.get(b"content-type", b"")
    return kind.lower().startswith(b"text/event-stream")


def is_zstd(headers: Headers) -> bool:
    """Whether the body is compressed with Zstandard."""
    if b"content-encoding" not in map(bytes.lower, map(_NAME, headers)):
        return False
    return any(name.lower() == b"content-encoding" and value.strip().lower() == b"zstd" for name, value in headers)
