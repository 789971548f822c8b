"""The servers that count in a project: what the settings layers say, and whether each may be used.

The core's configuration reads every place: ``mcpServers`` of settings files, ``.mcp.json`` of the project and of the
folders above it, the user's own ``mcp.json`` in the state directory, and Claude Code's ``~/.claude.json``, which has
the same shape and is never written:
``{"mcpServers": {…user…}, "projects": {"/the/project": {"mcpServers": {…local…}}}}``.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codexplus_core import Core, state_dir

from .allowed import Lists
from .entry import TRANSPORTS, guessed, read_entry
from .names import plain
from .server import Scope, Server, ServerSet
from .signed import Signed, signed_of

PROJECTS = 64
"""Projects whose servers are remembered."""
SHARED = ".mcp.json"
MANY = 100
"""Servers of a project that are looked at; each may be a process."""
NOT_THERE = "Claude Code reads no servers from there (compatibility: claude-code); put it into .mcp.json"
"""Why an entry does not count in that profile, and what to do."""
KEY = "mcpServers."
"""The key of a server begins so; its name follows."""
_FILES = frozenset({SHARED, "mcp.json", ".claude.json"})
_SCOPES: Mapping[str, Scope] = {"enterprise": "enterprise", "local": "local", "project": "project", "user": "user"}


def own_file(env: Mapping[str, str]) -> Path:
    """Where servers of the scopes local and user are kept."""
    return state_dir(env) / "mcp.json"


@dataclass(slots=True)
class _Known:
    settings: Any
    signed: Signed
    looked: float
    found: ServerSet


class Servers:
    """Asks the configuration for the servers of a project; cheap while nothing changes.

    ``every_s`` is for how many seconds signed packs are taken to be as they were.
    """

    def __init__(self, core: Core, *, clock: Callable[[], float] = time.monotonic, every_s: float = 0.5) -> None:
        self._core = core
        self._config = core.config
        self._clock = clock
        self._every_s = every_s
        self._known: OrderedDict[Path | None, _Known] = OrderedDict()

    def of(self, project: Path | None) -> ServerSet:
        """The servers that count in a project's directory, None for the user's alone."""
        settings = self._config.for_project(project)
        known = self._known.get(project)
        same = known is not None and known.settings is settings
        now = self._clock()
        if known is not None and same and now - known.looked < self._every_s:
            return known.found
        signed = signed_of(self._core, project)
        if known is not None and same and known.signed == signed:
            known.looked = now
            return known.found
        found = servers_in(settings, signed, strict=self._config.get("compatibility") == "claude-code")
        self._known[project] = _Known(settings, signed, now, found)
        self._known.move_to_end(project)
        while len(self._known) > PROJECTS:
            self._known.popitem(last=False)
        return found


def servers_in(settings: Any, signed: Signed, *, strict: bool = False) -> ServerSet:
    """The servers of one view of the settings, and of packs. ``strict`` reads them as Claude Code 2.1 does."""
    values = _values(settings, strict=strict)
    counting = {value.key for value in values}
    unusable: dict[str, Any] = {}
    for value in settings.unusable:
        if value.key.startswith(KEY) and value.key not in counting:
            unusable.setdefault(value.key, value)
    told = {id(notice) for value in unusable.values() for notice in _about(settings, value)}
    problems = [
        f"{value.origin}: {value.key}: {NOT_THERE}"
        for value in settings.items("mcpServers")
        if strict and is_claude_settings(value.origin)
    ]
    problems += [str(each) for each in settings.warnings if _is_about_servers(each) and id(each) not in told]
    if len(values) > MANY:
        problems.append(f"there are {len(values)} MCP servers; the first {MANY} count")
    lists = Lists(settings)
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
    found += [_unusable(value, settings) for value in [*unusable.values()][:MANY]]
    return ServerSet(tuple(found), tuple(problems), tuple(hidden))


def _values(settings: Any, *, strict: bool) -> list[Any]:
    """The entries that count. Claude Code reads none in its ``settings.json``; what such a one hides counts then."""
    found = settings.items("mcpServers")
    if not strict:
        return list(found)
    read = ([each for each in (value, *value.overrides) if not is_claude_settings(each.origin)] for value in found)
    return [each[0] for each in read if each]


def is_claude_settings(origin: Any) -> bool:
    """Whether something stands in a settings file of Claude Code's own."""
    return origin.file is not None and origin.file.parent.name == ".claude" and origin.file.name.startswith("settings.")


def _unusable(value: Any, settings: Any) -> Server:
    """A server that is not used as its entry stands: who misses it finds it here, and why."""
    written = _fitting(value.written)
    kind = written.get("type", written.get("transport"))
    transport = TRANSPORTS.get(kind, "stdio") if isinstance(kind, str) else "stdio"
    if transport == "stdio" and "url" in written and "command" not in written:
        transport = guessed(written["url"])
    return Server(
        value.key.removeprefix(KEY),
        _SCOPES.get(value.origin.layer, "local"),
        transport,
        project=settings.project,
        origin=str(value.origin),
        source=value.origin.file,
        written=written,
        problems=tuple(_why(notice, value.key) for notice in _about(settings, value)),
        standing="broken",
    )


def _about(settings: Any, value: Any) -> Iterator[Any]:
    """The notices about an entry."""
    for notice in settings.warnings:
        rest = notice.key.removeprefix(value.key)
        if notice.origin.file == value.origin.file and rest != notice.key and rest[:1] in ("", ".", "["):
            yield notice


def _why(notice: Any, key: str) -> str:
    """What a notice says, without what its row says already."""
    place = notice.key.removeprefix(key).lstrip(".")
    todo = [part for part in notice.todo.split("; ") if "does not count" not in part and part != "correct it"]
    return "; ".join([f"{place}: {notice.what}" if place else notice.what, *todo])


def _fitting(written: Any) -> dict[str, Any]:
    """What of an entry has the types that those who show it rely on."""
    if not isinstance(written, dict):
        return {}
    kinds = {"command": str, "url": str, "args": list, "env": dict, "headers": dict, "oauth": dict, "auth": dict}
    return {name: item for name, item in written.items() if isinstance(item, kinds.get(name, object))}


def _server(value: Any, project: Path | None, lists: Lists, *, strict: bool) -> Server:
    name = value.key.removeprefix(KEY)
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
    # A slip in the key itself (`mcpservers`) is about them, too.
    meant = notice.key.startswith("mcpServers") or "mcpServers" in notice.todo
    return bool(meant or (not notice.key and file is not None and file.name in _FILES))


def _is_shared(origin: Any) -> bool:
    return origin.file is not None and origin.file.name == SHARED
