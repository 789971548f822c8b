"""The servers that count in a project: what the settings layers say, and whether each may be used.

The core's configuration reads every place: ``mcpServers`` of settings files, ``.mcp.json`` of the project and of the
folders above it, the user's own ``mcp.json`` in the state directory, and Claude Code's ``~/.claude.json``, which has
the same shape and is never written:
``{"mcpServers": {…user…}, "projects": {"/the/project": {"mcpServers": {…local…}}}}``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from codexplus_core import Core, state_dir

from .entry import Entry, read_entry
from .names import plain
from .server import Scope, Server, ServerSet, Standing
from .signed import Signed, signed_of

PROJECTS = 64
"""Projects whose servers are remembered."""
SHARED = ".mcp.json"
MANY = 100
"""Servers of a project that are looked at; each may be a process."""
_FILES = frozenset({SHARED, "mcp.json", ".claude.json"})
_SCOPES: Mapping[str, Scope] = {"enterprise": "enterprise", "local": "local", "project": "project", "user": "user"}


def own_file(env: Mapping[str, str]) -> Path:
    """Where servers of the scopes local and user are kept."""
    return state_dir(env) / "mcp.json"


class Servers:
    """Asks the configuration for the servers of a project; cheap while nothing changes."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._config = core.config
        self._known: OrderedDict[Path | None, tuple[Any, Signed, ServerSet]] = OrderedDict()

    def of(self, project: Path | None) -> ServerSet:
        """The servers that count in a project's directory, None for the user's alone."""
        settings = self._config.for_project(project)
        signed = signed_of(self._core, project)
        known = self._known.get(project)
        if known is not None and known[0] is settings and known[1] == signed:
            return known[2]
        found = servers_in(settings, signed, strict=self._config.get("compatibility") == "claude-code")
        self._known[project] = (settings, signed, found)
        self._known.move_to_end(project)
        while len(self._known) > PROJECTS:
            self._known.popitem(last=False)
        return found


def servers_in(settings: Any, signed: Signed, *, strict: bool = False) -> ServerSet:
    """The servers of one view of the settings, and of packs. ``strict`` reads them as Claude Code 2.1 does."""
    values = settings.items("mcpServers")
    problems = [str(notice) for notice in settings.warnings if _is_about_servers(notice)]
    if len(values) > MANY:
        problems.append(f"there are {len(values)} MCP servers; the first {MANY} count")
    lists = _Lists(settings)
    found, faults = signed.servers(
        settings.project, lambda name, entry: lists.standing(name, entry, shared=False, trusted=True), strict=strict
    )
    problems += faults
    hidden: list[Server] = []
    # Nobody takes the name of a pack's server.
    taken = {plain(server.name): f"{server.name} of a signed pack" for server in found}
    for value in values[:MANY]:
        server = signed.judged(_server(value, settings.project, lists, strict=strict))
        other = taken.setdefault(plain(server.name), server.name)
        if other != server.name:
            problems.append(f"{server.origin}: the server {server.name!r} would be called like {other!r}; rename one")
            hidden.append(server)
            continue
        found.append(server)
        hidden += [_server(below, settings.project, lists, strict=strict) for below in value.overrides]
    return ServerSet(tuple(found), tuple(problems), tuple(hidden))


def _server(value: Any, project: Path | None, lists: _Lists, *, strict: bool) -> Server:
    name = value.key.removeprefix("mcpServers.")
    origin = value.origin
    entry = read_entry(value.value, strict=strict)
    if not name.isprintable() or not name.strip():
        entry.broken = True
        entry.problems.append("its name holds characters that cannot be seen; rename it")
    # A remote server of the user's own is the same one in every project; others start in the project they serve.
    place = project if entry.transport == "stdio" or not origin.trusted else None
    return Server(
        name,
        _SCOPES.get(origin.layer, "local"),
        entry.transport,
        command=entry.command,
        args=entry.args,
        env=entry.env,
        url=entry.url,
        headers=entry.headers,
        oauth=entry.oauth,
        timeout=entry.timeout,
        permissions=entry.permissions,
        project=project,
        origin=str(origin),
        source=origin.file,
        digest=entry.digest(name, place),
        kin=entry.digest(name, None) if origin.trusted else "",
        reads=value.reads,
        written=value.written if isinstance(value.written, dict) else {},
        problems=tuple(entry.problems),
        standing=lists.standing(name, entry, shared=_is_shared(origin), trusted=origin.trusted),
    )


def _is_about_servers(notice: Any) -> bool:
    file = notice.origin.file
    return bool(notice.key.startswith("mcpServers") or (not notice.key and file is not None and file.name in _FILES))


def _is_shared(origin: Any) -> bool:
    return origin.file is not None and origin.file.name == SHARED


class _Lists:
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
    """
    scheme, mark, rest = pattern.partition("://")
    if not mark:
        scheme, rest = "*", pattern
    host, slash, path = rest.partition("/")
    host = host.lower().removesuffix({"http": ":80", "https": ":443"}.get(scheme.lower(), ":-")).rstrip(".")
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
    return _like(f"/{path}", whole)


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
