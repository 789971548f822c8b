"""The fixtures that several of these tests use."""

from __future__ import annotations

from home_and_work import folders, over_both

__all__ = ["folders", "over_both"]
