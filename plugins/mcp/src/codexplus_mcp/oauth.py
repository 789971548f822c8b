"""Signing in to MCP servers: what the connections, the command line and ``/mcp`` use."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from codexplus_core import ActionDenied, Core, Problem

from .account import about_logout, told_of_sign_in
from .oauth_entry import oauth_entry
from .outgoing import Outgoing
from .reach import Reach
from .server import Server
from .shown import quoted
from .tokens import Tokens
from .vault import Kind

if TYPE_CHECKING:
    from .credentials import Credentials
    from .login import Login
    from .server_auth import ServerAuth

Open = Callable[[str], Awaitable[bool]]
Paste = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class LoginStatus:
    """How a server's sign-in is; nothing in it is secret.

    ``none``: nobody signed in. ``signed in``: the token counts, or is renewed by itself (``renewable``). ``expired``:
    it has ended and cannot be renewed. ``ended``: the authorization server took it back; ``detail`` says why.
    ``expires_at`` is in seconds since 1970, 0 where nobody said; ``stored`` is where the secrets lie.
    """

    state: Literal["none", "signed in", "expired", "ended"]
    issuer: str = ""
    scopes: tuple[str, ...] = ()
    expires_at: float = 0.0
    renewable: bool = False
    stored: Kind = "file"
    detail: str = ""


async def auth_for(core: Core, server: Server) -> ServerAuth:
    """What puts the token on the requests to this server: ``httpx2.AsyncClient(auth=await auth_for(core, server))``.

    One for each connection. Imports httpx2. Raises Problem for a server without a usable URL.
    """
    from .server_auth import ServerAuth

    return ServerAuth(core, server, _outgoing(core, server), await Tokens.of(core))


async def begin(core: Core, server: Server) -> Login:
    """Start a sign-in: show its ``url``, then ``await login.wait()``, and ``login.paste(address)`` if need be.

    Raises Problem (NotAllowed for a project's server that the user has not agreed to) and ActionDenied.
    """
    from .login import begin as begin_login
    from .trust import allow

    if not server.is_remote:
        raise Problem(
            f"MCP server {server.name} is a program on this machine; only servers with a URL are signed in to"
        )
    if not server.usable:
        raise Problem(f"MCP server {server.name} is {server.standing}; see: codex-plus mcp get {quoted(server.name)}")
    if any(name.lower() == "authorization" for name in server.headers):
        raise Problem(f"MCP server {server.name}: its entry sets Authorization itself; remove that to sign in")
    if server.standing == "asks":
        await allow(core, server)
    return await begin_login(_outgoing(core, server), await Tokens.of(core), server, oauth_entry(server))


async def login(
    core: Core,
    server: Server,
    *,
    open_browser: Open | None = None,
    paste: Paste | None = None,
    show: Callable[[str], None] = lambda text: None,
    seconds: float = 600.0,
) -> LoginStatus:
    """Sign in and wait for it: on the command line.

    ``show`` gets each line for the user. ``open_browser(url)`` says whether a browser took it; ``paste()`` gives a line
    that the user typed, and is asked again where that is not the address wanted. Raises like ``begin``, and Problem
    where the sign-in comes to nothing.
    """
    under_way = await begin(core, server)
    pasting: asyncio.Task[None] | None = None
    try:
        host, by = urlsplit(server.url).hostname, urlsplit(under_way.issuer).hostname
        show(f"Signing in to {server.name} ({host}) at {by}.")
        opened = open_browser is not None and await open_browser(under_way.url)
        show(f"{'If no browser has opened, open' if opened else 'Open'} this address:\n\n  {under_way.url}\n")
        if paste is not None:
            show("If the browser is on another machine, paste the address of the page that it ends at.")
            pasting = asyncio.create_task(_pasted(under_way, paste, show), name=f"mcp_paste:{server.name}")
        async with told_of_sign_in(core, server, under_way.issuer):
            credentials = await under_way.wait(seconds=seconds)
        return _status(credentials, (await Tokens.of(core)).kind, time.time())
    finally:
        under_way.close()
        if pasting is not None:
            pasting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pasting


async def logout(core: Core, server: Server) -> str:
    """Sign out: tell the authorization server, forget the tokens. Gives a sentence about it.

    The tokens are forgotten even where the server cannot be told. Raises Problem where they cannot be removed.
    """
    from .token_endpoint import revoke

    tokens = await Tokens.of(core)
    if await tokens.load(server) is None:
        return f"You are not signed in to {server.name}."
    async with tokens.hold(server) as held:
        found = await held.load()
        await held.remove()
    told = False
    with contextlib.suppress(Problem, ActionDenied):
        told = found is not None and await revoke(_outgoing(core, server), found)
    await core.report(about_logout(server, "" if found is None else found.issuer, revoked=told))
    if told or found is None or not (found.access_token or found.refresh_token):
        return f"Signed out of {server.name}."
    by = urlsplit(found.issuer).hostname
    return f"Signed out of {server.name} on this machine; {by} was not told, so end the session there, too."


async def forget(core: Core, server: Server) -> None:
    """Remove all that is kept for this server, a client's secret included, and tell nobody. For ``mcp remove``."""
    tokens = await Tokens.of(core)
    if not tokens.stamp(server):
        return
    async with tokens.hold(server) as held:
        found = await held.load()
        await held.remove()
        await held.save_client_secret("")
    if found is not None:
        await core.report(about_logout(server, found.issuer, revoked=False))


async def keep_client_secret(core: Core, server: Server, secret: str) -> None:
    """Keep the configured client's secret (``mcp add --client-secret``) where the tokens are; ``""`` removes it."""
    if not oauth_entry(server).client_id:
        raise Problem("a client secret needs a client: give --client-id, too")
    tokens = await Tokens.of(core)
    async with tokens.hold(server) as held:
        await held.save_client_secret(secret)


async def status(core: Core, server: Server, *, now: float | None = None) -> LoginStatus:
    """How this server's sign-in is, without asking anybody. Raises Problem where the stored one cannot be read."""
    tokens = await Tokens.of(core)
    found = await tokens.load(server) if server.is_remote else None
    return _status(found, tokens.kind, time.time() if now is None else now)


def _status(found: Credentials | None, kind: Kind, now: float) -> LoginStatus:
    if found is None:
        return LoginStatus("none", stored=kind)
    state: Literal["signed in", "expired", "ended"] = "signed in"
    if not found.access_token:
        state = "ended"
    elif found.expires_at and now >= found.expires_at and not found.refresh_token:
        state = "expired"
    renewable = bool(found.refresh_token)
    return LoginStatus(state, found.issuer, found.scopes, found.expires_at, renewable, kind, found.ended)


async def _pasted(under_way: Login, paste: Paste, show: Callable[[str], None]) -> None:
    while line := await paste():
        try:
            under_way.paste(line)
        except Problem as problem:
            show(f"{problem}.")
        else:
            return


def _outgoing(core: Core, server: Server) -> Outgoing:
    reach = Reach.of(core, server)
    return Outgoing(core, reach, source=f"codexplus_mcp: signing in to {server.name} ({server.origin})")
