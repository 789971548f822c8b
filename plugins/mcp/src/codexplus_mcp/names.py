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
    """The name of a server's tool towards the model; one that is too long ends in a digest of the whole."""
    return _short(f"mcp__{plain(server)}__{plain(tool)}", f"{server}\n{tool}")


def gateway_name(server: str, tool: str) -> str:
    """The name of a server's tool in the gateway: Codex itself puts ``mcp__codexplus__`` in front."""
    room = LONGEST - len(f"mcp__{OURS}__")
    return _short(f"{plain(server)}__{plain(tool)}", f"{server}\n{tool}", room)


def _short(name: str, whole: str, longest: int = LONGEST) -> str:
    if len(name) <= longest:
        return name
    mark = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: longest - 9]}_{mark}"
