"""``codex-plus init --mcp``: the gateway as an MCP server in Codex's own configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from codexplus_core import InitStep

from .names import OURS

TABLE = f"mcp_servers.{OURS}"
_HINT = (
    "Codex now shows the tools of your MCP servers as its own, under the name codexplus, and asks\n"
    "about them itself. They are listed when Codex starts, so the proxy has to run by then. A project's own servers\n"
    "are reached by two more tools; docs/mcp-tools.md says how a project gets an address of its own."
)


def steps() -> list[InitStep]:
    """The one step; its table is in Codex's config.toml, so there is no file."""
    return [InitStep("mcp", _no_files, _HINT, codex_tables=_tables, codex_since="0.60.0")]


def _no_files(_env: Mapping[str, str]) -> Mapping[Path, str]:
    return {}


def _tables(root: str) -> Mapping[str, Mapping[str, str | int | float | bool]]:
    # Codex gives up on a call after a minute and on a start after 10 s; servers have more time than that here.
    return {TABLE: {"url": f"{root}/_codexplus/mcp", "startup_timeout_sec": 20, "tool_timeout_sec": 3600}}
