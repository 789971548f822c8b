"""A mapping that forgets what was set longest ago: what comes from outside must not fill the memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

MOST = 1000
"""Entries that are kept where nothing else is said: servers, of all projects and with all values of their variables."""
K = TypeVar("K")
V = TypeVar("V")


class Recent(OrderedDict[K, V]):
    """An OrderedDict of at most ``most`` entries; setting one makes it the newest."""

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self.most = most

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self.most:
            self.popitem(last=False)
