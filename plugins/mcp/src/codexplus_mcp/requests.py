"""One request to a server: bounded in time, its end turned into what a caller can act on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .failure import NeedsLogin, ServerSaid, TooSlow, Unavailable, trouble

if TYPE_CHECKING:
    from .link import Link

SAID = 500
"""Characters of a server's error message that are passed on."""
T = TypeVar("T")
# The mcp package's own words, where a status is all that the server answered.
_FORGOTTEN = "Session terminated"
_REFUSED = "Server returned an error response"


class Lost(Exception):
    """The connection broke before there was an answer; ``untouched`` where the server surely did nothing."""

    def __init__(self, why: str, *, untouched: bool = False) -> None:
        super().__init__(why)
        self.untouched = untouched


async def answered(
    name: str, link: Link, ask: Callable[[Any], Awaitable[T]], seconds: float, what: str = "answer"
) -> T:
    """What the server called ``name`` answers over a link; ``what`` it is to do. Raises Lost, TooSlow, NeedsLogin and
    ServerSaid.
    """
    import anyio
    import httpx2
    from mcp.shared.exceptions import MCPError
    from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

    try:
        # A cancelled request is cancelled at the server, too, which the package does as well for one that is too slow.
        async with asyncio.timeout(seconds):
            answer = await ask(link.client)
            link.answered = True
            return answer
    except TimeoutError:
        raise TooSlow(f"MCP server {name}: did not {what} within {seconds:g} s and was told to stop") from None
    except MCPError as error:
        if error.code == REQUEST_TIMEOUT:
            raise TooSlow(f"MCP server {name}: did not answer in time and was told to stop") from None
        if link.needs_login:
            raise NeedsLogin(link.needs_login) from None
        if error.code == CONNECTION_CLOSED:
            raise Lost("the connection was closed") from None
        if error.message in (_FORGOTTEN, _REFUSED):
            raise _refused(name, link, error.message) from None
        raise ServerSaid(f"MCP server {name}: answered with an error: {_words(error.message)}", error.code) from None
    except (anyio.ClosedResourceError, anyio.BrokenResourceError, httpx2.TransportError) as error:
        raise Lost(trouble(error)) from None
    except RuntimeError as error:
        # A result that does not fit the tool's own schema; and "used outside" where the client is just being closed.
        if "context manager" in str(error):
            raise Lost("the connection was closed") from None
        raise ServerSaid(f"MCP server {name}: its answer is malformed: {_words(str(error))}") from None
    except ValueError as error:
        raise ServerSaid(f"MCP server {name}: its answer is malformed: {trouble(error)}") from None


def _refused(name: str, link: Link, said: str) -> Exception:
    """What a bare status means. Some servers answer a session that they have forgotten with 400, not with 404."""
    status, link.status = link.status, 0
    if said == _FORGOTTEN or (link.answered and 400 <= status < 500):
        return Lost("the server has forgotten the session", untouched=True)
    return Unavailable(f"MCP server {name}: answered with status {status or 'of an error'}; see whether it is well")


def _words(text: str) -> str:
    """A server's words on one line, with nothing in them that a terminal or Markdown would act on."""
    plain = "".join(char if char.isprintable() else " " for char in text[: SAID * 2])
    return " ".join(plain.split())[:SAID] or "(no words)"
