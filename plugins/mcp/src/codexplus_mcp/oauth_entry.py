"""What an MCP server's entry says about signing in, in Claude Code's keys and in the specification's."""

from __future__ import annotations

from dataclasses import dataclass, field

from codexplus_core import Problem

from .server import Server


@dataclass(frozen=True, slots=True)
class OAuthEntry:
    """The configured client, if there is one, and what else the entry wants.

    ``client_id`` is ``""`` where the client registers itself. ``port`` is the callback's, 0 for any free one.
    ``scopes`` are asked for instead of those that the server names. ``metadata_url`` is the authorization server's
    metadata, where discovery shall not decide.
    """

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    port: int = 0
    scopes: tuple[str, ...] = ()
    metadata_url: str = ""


def oauth_entry(server: Server) -> OAuthEntry:
    """Read ``oauth`` (``clientId``, ``callbackPort``) or ``auth`` (``scopes``). Raises Problem for a wrong value."""
    said = server.oauth
    kind = said.get("type")
    if kind not in (None, "oauth", "oauth2"):
        raise Problem(f'{_where(server)}: auth.type is {str(kind)[:40]!r}; "oauth2" is the only one that is known')
    port = said.get("callbackPort", said.get("callback_port", 0))
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port < 65536:
        raise Problem(f"{_where(server)}: callbackPort has to be a number from 1 to 65535")
    return OAuthEntry(
        client_id=_text(server, "clientId", "client_id"),
        client_secret=_text(server, "clientSecret", "client_secret"),
        port=port,
        scopes=_scopes(server),
        metadata_url=_text(server, "authServerMetadataUrl", "auth_server_metadata_url"),
    )


def _text(server: Server, *names: str) -> str:
    value = next((server.oauth[name] for name in names if name in server.oauth), "")
    if not isinstance(value, str) or not value.isprintable():
        raise Problem(f"{_where(server)}: {names[0]} has to be a text")
    return value


def _scopes(server: Server) -> tuple[str, ...]:
    value = server.oauth.get("scopes", server.oauth.get("scope", ()))
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) and is_scope(word) for word in words):
        raise Problem(f"{_where(server)}: scopes has to be a list of texts without spaces")
    return tuple(dict.fromkeys(words))


def is_scope(word: str) -> bool:
    """Whether this is one scope as RFC 6749 writes it."""
    return 0 < len(word) <= 200 and all("!" <= char <= "~" and char not in '"\\' for char in word)


def _where(server: Server) -> str:
    return f"MCP server {server.name}" + (f" ({server.origin})" if server.origin else "")
