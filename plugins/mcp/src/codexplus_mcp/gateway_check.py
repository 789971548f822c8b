"""What `codex-plus doctor` says about the way in which Codex gets the tools."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from codexplus_core import Check, CheckResult

from .names import OURS


def checks() -> list[Check]:
    """The one check."""
    return [Check("mcp tools", lambda: gateway_entered(os.environ))]


def gateway_entered(env: Mapping[str, str]) -> CheckResult:
    """Whether the gateway stands in Codex's configuration, and what follows from it."""
    path = Path(env.get("CODEX_HOME") or Path(env.get("HOME") or Path.home()) / ".codex") / "config.toml"
    try:
        entry = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("mcp_servers", {}).get(OURS, {})
        url = str(entry.get("url", ""))
    except FileNotFoundError:
        url = ""
    except (OSError, ValueError, AttributeError):
        return CheckResult("warning", f"{path} cannot be read, so it is not known how Codex gets MCP tools")
    if "/_codexplus/mcp" in url:
        return CheckResult("ok", "Codex gets MCP tools from the gateway and shows their calls itself")
    if url:
        return CheckResult("warning", f"{path} has another MCP server under the name {OURS}", "rename that server")
    return CheckResult("ok", "MCP tools go into the model's requests; codex-plus init --mcp gives them to Codex itself")
