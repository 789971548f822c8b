"""Most exchanges are alike, and are counted at the same places: looked up once, and not for each."""

from __future__ import annotations

from codexplus_core import Outcome

from . import names
from .registry import Registry


class Usual:
    """Where exchanges are counted that a model answered well, of one transport and origin and by one model.

    The costs and what the proxy added are counted by others: prices change, and so does what is known of the time.
    """

    __slots__ = (
        "_ai_duration", "_ai_first", "_ai_input", "_ai_output", "_duration", "_first", "_in", "_out", "_requests",
        "_rounds", "_tokens", "_turns",
    )  # fmt: skip

    def __init__(
        self, registry: Registry, transport: str, origin: str, model: str, operation: str, provider: str
    ) -> None:
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

    @staticmethod
    def is_told(outcome: Outcome) -> bool:
        """Whether an outcome says all that is counted here: a whole answer, with its tokens and its first byte."""
        told = outcome.status == 200 and not outcome.refusal and outcome.rounds > 0
        return told and outcome.first_byte_s is not None and outcome.usage.total_tokens > 0

    def add(self, outcome: Outcome) -> None:
        """Count one of which that is so."""
        usage, first = outcome.usage, outcome.first_byte_s or 0.0
        self._requests.value += 1.0
        self._turns.value += 1.0
        self._rounds.value += outcome.rounds
        self._in.value += outcome.bytes_in
        self._out.value += outcome.bytes_out
        self._duration.add(outcome.total_s)
        self._ai_duration.add(outcome.total_s)
        self._first.add(first)
        self._ai_first.add(first)
        self._ai_input.add(usage.input_tokens)
        self._ai_output.add(usage.output_tokens)
        taken, cached, made, reasoning = self._tokens
        taken.value += usage.input_tokens
        cached.value += usage.cached_tokens
        made.value += usage.output_tokens
        reasoning.value += usage.reasoning_tokens
