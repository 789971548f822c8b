"""The fixtures that several of these tests use."""

from __future__ import annotations

from home_and_work import over_both
from mcp_world import servers_may_be_slow
from pack_folders import signer, world

__all__ = ["over_both", "servers_may_be_slow", "signer", "world"]
