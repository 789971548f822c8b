"""Which servers of the settings are not used, and why: what `codex-plus config` says beside their entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .row import row_for
from .settings import KEY, NOT_THERE, is_claude_settings, servers_in
from .signed import Signed

_DENIED = "it is not allowed by policy (allowedMcpServers, deniedMcpServers)"


def unused_servers(settings: Any) -> Iterator[tuple[str, str]]:
    """The key of each entry that is not used, with a sentence; those that the settings leave out already are not named.

    Whether one would have to come from a signed pack is not in the settings: the doctor says it.
    """
    strict = settings.get("compatibility") == "claude-code"
    found = servers_in(settings, Signed(), strict=strict)
    hidden = {server.name for server in found.hidden}
    for value in settings.items("mcpServers"):
        name = value.key.removeprefix(KEY)
        server = found.get(name)
        if strict and is_claude_settings(value.origin):
            yield value.key, NOT_THERE
        elif server is None:
            alike = "it would be called like another server; rename one of them"
            yield value.key, alike if name in hidden else "there are too many servers before it"
        elif not server.usable:
            yield value.key, _DENIED if server.standing == "denied" else row_for(server).detail
