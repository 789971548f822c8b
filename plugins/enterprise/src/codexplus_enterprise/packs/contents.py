"""What is in a pack, for people who decide about it: commands, skills, what its hooks run, the servers it starts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .manifest import kind_of

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
