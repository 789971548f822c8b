"""What is asked of an authorization server: register us, turn a code into tokens, renew them, revoke them."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from codexplus_core import Problem

from .credentials import Client, Credentials
from .discovery import Authority, Found
from .oauth_entry import OAuthEntry, is_scope
from .outgoing import Outgoing, Reply

_BY_SECRET = ("client_secret_post", "client_secret_basic")
_PASSING = ("temporarily_unavailable", "server_error", "slow_down")
EARLY_S = 30.0
"""A token is renewed this long before it ends, so that it does not end on its way."""
_LONGEST = 10 * 365 * 86400
_SHOWN = 200


class Refused(Problem):
    """The authorization server said no; ``code`` is its reason (``invalid_grant``)."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Grant:
    """What stands between the browser's coming back and the tokens."""

    found: Found
    client: Client
    redirect_uri: str
    verifier: str = field(repr=False)


def configured(entry: OAuthEntry, authority: Authority, secret: str) -> Client:
    """The client of the entry."""
    if not secret:
        return Client(entry.client_id)
    # RFC 8414: a server that does not say takes the secret in the header.
    method = next((method for method in _BY_SECRET if method in authority.methods), "client_secret_basic")
    return Client(entry.client_id, secret, method)


async def register(outgoing: Outgoing, authority: Authority, redirect_uri: str, scopes: tuple[str, ...]) -> Client:
    """Register us (RFC 7591). Raises Problem where the server takes no registrations, or gives one we cannot use."""
    host = urlsplit(authority.issuer).hostname
    if not authority.registration_endpoint:
        raise Problem(
            f"{host}: takes no registrations; register codex-plus there yourself, with the redirect URL "
            "http://localhost:PORT/callback, and give the server's entry oauth.clientId and oauth.callbackPort"
        )
    offered = authority.methods or ("none",)
    wanted = next((method for method in ("none", *_BY_SECRET) if method in offered), "none")
    body: dict[str, Any] = {
        "client_name": "codex-plus",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": wanted,
    }
    if scopes:
        body["scope"] = " ".join(scopes)
    reply = await outgoing.post_json(authority.registration_endpoint, body, "registration")
    if reply.status not in (200, 201) or reply.body is None:
        raise _refused(reply, authority.issuer, "did not register us", ())
    client_id, secret = reply.body.get("client_id"), reply.body.get("client_secret") or ""
    if not _is_token(client_id) or not (secret == "" or _is_token(secret)):
        raise Problem(f"{host}: its registration has no usable client_id")
    method = reply.body.get("token_endpoint_auth_method") or ("client_secret_basic" if secret else "none")
    if method not in ("none", *_BY_SECRET) or (method != "none" and not secret):
        raise Problem(f"{host}: registered us for a way of proving who we are that we do not have")
    return Client(str(client_id), str(secret) if method != "none" else "", method)


async def exchange(outgoing: Outgoing, grant: Grant, code: str, url: str, *, now: float) -> Credentials:
    """Turn the code into tokens for the server at ``url``. Raises Refused, and Problem for an answer that is none."""
    authority = grant.found.authority
    credentials = Credentials(
        url=url,
        issuer=authority.issuer,
        token_endpoint=authority.token_endpoint,
        revocation_endpoint=authority.revocation_endpoint,
        client=grant.client,
        resource=grant.found.resource,
        scopes=grant.found.scopes,
    )
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": grant.redirect_uri,
        "code_verifier": grant.verifier,
    }
    return await _tokens(outgoing, credentials, form, (code, grant.verifier), now)


async def renew(outgoing: Outgoing, credentials: Credentials, *, now: float) -> Credentials:
    """New tokens for old ones. Raises Refused where the server wants the user again, Problem where it is just away."""
    form = {"grant_type": "refresh_token", "refresh_token": credentials.refresh_token}
    return await _tokens(outgoing, credentials, form, (), now)


async def revoke(outgoing: Outgoing, credentials: Credentials) -> bool:
    """Tell the server that the tokens are not used any more (RFC 7009); whether it took note. Raises Problem."""
    taken = bool(credentials.revocation_endpoint)
    for name in ("refresh_token", "access_token"):
        token = getattr(credentials, name)
        if token and credentials.revocation_endpoint:
            form, headers = _proved(credentials.client, {"token": token, "token_type_hint": name})
            reply = await outgoing.post_form(credentials.revocation_endpoint, form, "revocation", headers)
            if reply.status == 400 and "client_secret" not in form:
                # Servers built on the mcp package (2.3) want the field, though there is nothing to put in it.
                form = {**form, "client_secret": ""}
                reply = await outgoing.post_form(credentials.revocation_endpoint, form, "revocation", headers)
            taken = taken and reply.status == 200
    return taken


async def _tokens(
    outgoing: Outgoing, credentials: Credentials, form: dict[str, str], secrets: tuple[str, ...], now: float
) -> Credentials:
    if credentials.resource:
        form["resource"] = credentials.resource
    form, headers = _proved(credentials.client, form)
    reply = await outgoing.post_form(credentials.token_endpoint, form, "token request", headers)
    if reply.status != 200 or reply.body is None or "error" in reply.body:
        # Some say no with status 200.
        raise _refused(reply, credentials.issuer, "gave no token", (*credentials.secrets(), *secrets))
    return _read(reply.body, credentials, now)


def _read(body: Mapping[str, Any], credentials: Credentials, now: float) -> Credentials:
    host = urlsplit(credentials.issuer).hostname
    access, renewed = body.get("access_token"), body.get("refresh_token")
    if not _is_token(access) or str(body.get("token_type", "")).lower() != "bearer":
        raise Problem(f"{host}: its answer holds no bearer token that could be used")
    lifetime, scopes = _lifetime(body.get("expires_in")), body.get("scope")
    words = tuple(word for word in scopes.split() if is_scope(word)) if isinstance(scopes, str) else ()
    return replace(
        credentials,
        access_token=str(access),
        # A server that does not rotate leaves it out, and the old one goes on.
        refresh_token=str(renewed) if _is_token(renewed) else credentials.refresh_token,
        expires_at=now + lifetime if lifetime else 0.0,
        renew_at=now + lifetime - min(EARLY_S, lifetime / 10) if lifetime else 0.0,
        scopes=words or credentials.scopes,
        ended="",
    )


def _lifetime(seconds: object) -> float:
    try:
        found = float(seconds) if isinstance(seconds, int | float | str) and not isinstance(seconds, bool) else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return min(found, _LONGEST) if found > 0 and math.isfinite(found) else 0.0


def _proved(client: Client, form: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    if client.method == "client_secret_basic":
        pair = f"{quote(client.id, safe='')}:{quote(client.secret, safe='')}"
        # Servers built on the mcp package look for the name in the form all the same.
        secret = b64encode(pair.encode("ascii")).decode("ascii")
        return {**form, "client_id": client.id}, {"authorization": f"Basic {secret}"}
    if client.method == "client_secret_post":
        return {**form, "client_id": client.id, "client_secret": client.secret}, {}
    return {**form, "client_id": client.id}, {}


def _refused(reply: Reply, issuer: str, what: str, secrets: tuple[str, ...]) -> Problem:
    """The error for an answer that is not what was asked for, with the server's words where they are harmless."""
    host = urlsplit(issuer).hostname
    body = reply.body or {}
    code = body.get("error")
    if not (reply.status == 200 or 400 <= reply.status < 500) or reply.status == 429 or code in _PASSING:
        return Problem(f"{host}: {what} (status {reply.status}); try again later")
    if not isinstance(code, str) or not code.replace("_", "").isalnum() or not code.isascii() or len(code) > 60:
        code = ""
    said = harmless(body.get("error_description"), secrets)
    if not code:
        # Perhaps somebody in between said no; nothing is thrown away for that.
        return Problem(f"{host}: {what} (status {reply.status}, no reason given); try again later, or sign in again")
    return Refused(f"{host}: {what}: {code}{f' ({said})' if said else ''}", code)


def harmless(text: object, secrets: tuple[str, ...]) -> str:
    """A server's words on one short line of ASCII; ``""`` where they repeat a secret, whole or in part."""
    if not isinstance(text, str):
        return ""
    line = " ".join("".join(char if " " <= char <= "~" else " " for char in text[: _SHOWN * 4]).split())[:_SHOWN]
    # No word of a plain sentence is that long; what is may be a token that we have not even seen.
    if any(len(word) > 40 for word in line.split()) or any(_overlaps(line, secret) for secret in secrets):
        return ""
    return line


def _overlaps(line: str, secret: str, size: int = 8) -> bool:
    if len(secret) <= size:
        return secret in line
    return any(line[at : at + size] in secret for at in range(len(line) - size + 1))


def _is_token(value: object) -> bool:
    """Whether this may stand in a header: a text without spaces and control characters."""
    return isinstance(value, str) and 0 < len(value) <= 64 << 10 and all("!" <= char <= "~" for char in value)
