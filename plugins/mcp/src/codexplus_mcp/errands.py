"""What `codex-plus mcp …` and `/mcp …` do: each errand is done and gives what there is to say about it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codexplus_core import Core, Problem, Session, private_dir

from .add_options import SCOPES
from .adding import Adding, check_name, check_scope
from .connections import Connections
from .declared import DECLARED, may_be_read, permissions_for, read_by
from .entries import WORDS, Entries, entries_of
from .entry import read_entry
from .health import Found, look, patience, row_of, rows_of
from .lock import locked
from .pasted import entry_of
from .program import missing_program
from .row import Row, target_of
from .server import Server, ServerSet
from .settings import Servers, own_file
from .shim import shim_fault
from .shown import one_line, quoted, url_of, values_of

LOCK_S = 10.0
"""Seconds that one errand waits for another one's writing."""


@dataclass(frozen=True, slots=True)
class Errands:
    """``project`` is the directory that counts, ``env`` the environment, ``home`` the user's home directory.

    ``voice`` is how commands are named to whoever reads: ``codex-plus mcp`` in a terminal, ``/mcp`` in the chat, where
    ``session`` is the one that reads.
    """

    core: Core
    connections: Connections
    project: Path
    home: Path
    env: Mapping[str, str]
    voice: str = "codex-plus mcp"
    session: Session | None = None

    @property
    def strict(self) -> bool:
        """Whether what is typed means what it means in Claude Code, and no more."""
        return bool(self.core.config.get("compatibility") == "claude-code")

    async def add(self, wanted: Adding) -> str:
        """Write the entry. Raises Problem."""
        entries = self._entries(wanted.scope)
        async with self._alone():
            self._check_free(entries, wanted.name)
            entry, notes = self._declaring(wanted.entry, entries)
            entries.add(wanted.name, entry)
        if entry["type"] == "stdio":
            command = f"{entry['command']} {' '.join(entry['args'])}"
            lines = [
                f"Added stdio MCP server {wanted.name} with command: {one_line(command, 1000)} to {_to(wanted.scope)}"
            ]
        else:
            words = f"Added {entry['type'].upper()} MCP server {wanted.name} with URL: {url_of(entry['url'])}"
            lines = [f"{words} to {_to(wanted.scope)}"]
            if "headers" in entry:
                lines.append(f"Headers: {json.dumps(values_of(entry['headers']), indent=2, ensure_ascii=False)}")
        lines.append(f"File modified: {entries.place}")
        notes = [*wanted.notes, *notes, *await self._noted(wanted.name, entry, entries)]
        return "\n".join([*lines, *(f"Note: {note}" for note in notes)])

    async def add_json(self, name: str, text: str, scope: str = "") -> str:
        """Write an entry that is given as JSON. Raises Problem."""
        check_name(name)
        entries = self._entries(check_scope(scope or "local"))
        pasted, notes = entry_of(name, text, strict=self.strict)
        async with self._alone():
            self._check_free(entries, name)
            entry, more = self._declaring(pasted, entries)
            entries.add(name, entry)
        kind = entry.get("type") or entry.get("transport") or "stdio"
        lines = [f"Added {kind} MCP server {name} to {_to(entries.scope)}", f"File modified: {entries.place}"]
        notes = [*notes, *more, *await self._noted(name, entry, entries)]
        return "\n".join([*lines, *(f"Note: {note}" for note in notes)])

    async def remove(self, name: str, scope: str = "") -> str:
        """Take an entry out, and forget its sign-in. Raises Problem for none, and for several without ``scope``."""
        if scope:
            entries = self._entries(check_scope(scope))
            await self._take_out(entries, name)
            return f"Removed MCP server {name} from {_to(scope)}\nFile modified: {entries.place}"
        found = [entries for entries in self._all_entries() if name in entries.all()]
        if len(found) > 1:
            places = [f"  - {WORDS[entries.scope]} ({entries.place})" for entries in found]
            hows = [f"  {self.voice} remove {quoted(name)} -s {entries.scope}" for entries in found]
            raise Problem("\n".join([
                f'MCP server "{name}" exists in multiple scopes:', *places, "", "To remove from a specific scope, use:",
                *hows,
            ]))  # fmt: skip
        if not found:
            raise Problem(self._nowhere(name))
        await self._take_out(found[0], name)
        return f'Removed MCP server "{name}" from {_to(found[0].scope)}\nFile modified: {found[0].place}'

    def servers(self) -> ServerSet:
        """The servers of the project."""
        return self._servers().of(self.project)

    async def found(self, seconds: float | None = None) -> Found:
        """Every server of the project, connected to where it may start, within so many ``seconds``."""
        seconds = patience(self.core, self.env, seconds)
        return await look(self.core, self.connections, self.servers(), seconds=seconds)

    def rows(self, servers: ServerSet, seconds: float | None = None) -> AsyncIterator[Row]:
        """The same one by one, as soon as it is known how each is."""
        waits = patience(self.core, self.env, seconds)
        return rows_of(self.core, self.connections, servers, seconds=waits, session=self.session)

    async def get(self, name: str, seconds: float | None = None) -> tuple[Row, Server, str, str]:
        """One server, how it would be removed, and how its sign-in is (``""`` for none). Raises Problem."""
        server = self.server(name)
        waits = patience(self.core, self.env, seconds)
        row = await row_of(self.core, self.connections, server, seconds=waits, session=self.session)
        return row, server, self._how_to_remove(server), await self._sign_in(server)

    def server(self, name: str) -> Server:
        """The server of this name. Raises Problem."""
        found = self._servers().of(self.project)
        server = found.get(name)
        if server is None:
            from difflib import get_close_matches

            near = get_close_matches(name, [each.name for each in found], n=1)
            hint = f"Did you mean {one_line(near[0])}?" if near else f"Run `{self.voice} add` to add one."
            raise Problem(f'No MCP server named "{one_line(name)}". {hint}')
        return server

    def reset(self) -> str:
        """Withdraw every yes to a server of this project. Raises Problem."""
        root = os.path.realpath(self.project)
        mine = [
            grant for grant in self.core.approvals.list()
            if grant.allows.title.startswith("MCP server ") and grant.allows.scope == "project"
            and str(grant.allows.project) == root
        ]  # fmt: skip
        for grant in mine:
            self.core.approvals.revoke(grant.id)
        self.connections.trust.forget()
        for server in self._servers().of(self.project):
            if server.standing == "asks":
                self.connections.end(server)
        count = "one answer was" if len(mine) == 1 else f"{len(mine)} answers were"
        if self.session is None:
            # What was allowed for one session is known to the proxy alone.
            return (
                f"All answers for good about this project's servers have been reset; {count} withdrawn.\n"
                "What a running session was asked and allowed for itself still counts there, until it ends;"
                " /mcp reset-project-choices in the chat withdraws that, too."
            )
        return (
            f"All project-scoped (.mcp.json) server approvals have been reset; {count} withdrawn.\n"
            "You are asked again when one of them is needed."
        )

    async def _sign_in(self, server: Server) -> str:
        if not server.is_remote:
            return ""
        from . import oauth

        found = await oauth.status(self.core, server)
        if found.state == "none":
            return ""
        how = {
            "signed in": f"signed in at {found.issuer}",
            "expired": "has expired",
            "ended": found.detail or "has ended",
        }
        return one_line(f"{how[found.state]}{', renewed by itself' if found.renewable else ''}", 300)

    def _alone(self) -> AbstractAsyncContextManager[None]:
        """Nobody else adds or removes meanwhile: whoever writes a file back must have read the newest one."""
        own = own_file(self.env)
        return locked(private_dir(own.parent) / "mcp.lock", wait=LOCK_S)

    async def _take_out(self, entries: Entries, name: str) -> None:
        server = self._servers().of(self.project).get(name)
        async with self._alone():
            entries.remove(name)
        self.connections.trust.close_settled(self.project, self._servers().of(self.project))
        if server is not None and server.is_remote and server.scope == entries.scope:
            from . import oauth

            await oauth.forget(self.core, server)

    def _servers(self) -> Servers:
        return Servers(self.core)

    def _entries(self, scope: str) -> Entries:
        return entries_of(scope, self.project, own_file(self.env), self.home)

    def _all_entries(self) -> list[Entries]:
        found = []
        for scope in SCOPES:
            # In the home directory there is only the user's own.
            if scope == "user" or os.path.realpath(self.project) != os.path.realpath(self.home):
                found.append(self._entries(scope))
        return found

    def _check_free(self, entries: Entries, name: str) -> None:
        from .names import plain

        other = next((each for each in entries.all() if each != name and plain(each) == plain(name)), None)
        if other is not None:
            raise Problem(
                f"MCP server {name} would be called like {other}, which is there already; choose another name"
            )

    def _declaring(self, entry: Mapping[str, Any], entries: Entries) -> tuple[dict[str, Any], list[str]]:
        """The entry as it goes into the file, and what was put into it so that it counts there."""
        if entries.scope != "project" or "permissions" in entry:
            return dict(entry), []
        permissions = permissions_for(entry, self.project)
        if not permissions:
            return dict(entry), []
        sandboxed = ", and runs in the sandbox by them: add what it needs besides" if entry.get("command") else ""
        note = f"{entries.file.name} is a repository's, so the entry declares {json.dumps(permissions)}{sandboxed}"
        return {**entry, "permissions": permissions}, [note]

    async def _noted(self, name: str, entry: Mapping[str, Any], entries: Entries) -> list[str]:
        """What keeps the new entry from working now."""
        unset = [each for each, needed in read_by(entry).items() if needed and each not in self.env]
        words = ", ".join(f"${{{each}}}" for each in unset)
        notes = [f"{words} is not set now; the server is not used before codex-plus starts with it"] if unset else []
        declared = {str(each) for each in entry.get("permissions") or ()}
        if entries.scope == "project":
            # Of one that cannot be declared the entry's own problem says more.
            readable = [each for each in read_by(entry) if may_be_read(each)]
            lacking = [each for each in readable if f"{DECLARED}{each}" not in declared]
            notes += [f'"permissions" lacks "{DECLARED}{each}", so ${{{each}}} cannot be read' for each in lacking]
        hidden = self._hidden(name, entries, said=bool(notes))
        server = self.servers().get(name)
        command = read_entry(entry).command if not unset else ""
        if command and (missing := await asyncio.to_thread(missing_program, command, self.project)):
            notes.append(missing)
        elif server is not None and (shim := await asyncio.to_thread(shim_fault, server, self.project)):
            notes.append(shim)
        elif entries.scope == "project" and not hidden and (server is None or server.standing == "asks"):
            how = f"codex-plus approvals allow --project {quoted(self.project)}"
            notes.append(f"a project's server is asked about before it starts, yours too; to allow it now: {how}")
        elif entries.scope == "project" and unset and server is not None and server.standing == "broken":
            notes.append("once it is used, it is asked about before it starts, as every server of a project's")
        return [*notes, *hidden]

    def _hidden(self, name: str, entries: Entries, *, said: bool) -> list[str]:
        """Why the new entry will not count, if so."""
        order = ("local", "project", "user")
        above = [each for each in self._all_entries() if order.index(each.scope) < order.index(entries.scope)]
        notes = [f"another {name} in {_to(each.scope)} counts before this one" for each in above if name in each.all()]
        below = [each for each in self._all_entries() if order.index(each.scope) > order.index(entries.scope)]
        notes += [f"it counts before the {name} in {_to(each.scope)}" for each in below if name in each.all()]
        server = self._servers().of(self.project).get(name)
        if server is not None and server.scope == entries.scope and not server.usable:
            if said and server.standing == "broken":
                return notes
            reason = f": {'; '.join(server.problems)}" if server.problems else ""
            standing = "not used" if server.standing == "broken" else server.standing
            notes.append(f"it is {standing} as things are{reason}; see: {self.voice} get {quoted(name)}")
        return notes

    def _how_to_remove(self, server: Server) -> str:
        for entries in self._all_entries():
            if entries.scope == server.scope and server.name in entries.all():
                return f"run: {self.voice} remove {quoted(server.name)} -s {server.scope}"
        return f"take it out of {one_line(server.origin or 'the file that defines it', 400)}"

    def _nowhere(self, name: str) -> str:
        server = self._servers().of(self.project).get(name)
        if server is not None:
            return f'MCP server "{name}" ({target_of(server)}) stands in {server.origin}; take it out there'
        return f'No MCP server found with name: "{one_line(name)}"'


def _to(scope: str) -> str:
    return f"{scope} config"
