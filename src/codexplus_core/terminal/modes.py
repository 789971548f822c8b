"""Which modes a program has switched on, and the bytes that switch them off when it can no longer do so itself."""

from __future__ import annotations

import re

_CHANGE = re.compile(rb"\x1b\[([?<>])([0-9;]*)([hlum])")
_UNFINISHED = re.compile(rb"\x1b(?:\[[?<>]?[0-9;]*)?\Z")
_LONGEST = 64
_ALTERNATE = frozenset((b"47", b"1047", b"1049"))
# The mouse, focus, pastes, application keys, synchronized output, colour scheme reports.
_OFF_AT_FIRST = _ALTERNATE | frozenset(
    (b"1", b"9", b"1000", b"1002", b"1003", b"1004", b"1005", b"1006", b"1015", b"1016", b"2004", b"2026", b"2031")
)
PASTES = b"2004"


class Modes:
    """Reads modes out of the output as it passes."""

    def __init__(self) -> None:
        self._on: set[bytes] = set()
        self._hidden_cursor = self._other_keys = False
        # The keyboard modes of kitty are a stack, one for each screen.
        self._pushed = {False: 0, True: 0}
        self._rest = b""

    @property
    def takes_pastes(self) -> bool:
        """Whether pastes are marked."""
        return PASTES in self._on

    def watch(self, data: bytes) -> None:
        """Note what this piece of output changes."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        elif b"\x1b" not in data:
            return
        for found in _CHANGE.finditer(data):
            self._note(*found.groups())
        unfinished = _UNFINISHED.search(data, max(0, len(data) - _LONGEST))
        if unfinished is not None:
            self._rest = unfinished.group()

    def _note(self, private: bytes, numbers: bytes, final: bytes) -> None:
        if private == b"?" and final in b"hl":
            for mode in numbers.split(b";"):
                if mode == b"25":
                    self._hidden_cursor = final == b"l"
                elif final == b"l":
                    self._on.discard(mode)
                elif mode in _OFF_AT_FIRST:
                    self._on.add(mode)
        elif private == b">" and final == b"m" and numbers.startswith(b"4"):
            self._other_keys = numbers not in (b"4", b"4;", b"4;0")
        elif final == b"u" and private in b"<>":
            screen = self._is_alternate
            count = int(numbers) if numbers.isdigit() and len(numbers) < 4 else 1
            step = 1 if private == b">" else -max(1, count)
            self._pushed[screen] = min(100, max(0, self._pushed[screen] + step))

    @property
    def _is_alternate(self) -> bool:
        return not self._on.isdisjoint(_ALTERNATE)

    def undone(self) -> bytes:
        """What brings the terminal back to where it was; nothing where the program has cleaned up."""
        out = [b"\x1b[?%sl" % mode for mode in sorted(self._on - _ALTERNATE)]
        if self._other_keys:
            out.append(b"\x1b[>4;0m")
        if self._pushed[True] and self._is_alternate:
            out.append(b"\x1b[<%du" % self._pushed[True])
        out += [b"\x1b[?%sl" % mode for mode in sorted(self._on & _ALTERNATE)]
        if self._pushed[False]:
            out.append(b"\x1b[<%du" % self._pushed[False])
        if self._hidden_cursor:
            out.append(b"\x1b[?25h")
        return b"".join([*out, b"\x1b[0m"]) if out else b""
