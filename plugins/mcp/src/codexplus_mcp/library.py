"""The mcp package, imported when the first server is needed: it takes half a second."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys

_LOUD = ("mcp", "httpx2", "httpcore2")


async def load() -> None:
    """Import what connections need, beside the event loop, and silence it.

    What these packages would log is told by exceptions as well, and may hold what a server or a header says.
    """
    if "mcp" not in sys.modules or "httpx2" not in sys.modules:
        for name in ("httpx2", "mcp_types", "mcp"):
            await asyncio.to_thread(importlib.import_module, name)
    silence()


def silence() -> None:
    """Keep what these packages log from every log: httpx2 writes each URL, with its query, at level INFO."""
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
