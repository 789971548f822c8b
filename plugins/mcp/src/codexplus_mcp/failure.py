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


# By the beginning of an exception's name (httpx2, anyio, mcp): their own words may hold what a server or a header says.
_TROUBLES = (
    ("ConnectTimeout", "it could not be reached in time"),
    ("ConnectError", "it could not be reached"),
    ("ReadTimeout", "it fell silent"),
    ("WriteTimeout", "it took no more"),
    ("PoolTimeout", "too many requests to it were under way"),
    ("ProxyError", "the proxy of the environment did not let it through"),
    ("DecodingError", "its answer is packed, which was not asked for"),
    ("RemoteProtocolError", "it broke off its answer"),
    ("LocalProtocolError", "its address or a header of its entry cannot be sent"),
    ("ValidationError", "its answer is no message of the protocol"),
    ("JSONDecodeError", "its answer is no JSON"),
    ("MCPError", "it did not take the handshake"),
    ("FileNotFound", "the program is not there"),
    ("PermissionError", "the program may not be started"),
)


def trouble(error: BaseException) -> str:
    """What an exception of the packages below means, in words for people."""
    name = type(error).__name__
    return next((words for beginning, words in _TROUBLES if name.startswith(beginning)), "the connection broke")
