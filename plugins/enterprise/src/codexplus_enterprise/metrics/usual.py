"""Most exchanges are alike, and are counted at the same places: looked up once, and not for each."""

from __future__ import annotations

from itertools import repeat
from operator import attrgetter, sub

from codexplus_core import Outcome

from . import names
from .registry import Registry
from .rolling import Rolling

MOST = 64
"""Exchanges that wait to be counted together, of one kind: a few C calls then do what takes each of them hundreds of
steps."""
_ROUNDS, _IN, _OUT, _TOTAL = map(attrgetter, ("rounds", "bytes_in", "bytes_out", "total_s"))
_FIRST, _DECIDED, _UPSTREAM = map(attrgetter, ("first_byte_s", "decided_s", "upstream_s"))
_USAGE = attrgetter("usage")
_TOKENS = attrgetter("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")


class Usual:
    """Where exchanges are counted that a model answered well, of one transport and origin and by one model.

    The costs are counted by others: prices change.
    """

    __slots__ = (
        "_ai_duration", "_ai_first", "_ai_input", "_ai_output", "_by_plugins", "_by_proxy", "_duration", "_first",
        "_in", "_out", "_requests", "_rolling", "_rounds", "_tokens", "_turns", "_waiting",
    )  # fmt: skip

    def __init__(
        self, registry: Registry, rolling: Rolling, transport: str, origin: str, model: str,
        operation: str, provider: str,
    ) -> None:  # fmt: skip
        number, histogram = registry.number, registry.histogram
        by, about = ("responses", "upstream"), (operation, provider, model)
        self._requests = number(names.REQUESTS, ("responses", transport, "200", "upstream"))
        self._duration, self._first = histogram(names.DURATION, by), histogram(names.FIRST_BYTE, by)
        self._in, self._out = number(names.BYTES, ("in",)), number(names.BYTES, ("out",))
        self._turns, self._rounds = number(names.TURNS, (origin,)), number(names.ROUNDS)
        self._ai_duration, self._ai_first = histogram(names.AI_DURATION, (*about, "")), histogram(names.AI_FIRST, about)
        self._ai_input = histogram(names.AI_TOKENS, (*about, "input"))
        self._ai_output = histogram(names.AI_TOKENS, (*about, "output"))
        self._tokens = tuple(number(names.TOKENS, (model, kind)) for kind in ("input", "cached", "output", "reasoning"))
        self._by_proxy, self._by_plugins = (histogram(names.ADDED, (who, transport)) for who in ("proxy", "plugins"))
        self._rolling = rolling
        self._waiting: list[Outcome] = []

    @staticmethod
    def is_told(outcome: Outcome) -> bool:
        """Whether an outcome says all that is counted here: a whole answer, with its tokens and its first byte."""
        told = outcome.status == 200 and not outcome.refusal and outcome.rounds > 0
        known = outcome.first_byte_s is not None and outcome.upstream_s is not None
        return told and known and outcome.usage.total_tokens > 0

    def add(self, outcome: Outcome) -> None:
        """Count one of which that is so, in a while: ``settle`` does it for all at once."""
        self._waiting.append(outcome)
        if len(self._waiting) >= MOST:
            self.settle()

    def settle(self) -> None:
        """Count what waits."""
        outcomes, self._waiting = self._waiting, []
        if not outcomes:
            return
        count = len(outcomes)
        self._requests.value += count
        self._turns.value += count
        self._rounds.value += sum(map(_ROUNDS, outcomes))
        self._in.value += sum(map(_IN, outcomes))
        self._out.value += sum(map(_OUT, outcomes))
        totals, firsts = list(map(_TOTAL, outcomes)), list(map(_FIRST, outcomes))
        self._duration.add_all(totals)
        self._ai_duration.add_all(totals)
        self._first.add_all(firsts)
        self._ai_first.add_all(firsts)
        decided = list(map(_DECIDED, outcomes))
        added = list(map(max, repeat(0.0), map(sub, map(sub, firsts, decided), map(_UPSTREAM, outcomes))))
        self._by_proxy.add_all(added)
        self._by_plugins.add_all(decided)
        self._rolling.add_whole(added)
        tokens = list(zip(*map(_TOKENS, map(_USAGE, outcomes)), strict=True))
        self._ai_input.add_all(tokens[0])
        self._ai_output.add_all(tokens[2])
        for number, values in zip(self._tokens, tokens, strict=True):
            number.value += sum(values)
