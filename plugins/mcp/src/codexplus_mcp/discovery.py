"""Finding out who signs people in for an MCP server: its resource metadata, then the authorization server's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from codexplus_core import Problem

from .oauth_entry import OAuthEntry, is_scope
from .outgoing import Outgoing, Reply
from .reach import origin_of
from .server import Server

# What a client of the newest protocol that all servers know says first; without a token it gets no further.
_HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "codex-plus", "version": "1"},
    },
}
_ACCEPT = "application/json, text/event-stream"


@dataclass(frozen=True, slots=True)
class Authority:
    """An authorization server, from its own metadata and checked: S256, https, endpoints related to the issuer."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str = ""
    revocation_endpoint: str = ""
    methods: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    names_itself: bool = False
    """Whether it promises to say who it is (RFC 9207) when it sends the user back."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where to sign in for a server, for which resource (RFC 8707, ``""`` where none is named), with which scopes."""

    authority: Authority
    resource: str
    scopes: tuple[str, ...]


async def discover(outgoing: Outgoing, server: Server, entry: OAuthEntry) -> Found:
    """Ask the server, then the authorization server that it names. Raises Problem where they do not fit together."""
    reply = await _knock(outgoing, server)
    challenge = Challenge.of(reply)
    resource = await _resource(outgoing, server, challenge)
    if resource is None and reply.status not in (401, 403) and not entry.metadata_url:
        raise Problem(
            f"MCP server {server.name}: it asks for no login (status {reply.status}) and names nobody to sign in with; "
            "if it wants an API key, set a header"
        )
    issuer = resource.issuer if resource is not None else ""
    if entry.metadata_url:
        authority = await _named_authority(outgoing, entry.metadata_url)
    else:
        authority = await _authority(outgoing, issuer or _origin(server.url))
    # All that the authorization server knows would be far too much, so without a hint none is named.
    scopes = entry.scopes or challenge.scopes or (resource.scopes if resource is not None else ())
    if scopes and "offline_access" in authority.scopes and "offline_access" not in scopes:
        # Without it some give no refresh token, and the user would have to sign in every hour.
        scopes = (*scopes, "offline_access")
    return Found(authority, resource.name if resource is not None else "", scopes)


# -- the server


@dataclass(frozen=True, slots=True)
class Challenge:
    """What ``WWW-Authenticate`` says."""

    metadata_url: str = ""
    scopes: tuple[str, ...] = ()
    error: str = ""

    @classmethod
    def of(cls, reply: Reply) -> Challenge:
        """The challenge in an answer; an empty one where there is none."""
        return cls.parse(reply.headers.get("www-authenticate", "")) if reply.status in (401, 403) else cls()

    @classmethod
    def parse(cls, header: str) -> Challenge:
        """Read the parameters of the header, in whatever order."""
        return cls(
            _parameter(header, "resource_metadata"),
            tuple(word for word in _parameter(header, "scope").split() if is_scope(word)),
            _parameter(header, "error"),
        )


def _parameter(header: str, name: str) -> str:
    found = re.search(rf'(?:^|[\s,]){name}\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', header[:8192], re.IGNORECASE)
    if found is None:
        return ""
    return re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]


async def _knock(outgoing: Outgoing, server: Server) -> Reply:
    headers = {**server.headers, "accept": _ACCEPT}
    hello = None if server.transport == "sse" else _HELLO
    return await outgoing.knock(server.url, f"the MCP server {server.name}", headers, body=hello)


@dataclass(frozen=True, slots=True)
class _Resource:
    name: str
    issuer: str
    scopes: tuple[str, ...]


async def _resource(outgoing: Outgoing, server: Server, challenge: Challenge) -> _Resource | None:
    parts = urlsplit(server.url)
    well_known = f"{_origin(server.url)}/.well-known/oauth-protected-resource"
    path = parts.path.rstrip("/")
    urls = [challenge.metadata_url, f"{well_known}{path}", well_known]
    for url in dict.fromkeys(filter(None, urls)):
        what = "the server's resource metadata"
        reply = await outgoing.get(url, what)
        if reply.status >= 500 or reply.status == 429:
            # That says nothing about whether there is one, so nothing may be concluded from it.
            raise Problem(f"MCP server {server.name}: {what} cannot be had (status {reply.status}); try again later")
        if reply.status == 200 and reply.body is not None and "authorization_servers" in reply.body:
            return _read_resource(server, reply.body)
    return None


def _read_resource(server: Server, body: Mapping[str, Any]) -> _Resource:
    issuers = body.get("authorization_servers")
    if not isinstance(issuers, list) or not issuers or not isinstance(issuers[0], str):
        raise Problem(f"MCP server {server.name}: its resource metadata names no authorization server")
    name = body.get("resource")
    if not isinstance(name, str) or not covers(name, server.url):
        raise Problem(
            f"MCP server {server.name}: its resource metadata is about another resource, so a token for it would be "
            "somebody else's; nothing was sent"
        )
    return _Resource(name, issuers[0], _scopes(body))


def covers(resource: str, url: str) -> bool:
    """Whether a resource's name is the URL, or a folder above it on the same origin."""
    try:
        if origin_of(resource) != origin_of(url):
            return False
    except ValueError:
        return False
    above, below = (f"{urlsplit(one).path.rstrip('/')}/" for one in (resource, url))
    return below.startswith(above) and "/../" not in below


# -- the authorization server


def metadata_urls(issuer: str) -> list[str]:
    """Where an issuer's metadata may lie: RFC 8414, then OpenID Connect in its two ways."""
    origin, path = _origin(issuer), urlsplit(issuer).path.rstrip("/")
    urls = [f"{origin}/.well-known/{name}{path}" for name in ("oauth-authorization-server", "openid-configuration")]
    return [*urls, f"{origin}{path}/.well-known/openid-configuration"] if path else urls


async def _authority(outgoing: Outgoing, issuer: str) -> Authority:
    outgoing.reach.check(issuer, "the authorization server")
    what = "the authorization server's metadata"
    for url in metadata_urls(issuer):
        reply = await outgoing.get(url, what)
        if reply.status >= 500 or reply.status == 429:
            raise Problem(f"{urlsplit(issuer).hostname}: {what} cannot be had (status {reply.status}); try again later")
        if reply.status == 200 and reply.body is not None:
            return read_authority(outgoing, reply.body, issuer)
    raise Problem(
        f"{urlsplit(issuer).hostname}: has no authorization server metadata, so there is no safe way to sign in there; "
        "if you have an API key, set it as a header"
    )


async def _named_authority(outgoing: Outgoing, url: str) -> Authority:
    reply = await outgoing.get(url, "oauth.authServerMetadataUrl")
    if reply.status != 200 or reply.body is None:
        raise Problem(f"oauth.authServerMetadataUrl: there is no metadata (status {reply.status}); check the URL")
    issuer = reply.body.get("issuer")
    if not isinstance(issuer, str) or origin_of(outgoing.reach.check(issuer, "the issuer")) != origin_of(url):
        raise Problem("oauth.authServerMetadataUrl: the metadata there is about another issuer; check the URL")
    return read_authority(outgoing, reply.body, issuer)


def read_authority(outgoing: Outgoing, body: Mapping[str, Any], issuer: str) -> Authority:
    """The metadata as an Authority. Raises Problem where it is another issuer's, lacks S256, or leads elsewhere."""
    host = urlsplit(issuer).hostname
    said = body.get("issuer")
    if not isinstance(said, str) or _bare(said) != _bare(issuer):
        raise Problem(f"{host}: its metadata is in the name of another issuer; nothing was sent")
    if "S256" not in _texts(body, "code_challenge_methods_supported"):
        raise Problem(f"{host}: does not offer PKCE with S256, without which a sign-in can be stolen; nothing was sent")
    grants = _texts(body, "grant_types_supported")
    if grants and "authorization_code" not in grants:
        raise Problem(f"{host}: offers no sign-in by browser (authorization_code)")
    ends = {
        name: _endpoint(outgoing, body, name, issuer)
        for name in ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint")
    }
    for name in ("authorization_endpoint", "token_endpoint"):
        if not ends[name]:
            raise Problem(f"{host}: its metadata has no {name}")
    return Authority(
        said,
        **ends,
        methods=_texts(body, "token_endpoint_auth_methods_supported"),
        scopes=_scopes(body),
        names_itself=body.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(outgoing: Outgoing, body: Mapping[str, Any], name: str, issuer: str) -> str:
    url = body.get(name)
    if url is None:
        return ""
    outgoing.reach.check(url, f"{name} of {urlsplit(issuer).hostname}")
    if not outgoing.reach.is_related(issuer, url):
        host = urlsplit(url).hostname
        raise Problem(
            f"{urlsplit(issuer).hostname}: its {name} is on another site, {host}; "
            f"if both belong together, add {host} to mcp.oauth.trustedHosts"
        )
    return str(url)


def _texts(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = body.get(name)
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()


def _scopes(body: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(word for word in _texts(body, "scopes_supported") if is_scope(word))[:200]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _bare(issuer: str) -> str:
    """An issuer that is only an origin is the same with and without its slash; with a path it is not."""
    return issuer[:-1] if issuer.endswith("/") and issuer.count("/") == 3 else issuer
