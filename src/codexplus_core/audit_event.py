"""What was decided or done, for those who keep account of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .exchange import Session

Verdict = Literal["success", "failure", "denied", "asked", "unknown"]


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that was decided or done, for ``on_audit``.

    ``action`` names it in two words, ``"process.run"``, ``"approval.answer"``, ``"tool.call"``, ``"command.use"``,
    ``"mcp.call"``, ``"login"``; ``outcome`` says how it came out. ``reason`` are the words of a no. ``source`` is who
    asked for it and from which file, ``plugin`` whose verdict it was. ``fields`` are further facts by name (``argv``,
    ``path``, ``url``, ``tool``, ``digest``, ``level``, ``returncode``), plain JSON values and never the words of a
    prompt. ``decision`` is True for what has to be on disk before it takes effect: a yes or a no, not a result.
    """

    action: str
    outcome: Verdict
    reason: str = ""
    source: str = ""
    plugin: str = ""
    session: Session | None = None
    turn: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    decision: bool = False
