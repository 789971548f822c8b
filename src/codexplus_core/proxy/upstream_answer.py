"""The head of an answer, from the lines that curl hands over one by one."""

from __future__ import annotations

from collections.abc import Sequence

from .transport import Headers

_FRAMING = b"transfer-encoding"


def read_answer_head(lines: Sequence[bytes]) -> tuple[int, Headers, bool]:
    """Status, headers, and whether the body comes in chunks; ``lines`` are what stood before the empty one.

    The status is 0 where they begin with none: curl hands such lines over before it says what is wrong with them.
    """
    headers: Headers = []
    framed = False
    for line in lines[1:]:
        if line[0] in b" \t":  # goes on where the line before ended
            if headers:
                name, value = headers[-1]
                headers[-1] = (name, value + b" " + line.strip())
            continue
        name, _, value = line.partition(b":")
        headers.append((name, value.strip()))
        if len(name) == len(_FRAMING):
            framed = framed or name.lower() == _FRAMING
    chunked = framed and any(name.lower() == _FRAMING and _is_chunked(value) for name, value in headers)
    line = lines[0] if lines else b""
    if not line.startswith(b"HTTP/"):
        return 0, headers, chunked
    status = line[9:12] if line[6:7] == b"." else line[7:10]
    return int(status) if status.isdigit() else 502, headers, chunked


def _is_chunked(coding: bytes) -> bool:
    return coding.lower().rpartition(b",")[2].strip() == b"chunked"
