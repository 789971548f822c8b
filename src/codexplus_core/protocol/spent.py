"""The tokens that a response says it took."""

from __future__ import annotations

from typing import Any

import msgspec

from .tools import Usage


def usage_of(usage: Any) -> Usage | None:
    """The tokens in a response's ``usage``, None where it is no object."""
    if not isinstance(usage, dict):
        return None
    return Usage(
        input_tokens=_count(usage, "input_tokens"),
        cached_tokens=_count(usage.get("input_tokens_details"), "cached_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        reasoning_tokens=_count(usage.get("output_tokens_details"), "reasoning_tokens"),
        total_tokens=_count(usage, "total_tokens"),
    )


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


def _count(data: Any, key: str) -> int:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, int) else 0
