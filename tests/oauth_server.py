"""An MCP server that wants a login, with its authorization server, on this machine; every answer can be bent."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import httpx2

from codexplus_core.conversation.record import MemoryStore
from codexplus_core.dispatch import Dispatcher
from codexplus_core.loader import Plugins
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.commands import Commands
from codexplus_core.services.config import Config
from codexplus_core.services.core import Services
from codexplus_core.services.memory import MemoryValues
from codexplus_core.services.plugin_store import PluginStore
from codexplus_mcp.server import Server

Answer = tuple[int, dict[str, str], Any]


@dataclass
class Seen:
    """One request that came, with the form or JSON in it."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class OAuthServer:
    """Both servers on one port. ``answers`` maps a path to what it answers instead; change ``metadata`` to lie."""

    origin: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, Answer | Callable[[Seen], Answer]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] | None = field(default_factory=dict)
    challenge: str = ""
    lifetime: float = 3600
    rotates: bool = True
    secret: str = ""
    """Given with a registration; the client has to prove itself with it then."""
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)
    """Valid access tokens, and their scopes."""
    refresh: dict[str, str] = field(default_factory=dict)
    """Valid refresh tokens, and their clients."""
    needed: str = ""
    """A scope that tools need."""
    count: int = 0

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    def paths(self, method: str = "") -> list[str]:
        return [seen.path for seen in self.seen if method in ("", seen.method)]

    def begin(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.challenge = f'Bearer resource_metadata="{self.origin}/.well-known/oauth-protected-resource/mcp"'
        self.resource = {"resource": self.url, "authorization_servers": [self.origin], "scopes_supported": ["read"]}
        self.metadata = {
            "issuer": self.origin,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "registration_endpoint": f"{self.origin}/register",
            "revocation_endpoint": f"{self.origin}/revoke",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        }

    # -- what it answers

    def answer(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        bent = self.answers.get(seen.path)
        if bent is not None:
            return bent(seen) if callable(bent) else bent
        known: dict[str, Callable[[Seen], Answer]] = {
            "/mcp": self._mcp,
            "/authorize": self._authorize,
            "/token": self._token,
            "/register": self._register,
            "/revoke": self._revoke,
            "/.well-known/oauth-authorization-server": lambda _: (200, {}, self.metadata),
        }
        if seen.path.startswith("/.well-known/oauth-protected-resource") and self.resource is not None:
            return 200, {}, self.resource
        return known[seen.path](seen) if seen.path in known else (404, {}, None)

    def _mcp(self, seen: Seen) -> Answer:
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.access:
            return 401, {"www-authenticate": self.challenge}, None
        method = seen.body.get("method", "")
        if method == "tools/call" and self.needed and self.needed not in self.access[token].split():
            wants = f'Bearer error="insufficient_scope", scope="{self.needed}"'
            return 403, {"www-authenticate": wants}, None
        if "id" not in seen.body:
            return 202, {}, None
        results: dict[str, Any] = {
            "initialize": {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "scripted", "version": "1"},
            },
            "tools/list": {"tools": [{"name": "hi", "inputSchema": {"type": "object"}}]},
            "tools/call": {"content": [{"type": "text", "text": "hello"}]},
        }
        said = {"jsonrpc": "2.0", "id": seen.body["id"]}
        if method not in results:
            return 200, {}, {**said, "error": {"code": -32601, "message": "unknown method"}}
        return 200, {}, {**said, "result": results[method]}

    def _register(self, seen: Seen) -> Answer:
        self.count += 1
        client = {**seen.body, "client_id": f"client-{self.count}"}
        if self.secret:
            client |= {"client_secret": self.secret, "token_endpoint_auth_method": "client_secret_basic"}
        self.clients[client["client_id"]] = client
        return 201, {}, client

    def _authorize(self, seen: Seen) -> Answer:
        asked = seen.body
        client = self.clients.get(asked.get("client_id", ""))
        if client is None or asked["redirect_uri"] not in client["redirect_uris"]:
            return 400, {}, "unknown client"
        self.count += 1
        code = f"code-{self.count}-{'c' * 24}"
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.origin})
        return 302, {"location": f"{asked['redirect_uri']}?{back}"}, None

    def _token(self, seen: Seen) -> Answer:
        form, client = seen.body, self._client(seen)
        if client is None:
            return 401, {}, {"error": "invalid_client"}
        if form["grant_type"] == "authorization_code":
            asked = self.codes.pop(form["code"], None)
            digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
            if asked is None or digest.rstrip(b"=").decode() != asked["code_challenge"]:
                return 400, {}, {"error": "invalid_grant"}
            scope = asked.get("scope", "")
        elif self.refresh.get(form["refresh_token"]) == client:
            scope = "read"
            if self.rotates:
                del self.refresh[form["refresh_token"]]
        else:
            return 400, {}, {"error": "invalid_grant", "error_description": "the refresh token is not known"}
        return 200, {}, self.tokens(client, scope)

    def tokens(self, client: str, scope: str = "read") -> dict[str, Any]:
        self.count += 1
        access, refresh = f"access-{self.count}-{'a' * 24}", f"refresh-{self.count}-{'r' * 24}"
        self.access[access] = scope
        self.refresh[refresh] = client
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "scope": scope,
        }

    def _client(self, seen: Seen) -> str | None:
        name, secret = seen.body.get("client_id", ""), seen.body.get("client_secret", "")
        basic = seen.headers.get("authorization", "")
        if basic.startswith("Basic "):
            name, _, secret = (unquote(part) for part in base64.b64decode(basic[6:]).decode().partition(":"))
        known = self.clients.get(name)
        return name if known is not None and secret == known.get("client_secret", "") else None

    def _revoke(self, seen: Seen) -> Answer:
        if self._client(seen) is None:
            return 401, {}, {"error": "invalid_client"}
        self.access.pop(seen.body["token"], None)
        self.refresh.pop(seen.body["token"], None)
        return 200, {}, None

    # -- the wire

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            data = await reader.readexactly(int(headers.get("content-length", "0")))
            method, target, _ = first.split(" ")
            parts = urlsplit(target)
            is_json = headers.get("content-type", "").startswith("application/json")
            body = json.loads(data) if is_json else dict(parse_qsl(data.decode() or parts.query))
            status, more, said = self.answer(Seen(method, parts.path, headers, body))
            out = said if isinstance(said, bytes) else b"" if said is None else json.dumps(said).encode()
            all_headers = {"content-type": "application/json", "content-length": str(len(out)), **more}
            lines = [f"{name}: {value}" for name, value in all_headers.items()]
            writer.write("\r\n".join([f"HTTP/1.1 {status} -", *lines, "connection: close", "", ""]).encode() + out)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def oauth_server() -> AsyncIterator[OAuthServer]:
    """One that listens on a free port."""
    server = OAuthServer()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.begin(listener.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listener.close()


class KeptLog:
    """The event log, kept."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **fields: self.lines.append(f"{level} {event} {fields}")


def core_in(home: Path, settings: dict[str, Any] | None = None) -> Services:
    """The core's services for a user with this home directory; ``core.log.lines`` is what was logged."""
    log = KeptLog()
    return Services(
        dispatcher=Dispatcher(Plugins(), log=log),
        commands=Commands([]),
        store=PluginStore(MemoryValues(MemoryStore())),
        log=log,
        config=Config(home, settings or {}),
        approvals=Approvals(None),
    )


def entry(server: OAuthServer, **more: Any) -> Server:
    """The MCP server as a settings file would have it."""
    return Server(name="remote", scope="user", transport="http", url=server.url, **more)


async def browse(url: str) -> httpx2.Response:
    """What the user's browser does: go there and follow."""
    async with httpx2.AsyncClient(follow_redirects=True, trust_env=False, timeout=10) as client:
        return await client.get(url)
