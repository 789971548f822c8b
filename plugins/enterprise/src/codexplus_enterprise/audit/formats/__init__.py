"""A record in the words of other systems, a function each: a record gives one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cef import cef
from .ecs import ecs
from .ocsf import ocsf
from .syslog import syslog

FORMATS: dict[str, Callable[[dict[str, Any]], str]] = {"ecs": ecs, "ocsf": ocsf, "cef": cef, "syslog": syslog}
