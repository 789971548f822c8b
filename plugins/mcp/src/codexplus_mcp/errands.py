"""What `codex-plus mcp …` and `/mcp …` do: each errand is done and gives what there is to say about it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from codexplus_core import Core, Problem, private_dir

from .adding import SCOPES, Adding, check_name, check_scope
from .connections import Connections
from .entries import WORDS, Entries, entries_of
from .listing import Found, Row, look, row_of, target_of
from .lock import locked
from .pasted import entry_of
from .server import Server
from .settings import Servers, own_file
from .shown import one_line, url_of, values_of

LOCK_S = 10.0
"""Seconds that one errand waits for another one's writing."""


@dataclass(frozen=True, slots=True)
class Errands:
    """``project`` is the directory that counts, ``env`` the environment, ``home`` the user's home directory."""

    core: Core
    connections: Connections
    project: Path
    home: Path
    env: Mapping[str, str]

    async def add(self, wanted: Adding) -> str:
        """Write the entry. Raises Problem."""
        entries = self._entries(wanted.scope)
        async with self._alone():
            self._check_free(entries, wanted.name)
            entries.add(wanted.name, wanted.entry)
        entry = wanted.entry
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
        return "\n".join([*lines, *(f"Note: {note}" for note in (*wanted.notes, *self._hidden(wanted.name, entries)))])

    async def add_json(self, name: str, text: str, scope: str = "") -> str:
        """Write an entry that is given as JSON. Raises Problem."""
        check_name(name)
        entries = self._entries(check_scope(scope or "local"))
        entry, notes = entry_of(name, text)
        async with self._alone():
            self._check_free(entries, name)
            entries.add(name, entry)
        kind = entry.get("type") or entry.get("transport") or "stdio"
        lines = [f"Added {kind} MCP server {name} to {_to(entries.scope)}", f"File modified: {entries.place}"]
        return "\n".join([*lines, *(f"Note: {note}" for note in (*notes, *self._hidden(name, entries)))])

    async def remove(self, name: str, scope: str = "") -> str:
        """Take an entry out, and forget its sign-in. Raises Problem for none, and for several without ``scope``."""
        if scope:
            entries = self._entries(check_scope(scope))
            await self._take_out(entries, name)
            return f"Removed MCP server {name} from {_to(scope)}\nFile modified: {entries.place}"
        found = [entries for entries in self._all_entries() if name in entries.all()]
        if len(found) > 1:
            places = [f"  - {WORDS[entries.scope]} ({entries.place})" for entries in found]
            hows = [f"  codex-plus mcp remove {name} -s {entries.scope}" for entries in found]
            raise Problem("\n".join([
                f'MCP server "{name}" exists in multiple scopes:', *places, "", "To remove from a specific scope, use:",
                *hows,
            ]))  # fmt: skip
        if not found:
            raise Problem(self._nowhere(name))
        await self._take_out(found[0], name)
        return f'Removed MCP server "{name}" from {_to(found[0].scope)}\nFile modified: {found[0].place}'

    async def found(self) -> Found:
        """Every server of the project, connected to where it may start."""
        return await look(self.core, self.connections, self._servers().of(self.project))

    async def get(self, name: str) -> tuple[Row, Server, str, str]:
        """One server, how it would be removed, and how its sign-in is (``""`` for none). Raises Problem."""
        server = self.server(name)
        row = await row_of(self.core, self.connections, server)
        return row, server, self._how_to_remove(server), await self._sign_in(server)

    def server(self, name: str) -> Server:
        """The server of this name. Raises Problem."""
        found = self._servers().of(self.project)
        server = found.get(name)
        if server is None:
            from difflib import get_close_matches

            near = get_close_matches(name, [each.name for each in found], n=1)
            hint = f"Did you mean {near[0]}?" if near else "Run `codex-plus mcp add` to add one."
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

    def _hidden(self, name: str, entries: Entries) -> list[str]:
        """Why the new entry will not count, if so."""
        order = ("local", "project", "user")
        above = [each for each in self._all_entries() if order.index(each.scope) < order.index(entries.scope)]
        notes = [f"another {name} in {_to(each.scope)} counts before this one" for each in above if name in each.all()]
        server = self._servers().of(self.project).get(name)
        if server is not None and server.scope == entries.scope and not server.usable:
            reason = f": {'; '.join(server.problems)}" if server.problems else ""
            notes.append(f"it is {server.standing} as things are{reason}; see: codex-plus mcp get {name}")
        return notes

    def _how_to_remove(self, server: Server) -> str:
        for entries in self._all_entries():
            if entries.scope == server.scope and server.name in entries.all():
                return f"run: codex-plus mcp remove {server.name} -s {server.scope}"
        return f"take it out of {one_line(server.origin or 'the file that defines it', 400)}"

    def _nowhere(self, name: str) -> str:
        server = self._servers().of(self.project).get(name)
        if server is not None:
            return f'MCP server "{name}" ({target_of(server)}) stands in {server.origin}; take it out there'
        return f'No MCP server found with name: "{one_line(name)}"'


def _to(scope: str) -> str:
    return f"{scope} config"
