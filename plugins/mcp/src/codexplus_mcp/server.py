"""One MCP server as the settings describe it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from codexplus_core import PackFile

Scope = Literal["local", "project", "user", "enterprise", "plugin"]
Transport = Literal["stdio", "http", "sse"]
Standing = Literal["trusted", "asks", "disabled", "denied", "unsigned", "broken"]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that could be used, with every ``${VAR}`` already replaced.

    ``command`` and ``args`` count for ``stdio``, ``url`` and ``headers`` for ``http`` (streamable) and ``sse``.
    ``oauth`` is what the entry says under ``oauth`` or ``auth``, as it stands. ``timeout`` is in seconds for one call,
    None where the entry says nothing. ``permissions`` are those declared; with any a stdio server runs in the sandbox.
    ``project`` is the directory it works in, None for the user's alone. ``origin`` says file and line for people,
    ``source`` is that file. ``digest`` is the SHA-256 of all that decides what would happen: another digest is another
    server. ``kin`` is the same for an entry of the user's own in every project, ``""`` for others: what is known of it
    in one holds in the next until it is asked. ``reads`` are the environment variables that went into it, ``written``
    is the entry as it stands in the file; show that, never ``env``, ``headers`` or ``url``, which may hold secrets.
    ``problems`` are sentences about what is odd, and why a broken one is.

    ``standing``: ``trusted`` starts when it is needed; ``asks`` only after the user's yes; ``disabled`` by the user's
    settings; ``denied`` by an allow or deny list; ``unsigned`` comes from no signed pack where it would have to;
    ``broken`` cannot be used at all. ``pack`` is the file of the signed pack that it comes from.
    """

    name: str
    scope: Scope
    transport: Transport
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    oauth: Mapping[str, Any] = field(default_factory=dict, repr=False)
    timeout: float | None = None
    permissions: tuple[str, ...] = ()
    project: Path | None = None
    origin: str = ""
    source: Path | None = None
    digest: str = ""
    kin: str = ""
    reads: tuple[str, ...] = ()
    written: Mapping[str, Any] = field(default_factory=dict, repr=False)
    problems: tuple[str, ...] = ()
    standing: Standing = "trusted"
    pack: PackFile | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it is reached by a URL."""
        return self.transport != "stdio"

    @property
    def usable(self) -> bool:
        """Whether it may be used, perhaps after a question."""
        return self.standing in ("trusted", "asks")


@dataclass(frozen=True, slots=True)
class ServerSet:
    """The servers of one project at one moment, by name; the unusable ones among them, for listings.

    ``problems`` are sentences about entries that are no servers. ``hidden`` are servers in whose place another of the
    same name counts.
    """

    servers: tuple[Server, ...] = ()
    problems: tuple[str, ...] = ()
    hidden: tuple[Server, ...] = ()

    def __iter__(self) -> Iterator[Server]:
        """Every server, usable or not."""
        return iter(self.servers)

    def get(self, name: str) -> Server | None:
        """The server of this name, exactly as it is written."""
        return next((server for server in self.servers if server.name == name), None)

    @property
    def usable(self) -> tuple[Server, ...]:
        """Those that may be used, perhaps after a question."""
        return tuple(server for server in self.servers if server.usable)
