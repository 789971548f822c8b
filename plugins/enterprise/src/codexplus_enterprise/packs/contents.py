"""What is in a pack, for people who decide about it: commands, skills, what its hooks run, the servers it starts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .manifest import kind_of

if TYPE_CHECKING:
    from codexplus_core import Core

    from .provider import Row

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Content:
    """One thing that a pack brings; ``does`` is what a hook or server starts."""

    kind: str
    name: str
    does: str = ""


def contents_of(files: Mapping[str, bytes]) -> list[Content]:
    """All that the files of a pack bring, by path."""
    return [content for path, data in sorted(files.items()) for content in _of(path, data)]


_USED_BY = {
    "command": ("commands", "slash"),
    "skill": ("commands", "slash"),
    "module": ("commands", "slash"),
    "hook": ("hooks", "hooks"),
    "mcp": ("MCP servers", "mcp"),
}


def unused_kinds(rows: Iterable[Row], core: Core) -> list[str]:
    """What verified packs bring and no plugin here uses, a sentence for each pack and plugin."""
    works = {row.name for row in core.about.plugins() if not row.problem}
    forbidden = {row.name for row in core.about.plugins() if row.forbidden}
    found: dict[str, None] = {}
    for row in rows:
        for path in row.found.manifest.files if row.found is not None else ():
            what, plugin = _USED_BY.get(kind_of(path), ("", ""))
            if not what or plugin in works:
                continue
            why = "is not allowed here (plugins.allowed)" if plugin in forbidden else "is not installed, or broken"
            found.setdefault(f"{row.name} brings {what}, and nothing uses them: codex-plus-{plugin} {why}")
    return list(found)


def _of(path: str, data: bytes) -> Iterator[Content]:
    kind = kind_of(path)
    if kind == "hook":
        yield from _hooks(_object(data))
    elif kind == "mcp":
        yield from _servers(_object(data))
    elif kind == "skill":
        yield Content(kind, path.split("/")[1])
    elif kind == "command":
        stem = path.removeprefix("commands/").rpartition(".")[0]
        yield Content(kind, stem.replace("/", ":"), "" if path.endswith(".md") else "is code")
    elif kind == "module":
        yield Content(kind, path.split("/")[1], "is code")
    else:
        yield Content("file", path)


def _hooks(said: Mapping[str, Any]) -> Iterator[Content]:
    events = said.get("hooks", said)
    for event, groups in events.items() if isinstance(events, dict) else ():
        for group in groups if isinstance(groups, list) else ():
            inner = group.get("hooks", [group]) if isinstance(group, dict) else ()
            matcher = group.get("matcher", "") if isinstance(group, dict) else ""
            for hook in inner if isinstance(inner, list) else ():
                command = hook.get("command", "") if isinstance(hook, dict) else ""
                yield Content("hook", f"{event} {matcher}".strip(), str(command)[:_LONGEST])


def _servers(said: Mapping[str, Any]) -> Iterator[Content]:
    servers = said.get("mcpServers", said)
    for name, server in servers.items() if isinstance(servers, dict) else ():
        fields = server if isinstance(server, dict) else {}
        words = [fields.get("url") or fields.get("command") or "", *(fields.get("args") or [])]
        yield Content("mcp", str(name), " ".join(map(str, words))[:_LONGEST])


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
