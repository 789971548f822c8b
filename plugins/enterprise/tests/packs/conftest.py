"""The fixtures that several of these tests use."""

from __future__ import annotations

from pack_folders import signer, world

__all__ = ["signer", "world"]
