"""A session that Codex's own hooks do not report although the bridge is installed: noticed, and said once."""

from __future__ import annotations

import asyncio
import os
import re

from codexplus_core import Exchange

from .bridge_files import places
from .firing import Firing
from .native_hooks import not_heard

# What the wire does not show of Codex's JavaScript; other events are seen there, bridge or not.
_WITHIN = ("PreToolUse", "PostToolUse", "PostToolUseFailure", "PermissionRequest")
_LOOKED = "unheard"
_SINCE = (0, 169)


async def unheard(exchange: Exchange, firing: Firing) -> str:
    """Why hooks see less of this session than they could, at its first prompt; ``""`` where they do not.

    Codex hands the prompt to its own hooks before the model is asked, so a session that is reported is known by then.
    """
    session = exchange.session
    if _LOOKED in session.state or not firing.hooked(session, *_WITHIN):
        return ""
    session.state[_LOOKED] = True
    version = tuple(int(part) for part in re.findall(r"\d+", session.codex_version or "")[:2])
    if version < _SINCE or firing.joining.is_live(session.id or session.thread_id):
        return ""
    return await asyncio.to_thread(not_heard, places(os.environ))
