"""The doctor's look at the transcripts: whether they are kept, how many there are, whether they can be written."""

from __future__ import annotations

import os
from pathlib import Path

from ..contributions import CheckResult
from ..services.config import Config, policy_place
from ..services.transcripts import limits_of
from ..services.transcripts.naming import SUFFIX
from ..services.transcripts.service import total_bytes
from .surroundings import Surroundings


def transcripts(around: Surroundings) -> CheckResult:
    """What is kept of sessions, and whether more can be. Raises BadPolicy."""
    home = Path(around.env.get("HOME") or Path.home())
    limits = limits_of(Config(home, env=around.env, policy=policy_place()).user)
    folder = around.home / "sessions"
    if not limits.enabled:
        return CheckResult("ok", "switched off (transcripts.enabled)")
    try:
        kept = list(folder.glob(f"*{SUFFIX}"))
    except OSError as error:
        return CheckResult("warning", f"{folder}: cannot be read ({error.strerror})", f"chmod u+rwx {folder}")
    if os.path.lexists(folder) and (not folder.is_dir() or not os.access(folder, os.W_OK)):
        return CheckResult("warning", f"{folder}: cannot be written to, so nothing is kept", f"chmod u+rwx {folder}")
    room = f"{total_bytes(kept) / 1e6:.1f} of {limits.max_megabytes} MB"
    many = "1 session" if len(kept) == 1 else f"{len(kept)} sessions"
    return CheckResult("ok", f"{folder}: {many}, {room}, kept for {limits.keep_days} days")
