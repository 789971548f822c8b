"""One sign-in under way: the address to open, the wait for the browser's return, the tokens."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from codexplus_core import Problem

from .callback import Callback
from .credentials import Credentials
from .discovery import Found, discover
from .oauth_entry import OAuthEntry
from .outgoing import Outgoing
from .row import signing_in
from .server import Server
from .token_endpoint import Grant, configured, exchange, register
from .tokens import Tokens

WAIT_S = 600.0
_SAID = {
    "access_denied": "access was refused in the browser",
    "given_up": "it was given up",
    "issuer_mismatch": "the answer came from another authorization server than was asked; nothing was sent",
    "no_code": "the browser came back without a code",
}


class Login:
    """A sign-in whose ``url`` waits to be opened in a browser; ``issuer`` is where it will take the user.

    ``scopes`` are asked for. Close it when it is not wanted any more.
    """

    def __init__(
        self, server: Server, outgoing: Outgoing, tokens: Tokens, grant: Grant, callback: Callback, url: str
    ) -> None:
        self.server = server
        self.url = url
        self.issuer = grant.found.authority.issuer
        self.scopes = grant.found.scopes
        self.redirect_uri = grant.redirect_uri
        self._outgoing = outgoing
        self._tokens = tokens
        self._grant = grant
        self._callback = callback

    def paste(self, address: str) -> None:
        """Take the address that the browser ended at, where it could not reach us. Raises Problem if it is not ours."""
        self._callback.paste(address)

    async def wait(
        self, *, seconds: float = WAIT_S, clock: Callable[[], float] = time.time, chat: bool = False
    ) -> Credentials:
        """Wait for the browser's return, get the tokens and keep them.

        Raises Problem where nobody comes back in time, the user says no, or the server gives no tokens. Afterwards
        this sign-in is over either way. The message names the command of the terminal, in the ``chat`` the one there.
        """
        again = signing_in(self.server, chat=chat)
        try:
            async with asyncio.timeout(seconds):
                visit = await self._callback.wait()
        except TimeoutError:
            raise Problem(
                f"MCP server {self.server.name}: nobody came back from the browser within {seconds:g} s; "
                f"sign in again: {again}"
            ) from None
        finally:
            # The listener has done its part once it has answered; it must not be there for a second visit.
            self.close()
        if visit.error:
            raise Problem(
                f"MCP server {self.server.name}: not signed in: {_SAID.get(visit.error, visit.error)}; "
                f"to try again: {again}"
            )
        credentials = await exchange(self._outgoing, self._grant, visit.code, self.server.url, now=clock())
        async with self._tokens.hold(self.server) as held:
            await held.save(credentials)
        return credentials

    def close(self) -> None:
        """Stop waiting."""
        self._callback.close()


async def begin(outgoing: Outgoing, tokens: Tokens, server: Server, entry: OAuthEntry) -> Login:
    """Find out where to sign in, register if need be, and listen for the way back. Raises Problem, ActionDenied."""
    found = await discover(outgoing, server, entry)
    before = await tokens.load(server)
    if before is not None and before.wanted and not entry.scopes:
        # The server has asked for more rights meanwhile; those that there are must not be lost by that.
        scopes = tuple(dict.fromkeys((*found.scopes, *before.scopes, *before.wanted)))
        found = Found(found.authority, found.resource, scopes)
    state = secrets.token_urlsafe(32)
    callback = Callback(state, issuer=found.authority.issuer, names_itself=found.authority.names_itself)
    try:
        # The user registered the client for localhost, as Claude Code has it; RFC 8252 prefers the number.
        await callback.listen(port=entry.port, host="localhost" if entry.client_id else "127.0.0.1")
        if entry.client_id:
            secret = entry.client_secret or await tokens.client_secret(server)
            client = configured(entry, found.authority, secret)
        else:
            # Always anew: the port is another one, and a registration that the server has forgotten would show the
            # user an error page from which nothing comes back.
            client = await register(outgoing, found.authority, callback.redirect_uri, found.scopes)
        grant = Grant(found, client, callback.redirect_uri, secrets.token_urlsafe(64))
        url = outgoing.reach.check(authorization_url(grant, state), "the address to sign in at")
    except BaseException:
        callback.close()
        raise
    return Login(server, outgoing, tokens, grant, callback, url)


def authorization_url(grant: Grant, state: str) -> str:
    """Where the user signs in: the authorization endpoint with our questions, which its own query cannot change."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(grant.verifier.encode("ascii")).digest()).rstrip(b"=")
    ours = {
        "response_type": "code",
        "client_id": grant.client.id,
        "redirect_uri": grant.redirect_uri,
        "state": state,
        "code_challenge": challenge.decode("ascii"),
        "code_challenge_method": "S256",
    }
    if grant.found.resource:
        ours["resource"] = grant.found.resource
    if grant.found.scopes:
        ours["scope"] = " ".join(grant.found.scopes)
    if "offline_access" in grant.found.scopes:
        # OpenID Connect gives it only to a user who was asked.
        ours["prompt"] = "consent"
    parts = urlsplit(grant.found.authority.authorization_endpoint)
    theirs = [(name, value) for name, value in parse_qsl(parts.query) if name not in (*ours, "scope", "resource")]
    return urlunsplit((*parts[:3], urlencode([*theirs, *ours.items()]), ""))
