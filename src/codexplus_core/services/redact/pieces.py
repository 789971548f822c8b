"""Pieces of a pattern that also know how they look while the text that holds them is still coming.

`re` cannot say "no match yet, but more text could make one", which a stream must know before it lets text go. So each
piece is written twice: as it is when it is whole, and as it is when the text breaks off within it. All repeats are
bounded and possessive: a piece never gives back what it took, so matching takes time linear in ``longest``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

NEVER = "(?!)"
"""What follows the last piece: nothing more could come."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``whole`` matches the piece; ``begun(rest)`` what breaks off in it, or after it in ``rest``.

    ``longest`` is the most characters that it looks at.
    """

    whole: str
    begun: Callable[[str], str]
    longest: int


def exactly(text: str) -> Piece:
    """These characters."""

    def begun(rest: str) -> str:
        for character in reversed(text):
            rest = rf"(?:\Z|{re.escape(character)}{rest})"
        return rest

    return Piece(re.escape(text), begun, len(text))


def some(characters: str, least: int, most: int) -> Piece:
    """``least`` to ``most`` characters of a class, as many as there are; ``characters`` is the inside of ``[...]``."""
    if least == most == 1:
        return Piece(f"[{characters}]", lambda rest: rf"(?:\Z|[{characters}]{rest})", 1)
    whole = f"[{characters}]{{{least},{most}}}+"
    return Piece(whole, lambda rest: rf"(?:[{characters}]{{0,{most - 1}}}+\Z|{whole}{rest})", most)


def no_next(characters: str) -> Piece:
    """The next character is none of the class, or the text is over. Takes nothing."""
    whole = f"(?![{characters}])"
    return Piece(whole, lambda rest: rf"(?:\Z|{whole}{rest})", 1)


def unless(text: str) -> Piece:
    """These characters do not follow. Takes nothing."""
    whole = f"(?!{re.escape(text)})"
    return Piece(whole, lambda rest: f"(?:{exactly(text).begun(NEVER)}|{whole}{rest})", len(text))


def maybe(piece: Piece) -> Piece:
    """The piece, or nothing."""
    return Piece(f"(?:{piece.whole})?+", lambda rest: f"(?:{piece.begun(rest)}|{rest})", piece.longest)


def either(*pieces: Piece) -> Piece:
    """The first of them that matches and lets the rest match."""
    return Piece(
        f"(?:{'|'.join(piece.whole for piece in pieces)})",
        lambda rest: f"(?:{'|'.join(piece.begun(rest) for piece in pieces)})",
        max(piece.longest for piece in pieces),
    )


def repeated(piece: Piece, least: int, most: int) -> Piece:
    """The piece, ``least`` to ``most`` times; it must take something each time."""
    whole = f"(?:{piece.whole}){{{least},{most}}}+"
    return Piece(
        whole,
        # The last of them may be whole and still grow, so here it can be given back.
        lambda rest: f"(?:(?:{piece.whole}){{0,{most - 1}}}{piece.begun(NEVER)}|{whole}{rest})",
        piece.longest * most,
    )


def row(*pieces: Piece) -> Piece:
    """One after the other."""

    def begun(rest: str) -> str:
        for piece in reversed(pieces):
            rest = piece.begun(rest)
        return rest

    return Piece("".join(piece.whole for piece in pieces), begun, sum(piece.longest for piece in pieces))


NOTHING = row()
"""Takes nothing, and is always there."""

SEEN = Piece("", lambda rest: rf"(?:\Z|{rest})", 1)
"""Takes nothing, and waits until the next character is there to be looked at, or the text is over."""
