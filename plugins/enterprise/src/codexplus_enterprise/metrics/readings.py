"""What is looked up when somebody asks: the proxy's health, its plugins, its process, the promises."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import names
from .registry import Family, Labels, Series
from .rolling import Rolling

_FAULTS = (("error", "errors"), ("late", "late"), ("blocked", "blocked"))


class Readings:
    """Gauges of this process; ``began`` is when it started to count, in seconds since 1970."""

    def __init__(self, rolling: Rolling, began: float, process: Path = Path("/proc/self")) -> None:
        self._rolling = rolling
        self._began = began
        self._process = process

    def families(self, health: Mapping[str, Any]) -> list[Family]:
        """All of them; ``health`` is what ``/_codexplus/health`` says."""
        one: list[tuple[names.Instrument, float | None]] = [
            (names.ACTIVE, _number(health.get("active"))),
            (names.STREAMS, _number(health.get("streams"))),
            (names.SESSIONS, _number(health.get("sessions"))),
            (names.UPTIME, _number(health.get("uptime_s"))),
            (names.READY, 1.0 if health.get("status") == "ok" else 0.0),
            (names.STORE, 1.0 if health.get("store", "ok") == "ok" else 0.0),
            (names.CPU, time.process_time()),
            (names.MEMORY, self._resident()),
            (names.FILES, self._descriptors()),
            (names.STARTED, self._began),
            (names.ROLLING_SEEN, float(self._rolling.seen)),
            (names.ROLLING_BROKEN, self._rolling.broken_share),
        ]
        # What the system does not tell is left out: a zero would be a lie.
        found = [_family(instrument, {(): value}) for instrument, value in one if value is not None]
        found.append(_family(names.BUILD, {(str(health.get("version", "")),): 1.0}))
        quantiles = self._rolling.quantiles()
        found.append(_family(names.ROLLING_ADDED, {(f"{share * 100:g}",): value for share, value in quantiles.items()}))
        return found + _plugins(health.get("plugins") or ())

    def _resident(self) -> float | None:
        try:
            return float(int((self._process / "statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        except (OSError, ValueError, IndexError, AttributeError):
            return None

    def _descriptors(self) -> float | None:
        try:
            return float(sum(1 for _ in (self._process / "fd").iterdir()))
        except OSError:
            return None


def _plugins(rows: Any) -> list[Family]:
    up: dict[Labels, float] = {}
    faults: dict[Labels, float] = {}
    for row in rows:
        if row.get("state") == "forbidden":
            continue  # the administrator keeps it out; nothing is to be repaired
        name = str(row.get("name", ""))
        up[(name,)] = 0.0 if row.get("state") in ("broken", "disabled") else 1.0
        for fault, key in _FAULTS:
            faults[(name, fault)] = float(row.get(key, 0))
    return [_family(names.PLUGIN_UP, up), _family(names.PLUGIN_FAULTS, faults)]


def _family(instrument: names.Instrument, values: Mapping[Labels, float]) -> Family:
    return Family(instrument, tuple(Series(labels, value) for labels, value in values.items()))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
