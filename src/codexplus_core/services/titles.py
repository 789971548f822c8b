"""Which prompts were answered here, so that Codex's request to name them is not sent to the model either."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

_KEEP = 512
_LENGTH = 36
_LONG = 1000
"""Characters from which a prompt is known by its hash: a megabyte may be pasted, and hundreds are remembered."""
WAIT_S = 0.5
"""Seconds that a title request waits for the turn it names; Codex sends the two within a few hundredths."""


_Key = tuple[str, str | tuple[int, int]]


class Titles:
    """What became of each recent prompt, by its thread and words.

    Codex 0.169 asks for a title in a thread of its own, sometimes before the turn that it names arrives: ``local``
    waits for that turn to be decided.
    """

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._decided: OrderedDict[_Key, bool] = OrderedDict()
        self._waiting: dict[_Key, asyncio.Future[bool]] = {}

    def decided(self, prompt: str, thread: str, *, local: bool) -> None:
        """Note whether a prompt stayed here (answered or refused) or went to the model."""
        # A title request that does not say whose prompt it names is answered by the words alone.
        words = _words(prompt)
        for key in ((thread, words), ("", words)):
            self._decided[key] = local
            self._decided.move_to_end(key)
            if len(self._decided) > _KEEP:
                self._decided.popitem(last=False)
            waiting = self._waiting.pop(key, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(local)

    async def local(self, prompt: str, thread: str | None) -> bool:
        """True where the prompt stayed here; False where it went up, or where its turn does not show up in time."""
        key = (thread or "", _words(prompt))
        if key in self._decided:
            return self._decided[key]
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._wait_s):
                return await asyncio.shield(waiting)
        except TimeoutError:
            return False
        finally:
            if self._waiting.get(key) is waiting:
                del self._waiting[key]


def _words(prompt: str) -> str | tuple[int, int]:
    words = prompt.strip()
    return words if len(words) < _LONG else (len(words), hash(words))


def title_for(prompt: str) -> str:
    """A title for a prompt that stays here: its own first words, in the length that Codex asks for."""
    words = " ".join(prompt.split())
    return words if len(words) <= _LENGTH else words[: _LENGTH - 1].rstrip() + "…"
