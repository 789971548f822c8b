"""What the terminal sends, taken apart into keys; pasted text is one piece, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

PASTE_BEGIN = b"\x1b[200~"
PASTE_END = b"\x1b[201~"
HOME = b"\x1b[H"
CTRL_A = b"\x01"

Kind = Literal["enter", "tab", "arrow", "text", "paste", "other"]

# Caps lock (64) and num lock (128) on top of no modifier (1); a key that goes up again (":3") is no key pressed.
_PLAIN = rb"(?:;(?:1|65|129|193)?(?::1)?)?"
_KEY = re.compile(
    rb"(?P<enter>\r|\x1bOM|\x1b\[(?:13|57414)" + _PLAIN + rb"u)"
    rb"|(?P<tab>\t|\x1b\[9" + _PLAIN + rb"u)"
    rb"|(?P<arrow>\x1b(?:O|\[(?:1" + _PLAIN + rb")?)[AB]|[\x0e\x10]|\x1b\[(?:110|112);5(?::1)?u)"
    rb"|(?P<other>\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|\x1b[\]P_^X].*?(?:\x07|\x1b\\)|\x1b[^\[O]|[\x00-\x1f\x7f])"
    rb"|(?P<text>[^\x00-\x1f\x7f]+)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key, with the bytes that mean it."""

    kind: Kind
    data: bytes


class Keys:
    """Takes input apart; it remembers whether a paste is under way."""

    def __init__(self) -> None:
        self._pasting = False

    def of(self, data: bytes) -> Iterator[Key]:
        """The keys in what has just been read. Joined, their bytes are ``data``."""
        at = 0
        while at < len(data):
            if self._pasting or data.startswith(PASTE_BEGIN, at):
                end = data.find(PASTE_END, at)
                self._pasting = end < 0
                end = len(data) if end < 0 else end + len(PASTE_END)
                yield Key("paste", data[at:end])
            elif (found := _KEY.match(data, at)) is not None:
                end = found.end()
                yield Key(cast(Kind, found.lastgroup), found.group())
            else:
                # The beginning of a sequence whose rest has not come yet, or a single Escape.
                end = len(data)
                yield Key("other", data[at:])
            at = end
