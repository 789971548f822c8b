"""Accounts of exchanges that never were."""

from __future__ import annotations

import json
from typing import Any

from codexplus_core import Outcome, Usage
from codexplus_core.services.transcripts import Account


def outcome(error: str | None = None) -> Outcome:
    return Outcome(200, "upstream", error, Usage(total_tokens=7), 1, 0.1, 0.2, 10, 20)


def account(session: str = "s-1", thread: str = "t-1", **given: Any) -> Account:
    """An exchange of a human's; ``given`` replaces any field."""
    fields: dict[str, Any] = {
        "at": 1_700_000_000.25, "session": session, "thread": thread, "parent": None, "turn": "turn-1",
        "origin": "user", "transport": "http", "path": "/responses", "cwd": "/home/user/project", "codex": "0.169.0",
        "model": "gpt-6", "outcome": outcome(), "typed": "hello", "sent": [message("hello")],
    }  # fmt: skip
    return Account(**{**fields, **given})


def message(text: str, role: str = "user") -> bytes:
    """An item as it stands in a request."""
    return json.dumps({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}).encode()


def done(text: str) -> bytes:
    """The event that shows an item."""
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    return json.dumps({"type": "response.output_item.done", "item": item}).encode()
