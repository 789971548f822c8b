"""What one server writes to its standard error, in a file of bounded size."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

LIMIT = 1 << 20
"""Bytes of a log; the one before is kept beside it."""
BURST = 256 * 1024
"""Bytes that are written within `BURST_S`; the rest is only counted."""
BURST_S = 10.0
_SHORTEST = 8
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class ServerLog:
    """Appends to ``path`` (0600), with the ``secrets`` blotted out. Never raises: a full disk stops no server."""

    def __init__(self, path: Path, *, secrets: Iterable[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        # Short values are words such as "1" and "true", which would be blotted out everywhere.
        self._secrets = sorted({one.encode() for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True)
        self._clock = clock
        self._since = 0.0
        self._written = 0
        self._dropped = 0

    def note(self, text: str) -> None:
        """Add a line of our own."""
        self._append(f"[codex-plus] {text}\n".encode())

    def write(self, data: bytes) -> None:
        """Add what the server wrote."""
        now = self._clock()
        if now - self._since >= BURST_S:
            self._since, self._written = now, 0
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                self.note(f"{dropped} bytes of standard error were left out")
        room = max(0, BURST - self._written)
        self._dropped += max(0, len(data) - room)
        if room:
            self._written += len(data[:room])
            self._append(self.blotted(data[:room]))

    def blotted(self, data: bytes) -> bytes:
        """The text without the secrets."""
        for secret in self._secrets:
            data = data.replace(secret, b"[redacted]")
        return data

    def _append(self, data: bytes) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self.path, _FLAGS, 0o600)
            try:
                os.write(file, data)
                size = os.fstat(file).st_size
            finally:
                os.close(file)
            if size > LIMIT:
                self.path.replace(self.path.with_suffix(".old.log"))
        except OSError:
            self._dropped += len(data)
