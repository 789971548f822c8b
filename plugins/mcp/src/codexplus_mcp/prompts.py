"""The prompts of servers as slash commands: found for lists, and put in the place of what was typed."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from codexplus_core import CommandRow, Core, Exchange, LocalReply

from .connection import Connection
from .connections import Connections
from .failure import Failure
from .invocation import Invocation, MissingArgument, arguments_of, invocation_of
from .names import plain
from .results import PICTURES
from .server import Server
from .settings import Servers
from .shown import plain as marked
from .told import told
from .wording import line, sendable

if TYPE_CHECKING:
    from mcp_types import GetPromptResult, Prompt

LONGEST = 1_000_000
"""Characters of a prompt that are sent on."""
MOST_PICTURE = 8 << 20
"""Characters of base64 of one picture."""
LIST_S = 3.0
"""Seconds that a list of commands waits for one server's."""

_REMEMBERED = "prompts"
_SERVERS = 32
_PROMPTS = 200


@dataclass(frozen=True, slots=True)
class Filled:
    """What a server made of its prompt: texts in order, pictures as (media type, bytes)."""

    texts: tuple[str, ...] = ()
    pictures: tuple[tuple[str, bytes], ...] = ()


@dataclass(slots=True)
class _Parts:
    texts: list[str] = field(default_factory=list)
    pictures: list[tuple[str, bytes]] = field(default_factory=list)


class Prompts:
    """The prompts of all servers of a session."""

    def __init__(self, core: Core, servers: Servers, connections: Connections) -> None:
        self._core = core
        self._servers = servers
        self._connections = connections

    async def on_request(self, exchange: Exchange, *, strict: bool) -> LocalReply | None:
        """Put a server's prompt in the place of its name; leave every other prompt as it is.

        Only what the user typed names one: neither a command's body nor what a server wrote does.
        """
        typed = exchange.prompt
        if not typed or ("mcp__" not in typed[:8] and "(MCP)" not in typed) or typed != exchange.prompt_as_typed:
            return None
        invocation = invocation_of(typed, strict=strict)
        if invocation is None:
            return None
        servers = self._meant(exchange.session.cwd, invocation)
        if not servers:
            return None if strict else LocalReply(self._unknown(exchange.session.cwd, invocation))
        try:
            return await self._answer(exchange, invocation, servers, strict=strict)
        except MissingArgument as problem:
            return LocalReply(str(problem))
        except Failure as failure:
            # It may quote the server, and is no place for links and pictures of its own.
            return LocalReply(marked(str(failure), 1000))

    async def rows(self, project: Path | None) -> list[CommandRow]:
        """The prompts of servers that run, or that ran with these very settings, for lists; starts none."""
        strict = is_strict(self._core)
        servers = self._servers.of(project).usable
        # One that hangs keeps nobody else's names from the list.
        found = await asyncio.gather(*(self._prompts_of(server) for server in servers))
        remembered = self._remembered()
        rows = []
        for server, prompts in zip(servers, found, strict=True):
            if prompts is not None:
                self.remember(server, prompts)
            known = remembered.get(server.digest, []) if prompts is None else prompts
            rows += [_row(server, prompt, strict=strict) for prompt in known]
        return rows

    async def _prompts_of(self, server: Server) -> list[list[str]] | None:
        """What a server that runs tells now, None for one that does not run or tells nothing."""
        connection = self._connections.known(server)
        if connection is None or connection.state != "connected":
            return None
        try:
            async with asyncio.timeout(LIST_S):
                return _kept(await _listed(connection))
        except (Failure, TimeoutError):
            return None

    def remember(self, server: Server, prompts: list[list[str]]) -> None:
        """Keep the list for the time when the server does not run: rows of name, description and arguments."""
        known = self._remembered()
        if known.get(server.digest, []) == prompts:
            return
        known.pop(server.digest, None)
        kept = [*known.items(), (server.digest, prompts)][-_SERVERS:]
        self._core.store.set(_REMEMBERED, dict(kept))

    def _remembered(self) -> dict[str, list[list[str]]]:
        found = self._core.store.get(_REMEMBERED, {})
        return found if isinstance(found, dict) else {}

    def _meant(self, project: Path | None, invocation: Invocation) -> list[tuple[Server, str]]:
        """The servers that the name may mean, each with the name of its prompt; the longest server name first."""
        found = []
        for server in self._servers.of(project):
            if server.standing == "broken":
                continue
            if invocation.server:
                if invocation.server in (server.name, plain(server.name)):
                    found.append((server, invocation.prompt))
                continue
            beginning = f"mcp__{plain(server.name)}__"
            if invocation.typed.startswith(beginning) and len(invocation.typed) > len(beginning):
                found.append((server, invocation.typed[len(beginning) :]))
        # What a repository brought along does not come before what the user configured.
        return sorted(found, key=lambda each: (each[0].scope == "project", -len(each[0].name)))

    async def _answer(
        self, exchange: Exchange, invocation: Invocation, servers: Sequence[tuple[Server, str]], *, strict: bool
    ) -> LocalReply | None:
        usable = [(server, name) for server, name in servers if server.usable]
        if not usable:
            server = servers[0][0]
            return LocalReply(
                f"/{line(invocation.typed)}: the server {server.name} is {server.standing}; see `/mcp list`"
            )
        for server, name in usable:
            question = await self._connections.trust.require(exchange, (server,))
            if question is not None:
                return question
            connection = self._connections.get(server)
            listed = await told(self._core, exchange, server.name, _listed(connection))
            self.remember(server, _kept(listed))
            prompt = _found(listed, name, strict=strict)
            if prompt is None:
                continue
            declared = [(argument.name, bool(argument.required)) for argument in prompt.arguments or ()]
            arguments = arguments_of(invocation.args, declared, invocation.typed, strict=strict)
            result = await told(self._core, exchange, server.name, connection.get_prompt(prompt.name, arguments))
            return self._sent(exchange, invocation, server, filled_of(result), strict=strict)
        return LocalReply(self._unknown(exchange.session.cwd, invocation))

    def _sent(
        self, exchange: Exchange, invocation: Invocation, server: Server, filled: Filled, *, strict: bool
    ) -> LocalReply | None:
        if not any(text.strip() for text in filled.texts):
            return LocalReply(f"/{line(invocation.typed)}: the server {line(server.name)} made an empty prompt of it")
        if strict:
            exchange.attach(_meta(invocation))
        for media_type, data in filled.pictures:
            exchange.attach_image(media_type, data)
        *before, last = filled.texts
        for text in before:
            exchange.attach(text)
        exchange.prompt = last
        return None

    def _unknown(self, project: Path | None, invocation: Invocation) -> str:
        from difflib import get_close_matches

        names = [
            f"mcp__{plain(server.name)}__{plain(prompt[0])}"
            for server in self._servers.of(project).usable
            for prompt in self._remembered().get(server.digest, [])
        ]
        near = get_close_matches(invocation.typed, names, n=1)
        hint = f" Did you mean /{near[0]}?" if near else " `/mcp list` shows servers and their prompts."
        return f"Unknown command: /{line(invocation.typed)}.{hint}"


def is_strict(core: Core) -> bool:
    """Whether the profile is that of Claude Code."""
    return bool(core.config.get("compatibility") == "claude-code")


def filled_of(result: GetPromptResult) -> Filled:
    """The contents of a prompt's messages, whoever is said to speak in them; nothing is left out without a word.

    Recorded with Claude Code 2.1.197: each message is a part of what the user says, the assistant's included.
    """
    parts = _Parts()
    room = LONGEST
    for message in result.messages:
        block = message.content
        if block.type == "text":
            text = block.text
        elif block.type == "image":
            text = _picture(parts, block.mime_type, block.data)
        elif block.type == "resource_link":
            text = f"[Resource: {line(block.name)} ({line(block.uri)})]"
        elif block.type == "resource":
            inner = block.resource
            blob = getattr(inner, "blob", None)
            text = getattr(inner, "text", "") if blob is None else _picture(parts, inner.mime_type or "", blob)
        else:
            text = f"[{block.type} content: {line(getattr(block, 'mime_type', '') or 'unknown')}, not passed on]"
        if len(text) > room:
            text = f"{text[:room]}\n\n[{len(text) - room:,} further characters of this prompt are not passed on]"
        room = max(0, room - len(text))
        if text:
            parts.texts.append(sendable(text))
    return Filled(tuple(parts.texts), tuple(parts.pictures))


def _picture(parts: _Parts, media_type: str, data: str) -> str:
    """Keeps a picture for the model; gives the words in the place of one that it cannot see."""
    if media_type in PICTURES and len(data) <= MOST_PICTURE:
        try:
            parts.pictures.append((media_type, base64.b64decode(data, validate=True)))
        except (binascii.Error, ValueError):
            return "[An image that is no base64]"
        return ""
    return f"[Binary content: {line(media_type) or 'unknown'}]"


async def _listed(connection: Connection) -> tuple[Prompt, ...]:
    await connection.connect()
    return await connection.list_prompts() if "prompts" in connection.capabilities else ()


def _found(prompts: Iterable[Prompt], name: str, *, strict: bool) -> Prompt | None:
    listed = list(prompts)
    exact = next((prompt for prompt in listed if prompt.name == name), None)
    if exact is not None or strict:
        return exact
    return next((prompt for prompt in listed if plain(prompt.name) == plain(name)), None)


def _kept(prompts: Iterable[Prompt]) -> list[list[str]]:
    rows = []
    for prompt in list(prompts)[:_PROMPTS]:
        hint = " ".join(f"<{each.name}>" if each.required else f"[{each.name}]" for each in prompt.arguments or ())
        rows.append([prompt.name, line(prompt.description or prompt.title or ""), line(hint)])
    return rows


def _row(server: Server, prompt: Sequence[str], *, strict: bool) -> CommandRow:
    name, description, hint = prompt
    # As recorded, Claude Code keeps the prompt's name raw, and so cannot call one with a blank in it.
    called = line(name) if strict else plain(name)
    return CommandRow(
        f"mcp__{plain(server.name)}__{called}",
        description,
        hint,
        "MCP",
        line(server.name),
        (f"{line(server.name)}:{line(name)} (MCP)",),
    )


def _meta(invocation: Invocation) -> str:
    args = f"<command-args>{invocation.args}</command-args>\n" if invocation.args else ""
    name = invocation.typed
    return f"<command-message>{name}</command-message>\n<command-name>/{name}</command-name>\n{args}"
