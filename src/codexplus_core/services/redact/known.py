"""Secrets that are known by their value: the proxy's token, what a hook was lent, what a server gave."""

from __future__ import annotations

import json
from urllib.parse import quote

MIN_LENGTH = 8
"""Characters a known secret must have: shorter ones would be found in ordinary words."""

_LEAD = 4


class Known:
    """Exact values and their kinds, each also as JSON and as an address spells it."""

    def __init__(self, secrets: tuple[tuple[str, str], ...], *, min_length: int = MIN_LENGTH, taken: str = "") -> None:
        """``taken`` is text that redaction itself writes: a value that stands in it cannot be looked for."""
        spelled = {
            spelling: kind
            for kind, secret in secrets
            if len(secret) >= max(min_length, _LEAD)
            for spelling in (
                secret,
                json.dumps(secret)[1:-1],
                json.dumps(secret, ensure_ascii=False)[1:-1],
                quote(secret, safe="", errors="replace"),
            )
            if spelling not in taken
        }
        # The longest first: another may begin like it.
        self.secrets = tuple(sorted(((value, kind) for value, kind in spelled.items()), key=lambda it: -len(it[0])))

    def replace(self, text: str) -> str:
        """The text without them."""
        if not any(value in text for value, _ in self.secrets):
            return text
        out: list[str] = []
        at = self.replace_until(text, 0, len(text), out)
        return "".join([*out, text[at:]])

    def replace_until(self, text: str, at: int, until: int, out: list[str]) -> int:
        """Replace what begins before ``until``; return where the rest begins."""
        for start, value, kind in sorted(self._places(text, at), key=lambda it: (it[0], -len(it[1]))):
            if at <= start < until:
                out += (text[at:start], f"[REDACTED:{kind}]")
                at = start + len(value)
        return at

    def _places(self, text: str, at: int) -> list[tuple[int, str, str]]:
        found = []
        for value, kind in self.secrets:
            start = text.find(value, at)
            while start >= 0:
                found.append((start, value, kind))
                start = text.find(value, start + 1)
        return found

    def begun(self, text: str) -> int:
        """Where the text breaks off within one of them, at the earliest; its length where it does not."""
        end = earliest = len(text)
        for value, _ in self.secrets:
            start = text.find(value[:_LEAD], max(0, end - len(value) + 1))
            while start >= 0 and start < earliest:
                if value.startswith(text[start:]):
                    earliest = start
                start = text.find(value[:_LEAD], start + 1)
            for length in range(min(_LEAD - 1, end), 0, -1):
                if end - length < earliest and text.endswith(value[:length]):
                    earliest = end - length
        return earliest


class KnownStream:
    """One text on its way; holds what may be the beginning of a known secret."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._text = ""

    def feed(self, more: str, *, last: bool = False) -> str:
        """Take more text; return what is decided."""
        text = self._text + more
        if last:
            self._text = ""
            return self._known.replace(text)
        until = self._known.begun(text)
        out: list[str] = []
        at = self._known.replace_until(text, 0, until, out)
        out.append(text[at : max(at, until)])
        self._text = text[max(at, until) :]
        return "".join(out)
