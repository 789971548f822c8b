"""The fixture that all of these tests use."""

from __future__ import annotations

from mcp_world import servers_may_be_slow

__all__ = ["servers_may_be_slow"]
