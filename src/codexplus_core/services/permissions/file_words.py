"""The names of files that one word of a command may hold: glued to an option, in quotes, behind a prefix, encoded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

_PIECES = re.compile(r"""[=:@,;"'(){}<>]""")
_BUNDLE = re.compile(r"-[A-Za-z0-9#]{0,24}")
_PROCESS = re.compile(r"/proc/(?:self|thread-self|\d+)(?:/task/\d+)?/(cwd|root)(?:/|$)")
_ONLY_WILDCARDS = re.compile(r"[*?]+|\*\*")


def file_names(words: Iterable[str]) -> Iterator[str]:
    """Every file that the words may name, rather too many."""
    for word in words:
        yield from _of_word(word)
        if "%" in word:
            decoded = unquote(word)
            if decoded != word:
                yield from _of_word(decoded)


def folder_of_pattern(name: str) -> str:
    """``secrets`` for ``secrets/*``, which a shell makes all the files in it; empty for other names."""
    folder, _, last = name.rstrip("/").rpartition("/")
    return folder if folder and _ONLY_WILDCARDS.fullmatch(last) else ""


def _of_word(word: str) -> Iterator[str]:
    pieces = _PIECES.split(word)
    # In -uf.env the value begins behind any of the letters.
    bundle = _BUNDLE.match(word) if not word.startswith("--") else None
    for at in range(2, bundle.end() + 1 if bundle else 2):
        yield from {word[at:], pieces[0][at:]} - {""}
    if not word.startswith("-"):
        yield from _seen_by_process(word)
    for number, piece in enumerate(pieces):
        if len(pieces) > 1 and piece.strip() and not (number == 0 and word.startswith("-")):
            yield from _seen_by_process(piece.strip())


def _seen_by_process(name: str) -> Iterator[str]:
    yield name
    found = _PROCESS.match(name)
    if found is not None:
        rest = name[found.end() :]
        yield f"/{rest}" if found[1] == "root" else rest or "."
