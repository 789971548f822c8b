"""What plugin authors test with: ``Harness``, the scripted answers for its upstream, and the client it models."""

from __future__ import annotations

from .client_reply import Reply
from .codex import CodexClient
from .codex_answers import Seen
from .codex_socket import CodexSocket
from .harness import Harness, Log
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
from .upstream_socket import SocketConnection

__all__ = [
    "Answer",
    "CodexClient",
    "CodexSocket",
    "Gate",
    "Harness",
    "Log",
    "Reply",
    "Seen",
    "SocketConnection",
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
