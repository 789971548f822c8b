"""One text on its way through the rules, whole or in pieces."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .finder import Finder
from .plausible import MARK, PLACEHOLDER
from .rule import LOOK_BACK, Form, Found, Rule, Tail

# A name this long could itself be a token that the name's word stands before.
_LONG_NAME = 18
_HOLDS_A_TOKEN = re.compile(rf"(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{{{_LONG_NAME}}}")
_MARK_BEGUN = re.compile(r"\[REDACTED:[a-z0-9_-]{0,40}\Z")


@dataclass(slots=True)
class Taken:
    """A part of a text, and what stands in its place."""

    start: int
    end: int
    placeholder: str


class Scan:
    """What has come of a text and is not decided yet.

    A rule that could still match if more text came stops everything from its place on, so what leaves is the same
    however the text was cut. What is held is bounded by the longest rule, because a tail is dropped as it comes.
    """

    def __init__(self, finder: Finder, places: list[tuple[int, int, str]] | None = None) -> None:
        """``places`` are those of the first text that comes, where they are known."""
        self._finder = finder
        self._places = places
        self._text = ""
        self._at = 0  # what is before has left
        self._floor = 0  # where the last redaction ended
        self._tail: Tail | None = None  # the secret that ended there goes on
        self.taken: list[Taken] = []
        """What was taken out of a text that came whole; of one in pieces only the newest."""

    @property
    def held(self) -> int:
        """Characters that came and have not left."""
        return len(self._text) - self._at

    def feed(self, more: str, *, last: bool = False) -> str:
        """Take more text; return what is decided. ``last`` decides all of it."""
        self._text += more
        out: list[str] = []
        if self._tail is None or self._swallow(last):
            until = self._look(out, last)
            if until > self._at:
                out.append(self._text[self._at : until])
                self._at = until
        self._forget()
        return "".join(out)

    def _look(self, out: list[str], last: bool) -> int:
        """Redact what is decided; return where the undecided begins."""
        finder, text = self._finder, self._text
        end = len(text)
        breaking_off = end if last else end - finder.longest_anchor
        places, self._places = self._places, None
        for start, number, anchor in finder.places(text, self._at) if places is None else places:
            if start < self._at:
                continue
            if start > breaking_off and (begun := finder.begun(text, self._at, self._floor)) <= start:
                return begun
            if number < 0:
                mark = PLACEHOLDER.match(text, start)
                if mark is not None:
                    self._take(out, start, mark.end(), mark.group())
                elif not last and _MARK_BEGUN.match(text, start):
                    return start
                continue
            rule = finder.rules[number]
            if not rule.allowed(text, self._floor, start):
                continue
            match = _match(rule, text, self._floor, start, anchor, last)
            if match is None:
                continue
            found, form = match
            if form is None:
                return start
            self._take(out, found.secret, found.end, f"{MARK}{rule.kind}]{form.stays}")
            self._tail = form.tail
            if self._tail is not None and not self._swallow(last):
                return self._at
        return end if last else finder.begun(text, self._at, self._floor)

    def _take(self, out: list[str], start: int, end: int, placeholder: str) -> None:
        out.append(self._text[self._at : start])
        out.append(placeholder)
        self.taken.append(Taken(start, end, placeholder))
        self._at = self._floor = end

    def _swallow(self, last: bool) -> bool:
        """Drop what belongs to the tail; False where it may go on."""
        tail, text = self._tail, self._text
        if tail is None:
            return True
        self._at = self._floor = _end(tail.goes_on if last else tail.comes, text, self._at)
        if not last and tail.breaks_off.match(text, self._at):
            return False
        self._at = self._floor = _end(tail.closes, text, self._at)
        self._tail = None
        if self.taken:
            self.taken[-1].end = self._at
        return True

    def _forget(self) -> None:
        gone = self._at - LOOK_BACK
        if gone > 0:
            self._text = self._text[gone:]
            self._at -= gone
            self._floor = max(0, self._floor - gone)
            self.taken.clear()


def _match(rule: Rule, text: str, floor: int, start: int, anchor: str, last: bool) -> tuple[Found, Form | None] | None:
    """The match there and its form; no form where it takes more text to say; None where there is none."""
    at = start + len(anchor)
    open_ended = not last and start + rule.longest >= len(text)
    if rule.lead is not None:
        if open_ended and rule.lead_begun.match(text, at):
            return Found(text, floor, start, anchor, at, start, at), None
        led = rule.led.match(text, at)
        if led is None:
            return None
        at = led.end()
    for form in rule.forms:
        if open_ended and form.begun.match(text, at):
            return Found(text, floor, start, anchor, at, start, at), None
        match = form.whole.match(text, at)
        if match is None:
            continue
        secret = start if rule.lead is None else match.start("secret")
        if secret - start >= _LONG_NAME and _HOLDS_A_TOKEN.search(text, start, secret):
            secret = start + len(anchor)
        found = Found(text, floor, start, anchor, at, secret, match.end())
        if form.check is None or form.check(found):
            return found, form
    return None


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()
