"""What the transcript of an exchange costs: `python -m bench.transcripts` prints CPU ms of all threads.

With ``--turns 1000`` it is one thread, and each tenth of its turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import codexplus_core
from codexplus_core import Outcome, Usage
from codexplus_core.services.config import Config
from codexplus_core.services.transcripts import Account, Transcripts

_WORDS = (
    "the of and to in a is that for it as was with be by on not he his but at are this have from or had an key token"
)
_PAUSE_S = 0.02
"""Between two exchanges: about what a busy session leaves."""
_ITEM_CHARACTERS = 6000

Say = Callable[[random.Random, int], str]


def prose(dice: random.Random, size: int) -> str:
    """Words, some of which are also the names of secrets."""
    return " ".join(dice.choices(_WORDS.split(), k=size // 3))[:size]


def code(dice: random.Random, size: int) -> str:
    """A part of our own sources."""
    files = sorted(Path(codexplus_core.__file__).parent.glob("*.py"))
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    start = dice.randrange(max(1, len(text) - size))
    return text[start : start + size]


class Talk:
    """A thread: each turn has a prompt of ``size`` characters and an answer of a third of that."""

    def __init__(self, say: Say, size: int, history: int) -> None:
        self._say, self._size, self._dice = say, size, random.Random(1)
        self._items: list[bytes] = []
        while sum(map(len, self._items[-1:])) * len(self._items) < history:
            self._items.append(_item(prose(self._dice, _ITEM_CHARACTERS)))
        self._turns = 0

    def exchange(self) -> Account:
        """The next turn, as the relay hands it over."""
        self._turns += 1
        prompt = self._say(self._dice, self._size)
        answer = _item(self._say(self._dice, self._size // 3), "assistant", "output_text")
        self._items.append(_item(prompt))
        sent = list(self._items)
        self._items.append(answer)
        return Account(
            at=time.time(), session="s", thread="t", parent=None, turn=f"turn-{self._turns}", origin="user",
            transport="http", path="/responses", cwd="/home/user/project", codex="0.169.0", model="m",
            outcome=Outcome(200, "upstream", None, Usage(), 1, 0.1, 0.2, 1, 1), typed=prompt, sent=sent,
            shown=[b'{"type": "response.output_item.done", "item": %b}' % answer],
        )  # fmt: skip


def _item(text: str, role: str = "user", kind: str = "input_text") -> bytes:
    return json.dumps({"type": "message", "role": role, "content": [{"type": kind, "text": text}]}).encode()


async def costs(talk: Talk, turns: int, pause_s: float) -> list[float]:
    """CPU ms of each of so many turns; the one that writes the history down is not counted."""
    with tempfile.TemporaryDirectory(prefix="codex-plus-bench-") as home:
        transcripts = Transcripts(Path(home), config=Config(None))
        transcripts.keep(talk.exchange())
        await transcripts.flush()
        found = []
        for turn in range(turns):
            account = talk.exchange()
            before = time.process_time()
            transcripts.keep(account)
            time.sleep(pause_s)
            if turn == turns - 1:
                await transcripts.flush()
            found.append((time.process_time() - before) * 1000)
        transcripts.close()
    return found


def tenths(found: list[float]) -> Iterator[float]:
    """The mean of each tenth."""
    size = max(1, len(found) // 10)
    for start in range(0, len(found), size):
        part = found[start : start + size]
        yield sum(part) / len(part)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.transcripts")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, help="one thread of so many turns")
    options = parser.parse_args()
    if options.turns:
        found = asyncio.run(costs(Talk(code, 900, 0), options.turns, _PAUSE_S / 4))
        print("CPU ms an exchange, by tenths:", " ".join(f"{each:.2f}" for each in tenths(found)))
        return
    cases = [(say, size, history) for say in (prose, code) for size in (1000, 4000) for history in (10_000, 1_000_000)]
    runs: dict[tuple[Say, int, int], list[float]] = {case: [] for case in cases}
    for _ in range(options.rounds):
        for case in cases:
            found = asyncio.run(costs(Talk(*case), 60, _PAUSE_S))
            runs[case].append(sum(found) / len(found))
    print(f"{'prompt':<22}{'thread':>12}   CPU ms an exchange, median of {options.rounds} runs of 60")
    for (say, size, history), means in runs.items():
        print(f"{say.__name__ + f', {size} characters':<22}{history:>10} B{median(means):>8.2f}")


if __name__ == "__main__":
    main()
