"""The servers of signed packs, and which others may not be used beside them (``security.requireSigned``)."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codexplus_core import Core, PackFile

from .entry import Entry, read_entry
from .names import plain
from .server import Server, Standing

ROOT = "CLAUDE_PLUGIN_ROOT"
"""The variable by which an entry names its pack's folder."""
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_TEXTS, _MAPS = ("command", "url", "type", "transport"), ("env", "headers", "oauth", "auth")

Judge = Callable[[str, Entry], Standing]


@dataclass(frozen=True, slots=True)
class Signed:
    """What packs bring, and what must come from one: every server, or those of a project.

    ``problems`` are packs that are not used, each with a sentence.
    """

    files: tuple[PackFile, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    everything: bool = False
    projects: bool = False

    def judged(self, server: Server) -> Server:
        """The server, refused where nobody vouches for it; the administrator's policy vouches for its own.

        What a project demands is about its own servers: it must not switch off those of its reader.
        """
        if not server.usable or server.pack is not None or server.scope == "enterprise":
            return server
        if not self.everything and not (self.projects and server.scope == "project"):
            return server
        return replace(server, standing="unsigned", problems=(*server.problems, REFUSAL))

    def servers(self, project: Path | None, judge: Judge, *, strict: bool) -> tuple[list[Server], list[str]]:
        """The servers of all packs, ``pack:name`` each, and sentences about what in them is none."""
        found: list[Server] = []
        problems = [f"the signed pack {pack} is not used: {why}" for pack, why in self.problems]
        for file in self.files:
            entries = _entries(file.data)
            if entries is None:
                problems.append(f"{file.file}: is no object of servers by name; its maker has to correct it")
                continue
            for name, value in entries.items():
                if what := _name_fault(name, file.pack, found) or _fault(value):
                    problems.append(f"{file.file}: mcpServers.{name!r}: {what}; its maker has to correct it")
                else:
                    found.append(_server(file, name, value, project, judge, strict=strict))
        return found, problems


REFUSAL = (
    "comes from no signed pack, and only servers of those are used here (security.requireSigned);"
    " ask for it in a pack, or have the setting changed"
)
"""Why an unsigned server is not used, and what to do."""


def signed_of(core: Core, project: Path | None) -> Signed:
    """What holds in a project now."""
    packs = core.packs
    return Signed(packs.files("mcp"), packs.problems, packs.required(project), packs.required(project, of_project=True))


def _entries(data: bytes) -> Mapping[str, Any] | None:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return None
    entries = said.get("mcpServers", said) if isinstance(said, dict) else None
    return entries if isinstance(entries, dict) else None


def _server(
    file: PackFile, name: str, value: Mapping[str, Any], project: Path | None, judge: Judge, *, strict: bool
) -> Server:
    reads: dict[str, None] = {}
    missing: list[str] = []
    entry = read_entry(_expanded(value, file.root, reads, missing), strict=strict)
    if missing:
        entry.broken = True
        entry.problems.append(f"${{{missing[0]}}} is not set; set it before codex-plus starts")
    if entry.transport == "stdio":
        entry.env.setdefault(ROOT, str(file.root))
    if entry.permissions:
        # In the sandbox it sees no more than it declares, and its own files.
        entry.permissions = (*entry.permissions, f"read:{_escaped(str(file.root))}/**")
    full = f"{file.pack}:{name}"
    # Another version of a pack may bring another program under the same words.
    digest = entry.digest(full, project if entry.transport == "stdio" else None)
    digest = hashlib.sha256(f"{digest}\n{file.version}\n{file.root}".encode("utf-8", "surrogateescape")).hexdigest()
    return Server(
        full, "plugin", entry.transport,
        command=entry.command, args=entry.args, env=entry.env, url=entry.url, headers=entry.headers,
        oauth=entry.oauth, timeout=entry.timeout, permissions=entry.permissions, project=project,
        origin=f"{file.file} (signed pack {file.pack} {file.version})", source=file.file, digest=digest,
        reads=tuple(reads), written=value, problems=tuple(entry.problems), standing=judge(full, entry), pack=file,
    )  # fmt: skip


def _name_fault(name: str, pack: str, others: list[Server]) -> str:
    if not name.strip() or not name.isprintable():
        return "its name holds characters that cannot be seen"
    taken = {plain(each.name) for each in others}
    return "another server of a pack would be called like it" if plain(f"{pack}:{name}") in taken else ""


def _fault(value: Any) -> str:
    """What is wrong with an entry, ``""`` if nothing: half a server must not start."""
    if not isinstance(value, dict):
        return "is no object"
    if not value.get("command") and not value.get("url"):
        return "has neither command nor url"
    for name in value:
        said = value[name]
        if name in _TEXTS and not isinstance(said, str):
            return f"{name} is no text"
        if name in ("args", "permissions") and not (
            isinstance(said, list) and all(isinstance(each, str) for each in said)
        ):
            return f"{name} is no list of texts"
        if name in _MAPS and not isinstance(said, dict):
            return f"{name} is no object"
        if name in ("env", "headers") and not all(isinstance(each, str | int | float) for each in said.values()):
            return f"{name} holds what is no text"
    return ""


def _expanded(value: Any, root: Path, reads: dict[str, None], missing: list[str]) -> Any:
    """The entry with ``${VAR}`` and ``${VAR:-default}`` replaced, as in the user's own entries."""

    def put(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if name == ROOT:
            return str(root)
        if name in os.environ:
            reads[name] = None
            return os.environ[name]
        if default is None and name != "CLAUDE_PROJECT_DIR":
            missing.append(name)
        return found[0] if default is None else default

    def each(item: Any) -> Iterator[Any]:
        yield from (_expanded(one, root, reads, missing) for one in item)

    if isinstance(value, str):
        # Behind the last brace every `${X:-` would look for one in vain, to the end of the text.
        end = value.rfind("}") + 1
        return _VARIABLE.sub(put, value[:end]) + value[end:]
    if isinstance(value, dict):
        return dict(zip(value, each(value.values()), strict=True))
    return list(each(value)) if isinstance(value, list) else value


def _escaped(path: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", path)
