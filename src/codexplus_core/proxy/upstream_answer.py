"""The head of an answer, from the lines that curl hands over one by one."""

from __future__ import annotations

from .transport import Headers

REFUSED = 0xFFFFFFFF
"""What tells curl to break off (its CURL_WRITEFUNC_ERROR)."""

_FRAMING = b"transfer-encoding"


class AnswerHead:
    """Status and headers; heads of interim answers (1xx) are read and forgotten.

    ``switches`` says whether a 101 is an answer to what was asked.
    """

    __slots__ = ("_switches", "chunked", "headers", "status", "whole")

    def __init__(self, *, switches: bool) -> None:
        self.status = 0
        self.headers: Headers = []
        self.whole = False
        """Whether all of it is here."""
        self.chunked = False
        """Whether the body comes in chunks."""
        self._switches = switches

    def add(self, line: bytes) -> int:
        """Take a line, whatever it holds; returns what curl wants to hear."""
        if line[:5] == b"HTTP/":
            self.headers = []
            status = line[9:12] if line[6:7] == b"." else line[7:10]
            self.status = int(status) if status.isdigit() else 502
        elif line in (b"\r\n", b"\n"):
            if self.status >= 200:
                self.whole = True
                self.chunked = any(name.lower() == _FRAMING and _is_chunked(value) for name, value in self.headers)
            elif self.status == 101 and not self._switches:
                return REFUSED  # nobody asked for it, and no answer would ever come behind it
        elif line[:1] in (b" ", b"\t"):
            if self.headers:
                name, value = self.headers[-1]
                self.headers[-1] = (name, value + b" " + line.strip())
        else:
            name, _, value = line.partition(b":")
            self.headers.append((name, value.strip()))
        return len(line)


def _is_chunked(coding: bytes) -> bool:
    return coding.lower().rpartition(b",")[2].strip() == b"chunked"
