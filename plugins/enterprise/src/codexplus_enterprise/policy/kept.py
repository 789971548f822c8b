"""The last good policy from elsewhere, with its signature, as it is kept in the state directory."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codexplus_core import write_atomic

from ..state import state_folder

_LIMIT = 512 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """What was fetched from ``url``: the policy's bytes, their signature, and when (seconds since 1970)."""

    url: str
    data: bytes
    signature: bytes
    fetched: float


def place(env: Mapping[str, str]) -> Path:
    """The file: ``policy.json`` in ``$CODEX_PLUS_HOME``, else in ``~/.codexplus``."""
    return state_folder(env) / "policy.json"


def read(path: Path) -> Kept | None:
    """What is kept, None where there is nothing or nothing that can be read. Nothing of it is verified yet."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            found = json.loads(file.read(_LIMIT))
        data, signature = (base64.b64decode(found[name], validate=True) for name in ("data", "signature"))
        return Kept(str(found["url"]), data, signature, float(found["fetched"]))
    except (OSError, ValueError, KeyError, TypeError, binascii.Error):
        return None


def write(path: Path, kept: Kept) -> None:
    """Keep it, readable for this user only; all or nothing. Raises Problem, and OSError for its folder."""
    text = json.dumps(
        {
            "url": kept.url,
            "fetched": kept.fetched,
            "data": base64.b64encode(kept.data).decode("ascii"),
            "signature": base64.b64encode(kept.signature).decode("ascii"),
        }
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(path, text.encode("ascii"))
