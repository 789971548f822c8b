"""What a server's program finds in its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from .server import Server

_KEPT = (
    ("APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PROCESSOR_ARCHITECTURE", "TEMP", "USERNAME", "USERPROFILE")
    if os.name == "nt"
    else ("LOGNAME", "SHELL", "TERM", "TMPDIR", "USER")
)
"""What the mcp package passes on by itself, besides what every program of the core's gets; no key of anybody's."""


def environment_of(server: Server, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables for a server's program, beyond those that every program gets.

    Claude Code 2.1 hands over its whole environment, keys of other services included; here an entry names what its
    server needs.
    """
    environ = os.environ if environ is None else environ
    found = {name: environ[name] for name in _KEPT if name in environ and not environ[name].startswith("()")}
    if server.project is not None:
        found["CLAUDE_PROJECT_DIR"] = str(server.project)
    return {**found, **server.env}
