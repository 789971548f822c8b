"""Which servers the lists of the settings mean: those that are allowed, denied, switched off or trusted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from .entry import Entry
from .server import Standing
from .url import ascii_host, settled_path


class Lists:
    """What the settings say about servers besides describing them."""

    def __init__(self, settings: Any) -> None:
        self._allowed = settings.get("allowedMcpServers")
        self._denied = settings.get("deniedMcpServers", [])
        self._disabled = frozenset(settings.get("disabledMcpjsonServers", []))
        self._enabled = frozenset(settings.get("enabledMcpjsonServers", []))
        self._all = settings.get("enableAllProjectMcpServers", False) is True

    def standing(self, name: str, entry: Entry, *, shared: bool, trusted: bool) -> Standing:
        """Whether a server may be used; ``shared`` ones stand in ``.mcp.json``."""
        if entry.broken:
            return "broken"
        if _any(self._denied, name, entry) or (self._allowed is not None and not _may(self._allowed, name, entry)):
            return "denied"
        if shared and name in self._disabled:
            return "disabled"
        if trusted or (shared and (self._all or name in self._enabled)):
            return "trusted"
        return "asks"


def _any(rules: Iterable[Any], name: str, entry: Entry) -> bool:
    return any(_is_meant(rule, name, entry) for rule in rules)


def _may(rules: Iterable[Any], name: str, entry: Entry) -> bool:
    """Whether an allow list has a server. A name is anybody's to take, so where the list says which commands (or URLs)
    are meant, a program (or a remote server) is there by that alone, as in Claude Code.
    """
    kind = "serverUrl" if entry.url else "serverCommand"
    exact = [rule for rule in rules if isinstance(rule, dict) and kind in rule]
    return _any(exact or rules, name, entry)


def _is_meant(rule: Any, name: str, entry: Entry) -> bool:
    """Whether an entry of an allow or deny list means a server: by its name, its URL or its command line."""
    if isinstance(rule, str):
        return _like(rule, name)
    if not isinstance(rule, dict):
        return False
    if isinstance(rule.get("serverName"), str):
        return _like(rule["serverName"], name)
    if isinstance(rule.get("serverUrl"), str):
        return bool(entry.url) and _is_at(rule["serverUrl"], entry.url)
    if isinstance(rule.get("serverCommand"), list):
        return bool(entry.command) and rule["serverCommand"] == [entry.command, *entry.args]
    return False


def _is_at(pattern: str, url: str) -> bool:
    """Whether a URL is meant by a pattern: scheme, host and the rest each by its own part, so that a ``*`` in the place
    of a host stands for no path (``https://evil.example/.corp.example/`` is none of ``https://*.corp.example/*``).

    Both are compared in one spelling; an entry's URL has it already (``url.settled``).
    """
    scheme, mark, rest = pattern.partition("://")
    if not mark:
        scheme, rest = "*", pattern
    host, slash, path = rest.partition("/")
    host = host.lower().removesuffix({"http": ":80", "https": ":443"}.get(scheme.lower(), ":-")).rstrip(".")
    # A label at a time: a `*` stays one.
    host = ".".join(map(ascii_host, host.split(".")))
    parts = urlsplit(url)
    where = (parts.hostname or "").rstrip(".")
    where = f"[{where}]" if ":" in where else where
    if parts.port not in (None, 443 if parts.scheme == "https" else 80):
        where += f":{parts.port}"
    if not _like(scheme.lower(), parts.scheme) or not _like(host, where):
        return False
    whole = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    if not slash:
        return host.endswith("*") or whole == "/"
    path, question, query = path.partition("?")
    return _like(settled_path(f"/{path}") + question + query, whole)


def _like(pattern: str, text: str) -> bool:
    """Whether a text is meant by a pattern, in which ``*`` stands for anything; never by going back."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    last = rest.pop()
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in rest:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
