"""How fast secrets are looked for: `python -m bench.redact` prints MB/s of CPU time, in pieces of 4 KB."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import codexplus_core
from codexplus_core.services.redact import Redactor

PIECE = 4096
LEAST_MB_S = 3.0
"""What clean text must at least reach, whole and in pieces."""

_WORDS = "the of and to in a is that for it as was with be by on not he his but at are this have from or had an"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=2.0, help="MB of each text")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="exit 1 where clean text is too slow")
    options = parser.parse_args()
    size = int(options.size * 1e6)
    slow = False
    print(
        f"{'text':<12}{'whole':>10}{'stream':>10}   MB/s of CPU time, pieces of {PIECE} bytes, {options.rounds} rounds"
    )
    for name, text in texts(size).items():
        whole, stream = (speed(way, text, options.rounds) for way in (in_one, in_pieces))
        slow |= name != "dirty" and min(whole, stream) < LEAST_MB_S
        print(f"{name:<12}{whole:>10.1f}{stream:>10.1f}")
    tiny = texts(200_000)["code"]
    pieces = [tiny[at : at + 5] for at in range(0, len(tiny), 5)]
    print(f"a piece of 5 characters: {1e6 * spent(lambda: through(pieces)) / len(pieces):.1f} µs")
    if options.check and slow:
        sys.exit(f"redaction: clean text is slower than {LEAST_MB_S} MB/s")


def texts(size: int) -> dict[str, str]:
    """Code and prose without secrets, and prose with one in every kilobyte."""
    dice = random.Random(1)
    code = "".join(
        path.read_text(encoding="utf-8") for path in sorted(Path(codexplus_core.__file__).parent.rglob("*.py"))
    )
    prose = " ".join(dice.choices(_WORDS.split(), k=size // 3))
    made = iter(range(0, size, 1000))
    dirty = "".join(f"{prose[at : at + 950]} key=gh" + "p_" + f"{dice.getrandbits(160):040x}\n" for at in made)
    return {"code": (code * (1 + size // len(code)))[:size], "prose": prose[:size], "dirty": dirty[:size]}


def in_one(redactor: Redactor, pieces: list[str]) -> None:
    for piece in pieces:
        redactor.text(piece)


def in_pieces(redactor: Redactor, pieces: list[str]) -> None:
    stream = redactor.stream()
    for piece in pieces:
        stream.feed(piece)
    stream.end()


def through(pieces: list[str]) -> None:
    in_pieces(Redactor(), pieces)


def speed(way: Callable[[Redactor, list[str]], None], text: str, rounds: int) -> float:
    redactor = Redactor()
    pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
    return len(text) / 1e6 / median(spent(lambda: way(redactor, pieces)) for _ in range(rounds))


def spent(work: Callable[[], None]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


if __name__ == "__main__":
    main()
