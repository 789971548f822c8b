"""The fixtures that several of these tests use."""

from __future__ import annotations

from home_and_work import over_both
from pack_folders import signer, world

__all__ = ["over_both", "signer", "world"]
