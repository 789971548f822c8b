"""The chunked framing of an upstream's body (RFC 9112, section 7.1), followed without taking it apart."""

from __future__ import annotations

import re
from itertools import repeat
from operator import itemgetter

# Some servers fill a size up with spaces.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_PLAIN = re.compile(rb"\n[1-9A-Fa-f][0-9A-Fa-f]{,2}")
_BREAK = b"\r\n"
_END = b"0\r\n\r\n"
_BEHIND_OTHERS = b"\r\n0\r\n\r\n"
_LAST = [b"\n0", b"\n"]
_FEED = {0x0A}
# A size line that goes on for longer holds nothing that anybody means.
_LINE_LIMIT = 4096
_TRAILER_LIMIT = 64 * 1024
# Bytes from which it pays to look at all the chunks of a piece at once.
_MANY = 1024


class BrokenFraming(ValueError):
    """The bytes are no chunks."""


class _Lengths(dict[bytes, int]):
    """Lengths by their size lines, for those that say one from 1 to 4095 in the shortest way; -1 for all others.

    A line begins with the line feed of the break before it, and a length counts the line feed before the content.
    """

    def __missing__(self, line: bytes) -> int:
        # The last chunk is no other one: what follows it is not the body's.
        length = int(line, 16) if _PLAIN.fullmatch(line) else 0
        if not length or line not in (b"\n%x" % length, b"\n%X" % length):
            return -1
        # No more are kept than there are such numbers, in either case of the letters.
        self[line] = length + 1
        return length + 1


_LENGTHS = _Lengths()
_FIRST, _BEHIND_FIRST = itemgetter(0), itemgetter(slice(1, None))


def _plain(data: bytes, at: int) -> tuple[list[bytes], int]:
    """The whole chunks from ``at`` on if all are as most senders frame events, and where what follows them begins.

    Each is given as its content behind a line feed. A burst holds dozens of them, and taken one by one they cost more
    than all else that is done with it, so this asks the same of all at once: whatever holds a carriage return
    elsewhere, a longer chunk or something that is no chunk gives none, to be looked at one by one.
    """
    lines = (b"\n" + data[at:]).split(b"\r")
    rest = lines.pop()
    tail = len(rest) - 1
    if len(lines) % 2:
        rest = lines.pop()
        tail += len(rest) + 1
    elif lines[-2:] == _LAST:
        rest = _LAST[0]
        tail += 5
        del lines[-2:]
    if rest[:1] != b"\n":
        return [], at
    contents = lines[1::2]
    if list(map(_LENGTHS.__getitem__, lines[::2])) == list(map(len, contents)) and set(map(_FIRST, contents)) == _FEED:
        return contents, len(data) - tail
    return [], at


def _size_line(size: int) -> bytes:
    for digits in range(1, 17):
        length = size - digits - 4
        if length > 0 and len(line := b"%x\r\n" % length) == digits + 2:
            return line
    return b"-" * (size + 1)  # no chunk is that long: something that nothing of this length begins with


_USUAL = tuple(map(_size_line, range(4096)))
"""By a chunk's length with its framing: most events are that short, and this is asked for every one of them."""


def size_line(size: int) -> bytes:
    """The line that a whole chunk of this length, framing included, begins with, as most senders write it."""
    return _USUAL[size] if size < 4096 else _size_line(size)


def is_chunk(data: bytes) -> bool:
    """Whether these bytes are one whole chunk, as most senders frame it; an event most often comes as one."""
    size = len(data)
    return data.startswith(_USUAL[size] if size < 4096 else _size_line(size)) and data.endswith(_BREAK)


class Chunks:
    """Follows a chunked body from its first byte to its last, however the bytes are cut.

    ``feed`` takes bytes and returns them as they are, without what follows the body; ``bodies`` returns the chunks'
    contents instead. Use one of the two. Trailers are left out: ``ended`` says when the last chunk was seen, and the
    bytes that ``feed`` returned hold its ``0`` only where nothing followed it (``closed``).
    """

    __slots__ = ("_begun", "_held", "_skip", "_trailers", "between", "closed", "ended")

    def __init__(self) -> None:
        self.ended = False
        self.closed = False
        self.between = True
        """Whether the next byte begins a chunk."""
        self._begun = False
        self._skip = 0  # bytes of the chunk under way that are still to come, its line break included
        self._held = b""  # the beginning of a size line
        self._trailers = False

    @property
    def cut(self) -> bool:
        """Whether a body that ends here lacks its last chunk; one that has not begun is none at all."""
        return self._begun and not (self.ended or self._trailers)

    def whole(self, data: bytes, end: bytes) -> tuple[int, int]:
        """Where the first content begins and how many bytes of contents there are, if ``data`` is nothing but whole
        chunks behind whole ones, each of whose contents ends with ``end``; else (0, 0), and nothing has happened.
        """
        if not self.between or data.endswith(_BEHIND_OTHERS):
            return 0, 0
        start = at = total = 0
        size = len(data)
        if size > _MANY:
            contents, at = _plain(data, 0)
            if not all(map(bytes.endswith, contents, repeat(end))):
                return 0, 0
            if contents:
                if min(map(len, contents)) <= len(end):
                    return 0, 0  # the line feed before it helped to make an end
                start = data.index(_BREAK) + 2
                total = sum(map(len, contents)) - len(contents)
        while at < size:
            found = _SIZE.match(data, at)
            if found is None:
                return 0, 0
            begin, length = found.end(), int(found[1], 16)
            at = begin + length
            if not length or not data.startswith(_BREAK, at) or not data.endswith(end, begin, at):
                return 0, 0
            at += 2
            start = start or begin
            total += length
        self._begun = True
        return start, total

    def feed(self, data: bytes) -> bytes:
        """The bytes that belong to the body, in their framing. Raises BrokenFraming."""
        if self.ended:
            return b""
        try:
            return self._fed(data)
        finally:
            self._look()

    def _fed(self, data: bytes) -> bytes:
        self._begun = True
        if self._held:
            data, self._held = self._held + data, b""
        size = len(data)
        at = self._skip
        match = _SIZE.match
        if at:
            self._check_break(data, at)
        if size - at > _MANY and not self._trailers:
            _, at = _plain(data, at)
        while at < size and not self._trailers:
            found = match(data, at)
            if found is None:
                self._hold(data[at:])
                return data[:at]
            length = int(found[1], 16)
            if length:
                at = found.end() + length + 2
                if not data.startswith(_BREAK, at - 2):
                    self._check_break(data, at)
                continue
            if data[at:] == _END:
                self.ended = self.closed = True
                self._skip = 0
                return data
            self._trailers = True
            self._skip = 0
            self._end(data[at + len(found[0]) - 2 :])
            return data[:at]
        if self._trailers:
            self._end(data)
            return b""
        self._skip = at - size
        return data

    def bodies(self, data: bytes) -> bytes:
        """The contents of the chunks. Raises BrokenFraming."""
        if self.ended:
            return b""
        try:
            return self._contents(data)
        finally:
            self._look()

    def _look(self) -> None:
        self.between = not (self._skip or self._held or self._trailers or self.ended)

    def _contents(self, data: bytes) -> bytes:
        self._begun = True
        if self._held:
            data, self._held = self._held + data, b""
        parts: list[bytes] = []
        at = 0
        size = len(data)
        if self._skip:
            # What is missing of a chunk ends with its line break.
            at = self._skip
            self._check_break(data, at)
            parts.append(data[: max(0, at - 2)])
        if size - at > _MANY and not self._trailers:
            contents, at = _plain(data, at)
            parts += map(_BEHIND_FIRST, contents)
        while at < size and not self._trailers:
            found = _SIZE.match(data, at)
            if found is None:
                self._hold(data[at:])
                at = size
                break
            length = int(found[1], 16)
            if not length:
                self._trailers = True
                self._skip = 0
                self._end(data[found.end() - 2 :])
                return b"".join(parts)
            begin = found.end()
            at = begin + length + 2
            if not data.startswith(_BREAK, at - 2):
                self._check_break(data, at)
            parts.append(data[begin : begin + length])
        if self._trailers:
            self._end(data)
            return b""
        self._skip = at - size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @staticmethod
    def _check_break(data: bytes, end: int) -> None:
        # Whoever takes anything else there for a line break finds other chunks than we do.
        if end - len(data) >= 2:
            return
        begin = end - 2
        if data[max(0, begin) : end] != _BREAK[max(0, -begin) : len(data) - begin]:
            raise BrokenFraming("a chunk is longer or shorter than its size")

    def _hold(self, rest: bytes) -> None:
        line = rest.partition(b"\n")
        if line[1] or len(rest) > _LINE_LIMIT or not (rest[:1].isalnum() or not rest):
            raise BrokenFraming("a chunk's size is no hexadecimal number")
        self._held = rest
        self._skip = 0

    def _end(self, rest: bytes) -> None:
        # ``rest`` begins with the line break of the last chunk's size line, so that none at all is an empty line too.
        self._held += rest
        if b"\r\n\r\n" in self._held:
            self.ended = True
            self._held = b""
        elif len(self._held) > _TRAILER_LIMIT:
            raise BrokenFraming("the trailers never end")
