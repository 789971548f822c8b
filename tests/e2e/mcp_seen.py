"""Asks a proxy's gateway, as Codex does: what it lists for a project, and calls."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
from e2e.proxies import ProxyProcess

from codexplus_mcp.gateway import code_of

SEEN_S = 40.0


async def gateway(running: ProxyProcess, project: Path, method: str, **params: Any) -> dict[str, Any]:
    """The result of a request to the project's own address."""
    url = f"http://127.0.0.1:{running.port}/_codexplus/mcp/{code_of(project)}"
    async with httpx2.AsyncClient(trust_env=False, timeout=SEEN_S) as client:
        answer = await client.post(url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    found: dict[str, Any] = answer.raise_for_status().json()["result"]
    return found


async def seen(running: ProxyProcess, project: Path, *names: str) -> None:
    """Return when these tools are known in the project.

    A server that was never seen there has a few seconds in the first request; on a machine that others use too it may
    start later, and that first request goes without its tools.
    """
    listed: set[str] = set()
    async with asyncio.timeout(SEEN_S):
        while not set(names) <= listed:
            listed = {tool["name"] for tool in (await gateway(running, project, "tools/list"))["tools"]}
