"""A user who signs in to a scripted MCP server, and what is kept of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
from oauth_server import browse

from codexplus_core.services.core import Services
from codexplus_mcp.oauth import LoginStatus, login
from codexplus_mcp.server import Server
from codexplus_mcp.server_auth import ServerAuth

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


async def sign_in(core: Services, server: Server) -> LoginStatus:
    return await login(core, server, open_browser=follow)


async def follow(url: str) -> bool:
    (await browse(url)).raise_for_status()
    return True


async def ask(auth: ServerAuth, url: str, message: dict[str, Any] = LIST) -> int:
    async with httpx2.AsyncClient(auth=auth, trust_env=False, timeout=10) as client:
        return (await client.post(url, json=message)).status_code


def stored(tmp_path: Path) -> dict[str, Any]:
    (file,) = (tmp_path / "state/mcp-logins").glob("*.json")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
