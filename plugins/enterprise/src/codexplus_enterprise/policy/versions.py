"""Which versions of Codex may be used: a range in the words that packages use, ``>=0.120, <0.170``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(r"(?P<sign>===?|!=|~=|>=|<=|>|<)?\s*(?P<version>\d{1,9}(?:\.\d{1,9}){0,3})(?P<any>\.\*)?")
_VERSION = re.compile(r"(\d{1,9}(?:\.\d{1,9}){0,3})(?:-([0-9A-Za-z.-]+))?")

Numbers = tuple[int, ...]


class BadRange(ValueError):
    """A text that is no range of versions; the message says which part."""


@dataclass(frozen=True, slots=True)
class _Part:
    sign: str
    numbers: Numbers

    def allows(self, version: Numbers) -> bool:
        length = len(self.numbers)
        if self.sign in ("==*", "!=*"):
            return (version[:length] == self.numbers) is (self.sign == "==*")
        if self.sign == "~=":
            return version >= _padded(self.numbers) and version[: length - 1] == self.numbers[:-1]
        other = _padded(self.numbers)
        return {
            "==": version == other, "!=": version != other, ">=": version >= other, "<=": version <= other,
            ">": version > other, "<": version < other,
        }[self.sign]  # fmt: skip


class Versions:
    """A range of versions. Raises BadRange when it is made."""

    __slots__ = ("_parts", "text")

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._parts = tuple(_part(part.strip()) for part in text.split(","))

    def allows(self, version: str) -> bool:
        """Whether a version such as ``"0.169.0"`` or ``"0.170.0-alpha.2"`` lies in the range; False for one unknown.

        A version before its release counts as that release: ``0.170.0-alpha.2`` is not below ``0.170``.
        """
        found = _VERSION.fullmatch(version)
        if found is None:
            return False
        numbers = _padded(_numbers(found[1]))
        return all(part.allows(numbers) for part in self._parts)

    def refusal(self, version: str) -> str:
        """What the user reads when this version may not be used."""
        what = f"this is {version}" if _VERSION.fullmatch(version) else "this client does not say which it is"
        return f"This workspace allows Codex {self.text}; {what}. Install another version, or ask your administrator."


def _part(text: str) -> _Part:
    found = _PART.fullmatch(text)
    if found is None or found["sign"] == "===":
        raise BadRange(f"{text[:40]!r} is no range of versions; write it like >=0.120, <0.170")
    sign, numbers = found["sign"] or "==", _numbers(found["version"])
    if found["any"]:
        if sign not in ("==", "!="):
            raise BadRange(f"{text[:40]!r} is no range of versions; .* goes with == and != only")
        sign += "*"
    elif sign == "~=" and len(numbers) < 2:
        raise BadRange(f"{text[:40]!r} is no range of versions; ~= needs at least two numbers")
    return _Part(sign, numbers)


def _numbers(text: str) -> Numbers:
    return tuple(int(part) for part in text.split("."))


def _padded(numbers: Numbers) -> Numbers:
    return (*numbers, 0, 0, 0, 0)[:4]
