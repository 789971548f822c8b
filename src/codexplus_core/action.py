"""What the proxy is about to do on the user's machine, for those who may forbid it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .exchange import Session


@dataclass(frozen=True, slots=True)
class Action:
    """Something the proxy is about to do for a user: run a program, read or write a file, open a connection.

    ``kind`` says which of ``argv``, ``path`` and ``url`` counts. ``source`` names who asks and from which file, for the
    people and rules that decide. ``permissions`` are those declared by the asker (``run:prettier``, ``read_repo``);
    with any of them a program runs in the sandbox and gets no more. ``sandbox`` is the least level that holds it:
    ``lsm`` or ``full`` for what a project brings along; ``process`` without permissions is no sandbox, for the user's
    own programs.
    """

    kind: Literal["run", "read", "write", "connect"]
    argv: tuple[str, ...] = ()
    path: Path | None = None
    url: str = ""
    source: str = ""
    session: Session | None = None
    permissions: tuple[str, ...] = ()
    cwd: Path | None = None
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 5.0
    sandbox: Literal["process", "lsm", "full"] = "process"


class ActionDenied(Exception):
    """A plugin's veto against an action; the message is the one to show."""
