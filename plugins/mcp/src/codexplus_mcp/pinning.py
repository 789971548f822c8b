"""The tools of a server as they were last seen: kept over restarts, held against what the server says now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codexplus_core import Core

from .recent import Recent
from .wording import visible

if TYPE_CHECKING:
    from mcp_types import Tool

MOST_TOOLS = 500
"""Tools of one server that are known of."""
MOST_BYTES = 1 << 20
"""Characters of the descriptions and schemas of all tools of one server."""
MOST_SCHEMA = 64 * 1024
"""Characters of one tool's schema."""
DEEPEST = 100
"""Levels of a schema; whoever reads it for the model may do so by recursion."""
MOST_SERVERS = 400
"""Servers whose tools are kept."""
LARGEST = 1e300
"""Of a whole number; where one of a list cannot be read, Codex has none of its tools."""
LONGEST_DESCRIPTION = 2048
"""Characters of a description that the model is given."""
_ORDER = "pinned"


@dataclass(frozen=True, slots=True)
class PinnedTool:
    """One tool: the server's own name for it, what the model is told, and what the server claims about its effects."""

    name: str
    title: str
    description: str
    schema: Mapping[str, Any]
    read_only: bool = False
    destructive: bool = True
    open_world: bool = True
    size: int = field(init=False, repr=False, compare=False)
    """About how many characters its schema takes; every request asks for those of all tools."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", len(str(self.schema)))

    @property
    def digest(self) -> str:
        """The SHA-256 of all of it."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode()).hexdigest()

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name, "title": self.title, "description": self.description, "schema": dict(self.schema),
            "hints": [self.read_only, self.destructive, self.open_world],
        }  # fmt: skip

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> PinnedTool:
        """From `plain`. Raises KeyError, TypeError or ValueError for anything else."""
        read_only, destructive, open_world = value["hints"]
        return cls(value["name"], value["title"], value["description"], dict(value["schema"]),
                   bool(read_only), bool(destructive), bool(open_world))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """How the tools of a server differ from what was pinned, by the server's own names."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.altered)


def pinned(tools: Sequence[Tool]) -> tuple[PinnedTool, ...]:
    """A server's list as it can be pinned, by name; tools beyond every measure are left out.

    Descriptions lose what nobody can see: hidden words in them are meant for the model alone.
    """
    found: dict[str, PinnedTool] = {}
    size = 0
    for tool in tools[:MOST_TOOLS]:
        schema = _schema(tool.input_schema)
        if schema is None or not tool.name or len(tool.name) > 256 or tool.name in found:
            continue
        hints = tool.annotations
        read_only = bool(hints and hints.read_only_hint)
        destructive = not read_only and (hints is None or hints.destructive_hint is not False)
        found[tool.name] = PinnedTool(
            name=tool.name,
            title=visible(tool.title or (hints.title if hints and hints.title else ""))[:200],
            description=_shortened(visible(tool.description or "")),
            schema=schema,
            read_only=read_only,
            destructive=destructive,
            open_world=hints is None or hints.open_world_hint is not False,
        )
        size += found[tool.name].size + len(found[tool.name].description)
        if size > MOST_BYTES:
            del found[tool.name]
            break
    return tuple(found[name] for name in sorted(found))


def change_between(before: Sequence[PinnedTool], after: Sequence[PinnedTool]) -> Change:
    """What differs."""
    old = {tool.name: tool.digest for tool in before}
    new = {tool.name: tool.digest for tool in after}
    return Change(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        altered=tuple(sorted(name for name in new.keys() & old.keys() if new[name] != old[name])),
    )


class Pins:
    """What is pinned, by the digest of the server: another configuration is another server."""

    def __init__(self, core: Core) -> None:
        self._store = core.store
        # A plugin's store is known by who runs; the gateway's requests are run by nobody.
        self._context = copy_context()
        self._known: Recent[str, tuple[PinnedTool, ...]] = Recent(MOST_SERVERS)

    def get(self, server_digest: str) -> tuple[PinnedTool, ...] | None:
        """The pinned tools, None where the server was never seen."""
        if server_digest not in self._known:
            kept = self._context.copy().run(self._store.get, f"tools {server_digest}")
            try:
                found = tuple(PinnedTool.of(value) for value in kept["tools"])
            except (KeyError, TypeError, ValueError):
                return None
            self._known[server_digest] = found
        return self._known[server_digest]

    def set(self, server_digest: str, tools: Sequence[PinnedTool]) -> None:
        """Pin these."""
        if self.get(server_digest) != tuple(tools):
            self._known[server_digest] = tuple(tools)
            value = {"tools": [tool.plain() for tool in tools]}
            self._context.copy().run(self._store.set, f"tools {server_digest}", value)
        self._context.copy().run(self._keep, server_digest)

    def _keep(self, server_digest: str) -> None:
        """Forget the servers that were not seen for longest: every project, and every value of a variable, is one."""
        order: list[str] = self._store.get(_ORDER, [])
        if server_digest in order[-MOST_SERVERS // 2 :]:
            return  # new enough; one write for each start would be too much
        order = [*(each for each in order if each != server_digest), server_digest]
        for old in order[:-MOST_SERVERS]:
            self._known.pop(old, None)
            self._store.delete(f"tools {old}")
        self._store.set(_ORDER, order[-MOST_SERVERS:])


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_DESCRIPTION else f"{text[: LONGEST_DESCRIPTION - 1]}…"


def _schema(schema: object) -> dict[str, Any] | None:
    """A schema that a model's API takes: an object's, with properties; None where it is none or beyond measure."""
    if not isinstance(schema, dict):
        return None
    try:
        if len(json.dumps(schema, allow_nan=False)) > MOST_SCHEMA:
            return None
        clean = _clean(schema, DEEPEST)
    except (TypeError, ValueError, RecursionError):
        return None
    properties = clean.get("properties")
    return {**clean, "type": "object", "properties": properties if isinstance(properties, dict) else {}}


def _clean(value: Any, room: int) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError("too large")
    if not isinstance(value, dict | list):
        return value
    if not room:
        raise ValueError("too deep")
    if isinstance(value, dict):
        return {visible(str(key)): _clean(inner, room - 1) for key, inner in value.items()}
    return [_clean(inner, room - 1) for inner in value]
