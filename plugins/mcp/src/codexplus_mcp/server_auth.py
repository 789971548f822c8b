"""The token on every request to one MCP server: added, renewed before it ends and where it is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

import httpx2

from codexplus_core import ActionDenied, Core, Problem

from .credentials import Credentials
from .discovery import Challenge
from .outgoing import Outgoing, Reply
from .reach import origin_of
from .row import signing_in
from .server import Server
from .token_endpoint import Refused, renew
from .tokens import Tokens

MOST_SCOPES = 50
"""Scopes that a server's refusals add up to for the next sign-in; one that misses more of them means no good."""
REST_S = 30.0
"""After a renewal that failed for now no other is tried for so long: each might take as long as a request may."""


class ServerAuth(httpx2.Auth):
    """``httpx2.AsyncClient(auth=…)`` for one server. It never opens a browser and raises nothing of its own.

    Where the user has to sign in, the server's 401 or 403 comes through and ``needs_login`` says why and how, until a
    request succeeds; ``problem`` is a renewal that failed for now (the authorization server is away). Without a
    sign-in, and where the entry sets its own ``Authorization``, requests go as they are. Tokens go to the server's own
    origin only.
    """

    def __init__(
        self, core: Core, server: Server, outgoing: Outgoing, tokens: Tokens, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._core = core
        self._server = server
        self._outgoing = outgoing
        self._tokens = tokens
        self._clock = clock
        self._origin = origin_of(server.url)
        self._own_header = any(name.lower() == "authorization" for name in server.headers)
        self._credentials: Credentials | None = None
        self._stamp = -1
        self._renewal: asyncio.Task[Credentials | None] | None = None
        self._rest_until = 0.0
        self.needs_login = ""
        self.problem = ""

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send the request with the token; after a 401 once more, with a newer one if there is one."""
        if self._own_header or origin_of(str(request.url)) != self._origin:
            yield request
            return
        used = await self._usable()
        response = yield _carrying(request, used)
        if response.status_code == 401 and used is not None and used.access_token:
            newer = await self._newer(used)
            if newer is not None:
                used = newer
                response = yield _carrying(request, used)
        await self._learn(response, used)

    # -- the token

    async def _usable(self) -> Credentials | None:
        try:
            found = await self._current()
            if found is not None and found.is_stale(self._clock()) and found.refresh_token:
                # Where it cannot be renewed the old one may still do for half a minute.
                return await self._renewed(found) or await self._current()
        except (Problem, ActionDenied) as problem:
            self._fail(problem)
            return self._credentials
        return found

    async def _newer(self, used: Credentials) -> Credentials | None:
        """Another token than the one that was just refused."""
        try:
            found = await self._renewed(used)
        except (Problem, ActionDenied) as problem:
            self._fail(problem)
            return None
        return found if found is not None and found.access_token not in ("", used.access_token) else None

    async def _current(self) -> Credentials | None:
        stamp = self._tokens.stamp(self._server)
        if stamp != self._stamp:
            self._credentials = await self._tokens.load(self._server)
            self._stamp = stamp
            self._rest_until, self.problem = 0.0, ""
        return self._credentials

    async def _renewed(self, used: Credentials) -> Credentials | None:
        # One for all who need it, and whoever waits may be cancelled: a half-done renewal would lose a rotated token.
        if self._renewal is None or self._renewal.done():
            if self._clock() < self._rest_until:
                return None
            self._renewal = asyncio.create_task(self._renew(used), name=f"mcp_renew:{self._server.name}")
            # Where nobody waits any more, nobody is told; the next request tries again.
            self._renewal.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._renewal)

    async def _renew(self, used: Credentials) -> Credentials | None:
        async with self._tokens.hold(self._server) as held:
            found = await held.load()
            if found is None or found.access_token != used.access_token:
                # Another process was faster, or the user signed in or out.
                return found
            if not found.refresh_token:
                return None
            try:
                fresh = await renew(self._outgoing, found, now=self._clock())
            except Refused as refused:
                self._core.log.info("mcp_login_ended", server=self._server.name, code=refused.code)
                await held.save(replace(found, access_token="", refresh_token="", expires_at=0.0, ended=str(refused)))
                return None
            # Where the disk is full it counts at least here; the old one may be void already.
            self._credentials = fresh
            await held.save(fresh)
            return fresh

    def _fail(self, problem: Problem | ActionDenied) -> None:
        self.problem = str(problem)
        self._rest_until = self._clock() + REST_S
        self._core.log.warning("mcp_token_not_renewed", server=self._server.name, error=str(problem))

    # -- what the answer tells

    async def _learn(self, response: httpx2.Response, used: Credentials | None) -> None:
        status = response.status_code
        if status not in (401, 403):
            self.needs_login = self.problem = ""
            return
        challenge = Challenge.of(Reply(status, {"www-authenticate": response.headers.get("www-authenticate", "")}))
        if status == 403 and challenge.error != "insufficient_scope":
            return
        name = self._server.name
        how = f"sign in: {signing_in(self._server)}, or {signing_in(self._server, chat=True)}"
        if status == 403:
            self.needs_login = f"MCP server {name} wants more rights than you gave it; {how}"
            await self._remember(challenge.scopes)
        elif self.problem:
            self.needs_login = ""
        elif used is not None:
            self.needs_login = f"MCP server {name}: your sign-in has ended; {how}"
        else:
            self.needs_login = f"MCP server {name} wants you to sign in first; {how}"

    async def _remember(self, scopes: tuple[str, ...]) -> None:
        """Ask for these, too, at the next sign-in."""
        try:
            async with self._tokens.hold(self._server) as held:
                found = await held.load()
                if found is None or set(scopes) <= {*found.scopes, *found.wanted}:
                    return
                wanted = tuple(dict.fromkeys((*found.wanted, *scopes)))[:MOST_SCOPES]
                if wanted != found.wanted:
                    await held.save(replace(found, wanted=wanted))
        except Problem as problem:
            self._fail(problem)


def _carrying(request: httpx2.Request, credentials: Credentials | None) -> httpx2.Request:
    if credentials is not None and credentials.access_token:
        request.headers["authorization"] = f"Bearer {credentials.access_token}"
    return request
