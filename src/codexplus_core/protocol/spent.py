"""The tokens that a response says it took."""

from __future__ import annotations

from typing import Any

import msgspec

from .events import Event
from .tools import Usage


def usage_of(usage: Any) -> Usage | None:
    """The tokens in a response's ``usage``, None where it is no object."""
    if not isinstance(usage, dict):
        return None
    get = usage.get
    taken, made, total = get("input_tokens"), get("output_tokens"), get("total_tokens")
    of_taken, of_made = get("input_tokens_details"), get("output_tokens_details")
    return Usage(
        taken if isinstance(taken, int) else 0,
        _part(of_taken, "cached_tokens") if of_taken else 0,
        made if isinstance(made, int) else 0,
        _part(of_made, "reasoning_tokens") if of_made else 0,
        total if isinstance(total, int) else 0,
    )


def usage_in(event: Event) -> Usage | None:
    """The tokens that an event says its response took, None where it says none; nothing else of it is read."""
    try:
        response = _told(event.payload).response
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if response is None else usage_of(response.usage)


class _Response(msgspec.Struct):
    usage: dict[str, Any] | None = None


class _Told(msgspec.Struct):
    response: _Response | None = None


_told = msgspec.json.Decoder(_Told).decode


class _Whole(msgspec.Struct):
    usage: dict[str, Any] | None = None  # all else is skipped unread


def usage_of_body(body: bytes | bytearray) -> Usage:
    """The tokens that a whole response in JSON reports; none where it is something else."""
    try:
        whole = msgspec.json.decode(body, type=_Whole)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Usage()
    return usage_of(whole.usage) or Usage()


def wire_usage(last: dict[str, Any], sums: Usage) -> dict[str, Any]:
    """The ``usage`` of a response's last round with the tokens of all rounds in it."""
    # total_tokens stays the last round's: Codex 0.169 takes it for how full the context is, and compacts by it alone.
    return {
        **last,
        "input_tokens": sums.input_tokens,
        "input_tokens_details": {**(last.get("input_tokens_details") or {}), "cached_tokens": sums.cached_tokens},
        "output_tokens": sums.output_tokens,
        "output_tokens_details": {
            **(last.get("output_tokens_details") or {}),
            "reasoning_tokens": sums.reasoning_tokens,
        },
    }


def in_all(a: Usage, b: Usage) -> Usage:
    """The tokens of two rounds together."""
    return Usage(
        a.input_tokens + b.input_tokens,
        a.cached_tokens + b.cached_tokens,
        a.output_tokens + b.output_tokens,
        a.reasoning_tokens + b.reasoning_tokens,
        a.total_tokens + b.total_tokens,
    )


def _part(details: Any, key: str) -> int:
    value = details.get(key) if isinstance(details, dict) else None
    return value if isinstance(value, int) else 0
