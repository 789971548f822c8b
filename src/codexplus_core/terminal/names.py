"""The names of our commands, asked from the proxy in the background and kept for a moment."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

COMMANDS_PATH = "/_codexplus/commands"
FRESH_S = 2.0
"""How long an answer counts before it is asked for again."""
AGAIN_S = 0.2
"""How long after an attempt that brought no answer the next one may be made."""
WAIT_S = 0.1
"""How long a key waits for an answer, in seconds, where an earlier one is known; it counts if the new one is late."""
FIRST_WAIT_S = 0.5
"""How long a key waits for the very first answer."""
_ANSWER_S = 2.0
_ANSWER_LIMIT = 4 << 20

Ask = Callable[[], frozenset[str] | None]


class Names:
    """Asks when told to. ``ask`` may take its time, for it runs in a thread; ``wake`` is called there at its end."""

    def __init__(self, ask: Ask, wake: Callable[[], None]) -> None:
        self.known: frozenset[str] = frozenset()
        """The names of the last answer; none before the first one."""
        self._ask = ask
        self._wake = wake
        self._asked: float | None = None
        self._done = True
        self._answered = self._failed = False

    def refresh(self, now: float) -> None:
        """Ask again unless it was just done. Returns at once."""
        if not self._done:
            return
        if self._asked is not None and now - self._asked < (AGAIN_S if self._failed else FRESH_S):
            return
        self._asked, self._done = now, False
        threading.Thread(target=self._run, name="names", daemon=True).start()

    def due(self, now: float) -> float | None:
        """When to stop waiting for the answer that is under way; None where there is none to wait for."""
        if self._done or self._asked is None:
            return None
        due = self._asked + (WAIT_S if self._answered else FIRST_WAIT_S)
        return due if now < due else None

    def _run(self) -> None:
        try:
            found = self._ask()
            # A proxy that is busy does not take the names away; one that says there are none does.
            self._failed = found is None
            if found is not None:
                self.known, self._answered = found, True
        finally:
            self._done = True
            self._wake()


def is_typable(name: str) -> bool:
    """Whether a name is one word of visible characters: Tab types it, and a file's name must not press other keys."""
    return name.isprintable() and name.split() == [name]


def of_proxy(port: int, folder: Path, *, token: str = "") -> Ask:
    """Ask the proxy on this port of 127.0.0.1 for the names that count in ``folder``; None where it does not say."""

    def ask() -> frozenset[str] | None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S)
        try:
            query = urlencode({"cwd": str(folder)}, errors="surrogateescape")
            connection.request("GET", f"{COMMANDS_PATH}?{query}", headers={"x-codexplus-token": token} if token else {})
            answer = connection.getresponse()
            rows = json.loads(answer.read(_ANSWER_LIMIT)) if answer.status == 200 else None
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if not isinstance(rows, list):
            return None
        names = [
            name for row in rows if isinstance(row, dict) for name in (row.get("name"), *(row.get("aliases") or ()))
        ]
        return frozenset(name for name in names if isinstance(name, str) and is_typable(name))

    return ask
