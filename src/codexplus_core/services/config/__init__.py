"""The settings of every layer, merged, each value with the file that it comes from."""

from __future__ import annotations

from .config import Config
from .origin import Layer, Notice, Origin, Value
from .policy import BadPolicy, PolicyPlace, policy_place
from .settings import Explanation, Settings

__all__ = [
    "BadPolicy",
    "Config",
    "Explanation",
    "Layer",
    "Notice",
    "Origin",
    "PolicyPlace",
    "Settings",
    "Value",
    "policy_place",
]
