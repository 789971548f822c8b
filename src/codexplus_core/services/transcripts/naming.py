"""Which file a session's transcript is in; ids come from the client, so they may be anything."""

from __future__ import annotations

import re
from hashlib import blake2b

SUFFIX = ".jsonl"
_PLAIN = re.compile(r"(?!x-)[0-9a-z][0-9a-z_-]{0,63}")
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d|unnamed")
_UNNAMED = "unnamed"


def stem_of(session: str) -> str:
    """The name of a session's file without its ending: the id where that is plain, as Codex's are, else a digest."""
    if not session:
        return _UNNAMED
    if _PLAIN.fullmatch(session) and not _RESERVED.fullmatch(session):
        return session
    return "x-" + blake2b(session.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
