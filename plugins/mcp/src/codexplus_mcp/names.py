"""What the tools of MCP servers are called towards the model: ``mcp__server__tool``, as Claude Code names them."""

from __future__ import annotations

import hashlib
import re

LONGEST = 64
"""Characters that the API takes in a tool's name."""
OURS = "codexplus"
"""The server name under which this client offers tools of its own; the gateway is entered under it in Codex, too."""

_ODD = re.compile(r"[^A-Za-z0-9_-]")


def plain(name: str) -> str:
    """A name with every character but ``A-Z a-z 0-9 _ -`` as an underscore, one by one.

    Recorded with Claude Code 2.1.197: ``my server.x/é`` is ``my_server_x__``.
    """
    return _ODD.sub("_", name)


def is_ours(server: str) -> bool:
    """Whether a server's tools would be called like our own, or like those that Codex has from the gateway.

    Hooks are told of ``mcp__codexplus__github__x`` as ``mcp__github__x``; no server may pass for another that way.
    """
    return plain(server) == OURS or plain(server).startswith(f"{OURS}__")


def tool_name(server: str, tool: str) -> str:
    """The name of a server's tool towards the model, hooks and other plugins, whichever way it is offered."""
    return f"mcp__{gateway_name(server, tool)}"


def gateway_name(server: str, tool: str) -> str:
    """The name of a server's tool in the gateway; one that is too long ends in a digest of the whole.

    Codex itself puts ``mcp__codexplus__`` in front, and who is told of it takes that for ``mcp__``: so there is room
    for 48 characters, also in the model's requests.
    """
    name, room = f"{plain(server)}__{plain(tool)}", LONGEST - len(f"mcp__{OURS}__")
    if len(name) <= room:
        return name
    mark = hashlib.sha256(f"{server}\n{tool}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: room - 9]}_{mark}"
