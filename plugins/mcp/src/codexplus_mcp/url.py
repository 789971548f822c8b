"""One spelling for each URL, so that what a list compares is what is asked for (RFC 3986, 6.2.2)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DEFAULTS = {"http": 80, "https": 443}


def settled(url: str) -> str:
    """An http(s) URL with its scheme and host in lower case, without a port that goes without saying, and with
    `settled_path`. Raises ValueError for a port that is no number.
    """
    parts = urlsplit(url)
    host = ascii_host(parts.hostname or "")
    host = f"[{host}]" if ":" in host else host
    if parts.port is not None and parts.port != _DEFAULTS.get(parts.scheme):
        host += f":{parts.port}"
    return urlunsplit((parts.scheme, host, settled_path(parts.path), parts.query, ""))


def settled_path(path: str) -> str:
    """A path without ``.`` and ``..``, and without escapes that need not be: ``/a/%2e%2e/b`` is ``/b``.

    A backslash is a slash, as browsers have it, and ``..;`` is ``..``, as some servers have it.
    """
    path = _ESCAPE.sub(_unescaped, path).replace("\\", "/")
    if not path.startswith("/"):
        return path
    kept: list[str] = []
    pieces = path.split("/")[1:]
    for piece in pieces:
        plain = piece.partition(";")[0]
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(piece)
    if pieces[-1].partition(";")[0] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _unescaped(found: re.Match[str]) -> str:
    char = chr(int(found[1], 16))
    return char if char in _UNRESERVED else found[0].upper()


def ascii_host(host: str) -> str:
    """A host, or one label of it, as it is asked for (IDNA 2003); as it is where that cannot be."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host
