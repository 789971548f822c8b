"""How an exchange ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .protocol.tools import Usage


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an exchange ended, for ``on_exchange_end``.

    ``status`` is the HTTP status the client got (0: none was sent). ``answered_by`` is ``"upstream"``, ``"local"`` or
    ``"refused"``. ``error`` is None when the stream ended well, otherwise a short word: ``"cut"``, ``"client_gone"``,
    ``"connect"``, ``"timeout"``, ``"failed"``. Times are seconds from the request's first byte; None where it never
    came. Of ``first_byte_s``, plugins and what they ran took ``decided_s``, and the upstream was waited for during
    ``upstream_s`` (None where that is not known, 0 where it was not asked): the rest is the proxy's own.
    ``refusal`` is the code of the Refusal that answered it, ``""`` where none did. ``limits`` is what the upstream said
    of the account's limits, under the names of its header lines (``x-codex-primary-used-percent``).
    """

    status: int
    answered_by: str
    error: str | None
    usage: Usage
    rounds: int
    first_byte_s: float | None
    total_s: float
    bytes_in: int
    bytes_out: int
    decided_s: float = 0.0
    upstream_s: float | None = None
    refusal: str = ""
    limits: Mapping[str, str] = field(default_factory=dict)
