"""The fixtures that several of these tests use."""

from __future__ import annotations

from slash_folders import folders, over_both

__all__ = ["folders", "over_both"]
