"""A whole list of a server's tools, resources or prompts, page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .server_log import ServerLog

PAGES = 100
ITEMS = 2000
"""Entries of one list; who has more of them has gone wrong, or means harm."""


async def everything(
    client: Any, kind: str, ask: Callable[[Any, str | None], Awaitable[Any]], log: ServerLog
) -> tuple[Any, ...]:
    """The entries of all pages, as many as ITEMS; a cursor that comes again ends the list."""
    found: list[Any] = []
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(PAGES):
        page = await ask(client, cursor)
        found += getattr(page, kind)
        cursor = page.next_cursor
        if len(found) > ITEMS:
            break
        if cursor is None or cursor in seen:
            return tuple(found)
        seen.add(cursor)
    log.note(f"its list of {kind} is too long; the first {min(len(found), ITEMS)} count")
    return tuple(found[:ITEMS])
