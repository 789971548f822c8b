"""Keys at the top of a file that holds few: slips that would be missed in silence."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any


def slip(name: str, value: Any, only: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with a key that is none of ``only``, and what to do; None where it is simply something else."""
    near = get_close_matches(name, only, n=1, cutoff=0.7)
    if near:
        return "is no key that is known", f"did you mean {near[0]}?"
    if "mcpServers" in only and isinstance(value, dict) and ("command" in value or "url" in value):
        return "is an MCP server outside of mcpServers", 'put it into "mcpServers": {…}'
    return None
