"""Which sessions have said yes to which servers, where the yes was not for good."""

from __future__ import annotations

from codexplus_core import Proposal

from .recent import Recent

TERMINAL = "\0terminal"
"""Stands for the session that a yes from a terminal does not name: the first one that asks takes it."""


class Yeses:
    """Yeses by session, server (its digest) and what was asked: a server with other files is another question."""

    def __init__(self) -> None:
        # Whose yes is older than a thousand others is asked again.
        self._all: Recent[tuple[str, Proposal], Recent[str, None]] = Recent()

    def add(self, session: str, digest: str, proposal: Proposal) -> None:
        """Remember one."""
        sessions = self._all.get((digest, proposal)) or Recent()
        sessions[session] = None
        self._all[digest, proposal] = sessions

    def has(self, session: str, digest: str, proposal: Proposal) -> bool:
        """Whether this session has said yes."""
        sessions = self._all.get((digest, proposal))
        if sessions is None:
            return False
        if session not in sessions and TERMINAL in sessions:
            del sessions[TERMINAL]
            sessions[session] = None
        return session in sessions

    def would_have(self, session: str, digest: str, proposal: Proposal) -> bool:
        """The same for whoever only looks: a yes from a terminal stays for the first session that needs it."""
        sessions = self._all.get((digest, proposal)) or ()
        return session in sessions or TERMINAL in sessions

    def anybodys(self, digest: str, proposal: Proposal) -> bool:
        """Whether any session has."""
        return bool(self._all.get((digest, proposal)))

    def clear(self) -> None:
        """Forget them all."""
        self._all.clear()
