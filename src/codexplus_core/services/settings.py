"""What `serve` does, by its options and the settings files: where to listen and forward, which plugins to load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

WebSockets = Literal["auto", "bridge", "off"]
LogFormat = Literal["json", "human"]
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 3000


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What ``serve`` was told and what the settings files say, already one.

    ``upstream`` is None for the choice by login (ChatGPT backend or API). ``plugins`` is None for all installed ones,
    ``()`` for none. ``home`` is the state directory. ``listen_public`` is True only where the user allowed an address
    that other machines reach: every request then needs the token. ``listen_fd`` is a socket that is bound and listening
    already (systemd), None otherwise. ``impersonate`` names the browser whose TLS handshake the ChatGPT host is shown,
    None for none. ``log_level`` is the least severe level that is written, ``log_format`` None for lines to read in a
    terminal and JSON elsewhere. ``told`` is what the command line alone said, in the shape of a settings file; None
    where no command line was read.
    ``websockets`` says when Codex gets the WebSocket that it asks for: ``auto`` where the upstream takes one (else it
    is told to use HTTP), ``bridge`` always (requests go up over HTTP where they must), ``off`` never.
    """

    host: str
    port: int
    upstream: str | None
    plugins: tuple[str, ...] | None
    home: Path
    listen_public: bool = False
    listen_fd: int | None = None
    impersonate: str | None = "chrome"
    log_level: str = "warning"
    log_format: LogFormat | None = None
    websockets: WebSockets = "auto"
    told: Mapping[str, Any] | None = None
