"""What plugin authors test with: ``Harness``, the scripted answers for its upstream, and the client it models."""

from __future__ import annotations

from .codex import CodexClient
from .codex_answers import Seen
from .harness import Harness, Log, Reply
from .script import (
    Answer,
    Gate,
    call,
    clean_end,
    custom_call,
    cut,
    failed,
    incomplete,
    raw,
    reasoning,
    shell,
    stall,
    status,
    text,
)
from .upstream import StrictUpstream

__all__ = [
    "Answer",
    "CodexClient",
    "Gate",
    "Harness",
    "Log",
    "Reply",
    "Seen",
    "StrictUpstream",
    "call",
    "clean_end",
    "custom_call",
    "cut",
    "failed",
    "incomplete",
    "raw",
    "reasoning",
    "shell",
    "stall",
    "status",
    "text",
]
