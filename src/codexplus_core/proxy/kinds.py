"""What an answer's head says of its body."""

from __future__ import annotations

from .transport import Headers


def is_plain_json(headers: Headers) -> bool:
    """Whether a head promises JSON that can be read as it comes."""
    found = {name.lower(): value.strip().lower() for name, value in headers}
    return b"json" in found.get(b"content-type", b"") and found.get(b"content-encoding", b"") in (b"", b"identity")


def is_json(headers: Headers) -> bool:
    """Whether it is JSON, however it is encoded."""
    return any(name.lower() == b"content-type" and b"json" in value.lower() for name, value in headers)


def is_event_stream(headers: Headers) -> bool:
    """Whether it is a stream of events that can be read as it comes."""
    encoded = False
    streams = False
    for name, value in headers:
        size = len(name)  # of most lines that is enough to know
        if size == 12 and name.lower() == b"content-type":
            streams = value.lower().startswith(b"text/event-stream")
        elif size == 16 and name.lower() == b"content-encoding" and value.lower() not in (b"", b"identity"):
            encoded = True
    return streams and not encoded
