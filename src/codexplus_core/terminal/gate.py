"""What becomes of the keys: all of them pass, but Enter behind ``/name`` of ours first puts a space in front of it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from .composer import Composer
from .keys import CTRL_A, HOME, PASTE_BEGIN, PASTE_END, Key, Keys
from .names import Names

SETTLE_S = 0.1
"""How old the last key must be, in seconds, for the screen to show it."""
ECHO_S = 0.4
"""How long a program is given that shows nothing at all after a key."""
MOST_ROWS = 20
"""A text with more rows may be scrolled: its first row is not certain to be seen."""
# As Codex counts: so many characters at once are a paste, and Enter in them a new line.
_BURST = 3
# The mouse, focus, keys that go up again and what the terminal says of itself: nothing is shown for them.
_UNSEEN = re.compile(rb"\x1b\[(?:<.*|[IO]|[0-9;:]*:3[u~A-Z]|[0-9;?]*[Rcy])|\x1b[\]P_].*", re.DOTALL)
_INTERRUPT = (b"\x03", b"\x1b[99;5u", b"\x1b", b"\x1b[27u")


class Gate:
    """Takes what the terminal sends and gives what Codex gets; the clock is the caller's, in seconds.

    ``look`` reads the composer, ``codexs`` are the names that stay Codex's, ``takes_pastes`` says whether the program
    has asked for bracketed pastes: the space goes in as one, for after a typed one Codex may take a fast Enter for a
    new line.
    """

    def __init__(
        self,
        look: Callable[[], Composer | None],
        names: Names,
        *,
        codexs: frozenset[str],
        takes_pastes: Callable[[], bool],
    ) -> None:
        self.due: float | None = None
        """When `later` is to be called; None while no key is held back."""
        self._look = look
        self._names = names
        self._codexs = codexs
        self._takes_pastes = takes_pastes
        self._keys = Keys()
        self._waiting: deque[Key] = deque()
        self._typed_at = -ECHO_S
        self._seen = True
        self._slash = self._moved = False

    def typed(self, data: bytes, now: float) -> bytes:
        """What Codex gets now of what has just been typed."""
        held = self.due is not None
        keys = list(self._keys.of(data))
        self._waiting.extend(_bursts_marked(keys))
        if not held:
            return self._pass(now)
        # Text right behind Enter: somebody pastes, and the terminal does not say so. Text behind Tab is written on, and
        # waits for what Tab puts in. And Ctrl-C never waits.
        pastes = self._waiting[0].kind == "enter" and any(key.kind in ("text", "paste") for key in keys)
        return self._all(now) if pastes or any(key.data in _INTERRUPT for key in keys) else b""

    def shown(self) -> None:
        """Note that the program wrote something."""
        self._seen = True

    def later(self, now: float) -> bytes:
        """What Codex gets now of what was held back."""
        return b"" if self.due is None else self._pass(now)

    def _pass(self, now: float) -> bytes:
        out = bytearray()
        while self._waiting:
            key = self._waiting[0]
            if key.kind in ("enter", "tab"):
                composer = self._look()
                self.due = self._unclear_until(composer, now)
                if self.due is not None:
                    break
                out += self._enter(key, composer) if key.kind == "enter" else self._tab(key, composer)
                # What Tab has put in is still to be seen, too.
                self._typed_at, self._seen = now, False
                self._slash, self._moved = key.kind == "tab" and self._slash, False
            else:
                out += key.data
                self._note(key, now)
            self._waiting.popleft()
        return bytes(out)

    def _all(self, now: float) -> bytes:
        out = b"".join(key.data for key in self._waiting)
        for key in self._waiting:
            self._note(key, now)
        self._waiting.clear()
        self.due = None
        return out

    def _note(self, key: Key, now: float) -> None:
        if _UNSEEN.fullmatch(key.data):
            return
        self._typed_at, self._seen = now, False
        if key.kind in ("text", "paste"):
            self._moved = False
            if b"/" in key.data:
                self._slash = True
                self._names.refresh(now)
        elif key.kind == "arrow":
            self._moved = True

    def _unclear_until(self, composer: Composer | None, now: float) -> float | None:
        shows = composer is not None and composer.first.startswith("/")
        fresh = now < self._typed_at + SETTLE_S
        # An arrow may recall a line, and who pressed it sees that a moment before all of it has been drawn.
        if not shows and not ((self._slash or self._moved) and fresh):
            return None
        if fresh:
            return self._typed_at + SETTLE_S
        if not self._seen and now < self._typed_at + ECHO_S:
            return min(now + SETTLE_S / 4, self._typed_at + ECHO_S)
        self._names.refresh(now)
        return self._names.due(now)

    def _enter(self, key: Key, composer: Composer | None) -> bytes:
        if composer is None or not self._is_ours(composer):
            return key.data
        front = _to_front(composer)
        return key.data if front is None else front + _pasted(" ") + key.data

    def _is_ours(self, composer: Composer) -> bool:
        name = composer.name
        if name not in self._names.known or name in self._codexs or not self._takes_pastes():
            return False
        # The popup shows what Enter does: a command of Codex that we have never heard of, or one that was chosen in it.
        return not (composer.is_bare and (name in composer.offers or (self._moved and composer.offers)))

    def _tab(self, key: Key, composer: Composer | None) -> bytes:
        if composer is None or not composer.name:
            return key.data
        if composer.queues:
            return self._enter(key, composer)
        if not (composer.is_bare and composer.at_end) or composer.offers or not self._takes_pastes():
            return key.data
        found = sorted(name for name in self._names.known - self._codexs if name.startswith(composer.name))
        rest = _shared(found)[len(composer.name) :] + (" " if len(found) == 1 else "")
        return _pasted(rest) if rest else key.data


def _bursts_marked(keys: list[Key]) -> list[Key]:
    """The keys; an Enter that came at once with text around it counts as part of that text."""
    marked = []
    for at, key in enumerate(keys):
        before = keys[at - 1] if at else None
        fast = before is not None and before.kind == "text" and len(before.data.decode("utf-8", "replace")) >= _BURST
        if key.kind == "enter" and (fast or any(later.kind in ("text", "enter") for later in keys[at + 1 :])):
            key = Key("other", key.data)
        marked.append(key)
    return marked


def _shared(names: list[str]) -> str:
    """The beginning that all of these sorted names have in common."""
    if not names:
        return ""
    first, last = names[0], names[-1]
    return next((first[:at] for at, one in enumerate(first) if not last.startswith(one, at)), first)


def _to_front(composer: Composer) -> bytes | None:
    """The keys that lead to the first character; None where no safe ones are known."""
    if composer.rows > MOST_ROWS:
        return None
    if composer.mode == "Normal":
        return b"0" if composer.rows == 1 else None
    if composer.mode not in ("", "Insert"):
        return None
    # Ctrl-A goes to the start of the line, then to the one before; at the very front it does nothing.
    return HOME if composer.rows == 1 else CTRL_A * (2 * composer.rows)


def _pasted(text: str) -> bytes:
    return PASTE_BEGIN + text.encode() + PASTE_END
