"""What `serve` is told: where to listen, where to forward, which plugins to load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

WebSockets = Literal["auto", "bridge", "off"]
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 3000


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """The command line's part of the configuration.

    ``upstream`` is None for the choice by login (ChatGPT backend or API). ``plugins`` is None for all installed ones,
    ``()`` for none. ``home`` is the state directory. ``listen_public`` is True only where the user allowed an address
    that other machines reach: every request then needs the token. ``listen_fd`` is a socket that is bound and listening
    already (systemd), None otherwise. ``impersonate`` names the browser whose TLS handshake the ChatGPT host is shown,
    None for none. ``log_level`` is the least severe level that is written.
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
    websockets: WebSockets = "auto"
