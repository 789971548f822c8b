"""What can go wrong between a server and whoever wanted something of it; every message is fit to be shown."""

from __future__ import annotations

from codexplus_core import Problem, Proposal


class Failure(Problem):
    """Something that was asked of a server did not come about. The message says which server, what, and what to do."""


class Unavailable(Failure):
    """The server cannot be used now: it did not start, is gone, or rests after failures."""


class NotAllowed(Unavailable):
    """The server may not be started before the user has said yes; ``proposal`` is what to ask."""

    def __init__(self, message: str, proposal: Proposal | None = None) -> None:
        super().__init__(message)
        self.proposal = proposal


class NeedsLogin(Unavailable):
    """The server wants the user to sign in first."""


class TooSlow(Failure):
    """The server did not answer in time. It was told to stop, and goes on otherwise."""


class ServerSaid(Failure):
    """The server answered with an error of the protocol; ``code`` is its number."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code
