"""Servers and how they are: asked for all at once, as rows, as text for a terminal and as Markdown for the chat."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from codexplus_core import CannotStart, Core

from . import trust
from .connection import Connection
from .connections import Connections
from .entries import WORDS
from .failure import Failure, NeedsLogin, NotAllowed
from .names import plain as named
from .server import Server, ServerSet
from .shown import args_of, code, number, one_line, plain, url_of, values_of

CHECK_S = 30.0
"""Seconds that one server has to connect and to tell its lists."""
SHOWN = 12
"""Names of one kind that a listing shows; `mcp get` shows all."""

_LABELS = {
    "connected": "✔ Connected",
    "needs approval": "⏸ Pending approval",
    "needs login": "⚠ Needs authentication",
    "resting": "✘ Resting after failures",
    "failed": "✘ Failed to connect",
    "disabled": "⏸ Disabled",
    "denied": "✘ Not allowed by policy",
    "unsigned": "✘ Refused, not signed",
    "broken": "✘ Cannot be used",
    "idle": "… Not started yet",
    "starting": "… Starting",
    "closed": "… Closed",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One server: ``state`` is one word or two, ``detail`` a sentence, ``target`` what it is started or reached by.

    Nothing in it is a secret. ``tools``, ``resources``, ``templates`` and ``prompts`` are the names of what it has.
    """

    name: str
    scope: str
    transport: str
    target: str
    state: str
    detail: str = ""
    retry_in: float = 0.0
    tools: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    origin: str = ""
    log: str = ""
    problems: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The state as people read it, with the reason behind it."""
        words = _LABELS.get(self.state, self.state)
        if self.retry_in:
            words += f" for another {self.retry_in:.0f} s"
        return f"{words} — {one_line(self.detail, 300)}" if self.detail else words


@dataclass(frozen=True, slots=True)
class Found:
    """All servers of a project, and sentences about entries that are no servers."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {"servers": [asdict(row) for row in self.rows], "problems": list(self.problems)}


async def look(core: Core, connections: Connections, servers: ServerSet, *, seconds: float = CHECK_S) -> Found:
    """Every server, each that may start connected to; one that hangs does not keep the others."""
    rows = await asyncio.gather(*(row_of(core, connections, server, seconds=seconds) for server in servers))
    hidden = [f"{server.name}: {server.origin} is hidden by another of this name" for server in servers.hidden]
    return Found(tuple(rows), (*servers.problems, *hidden))


async def row_of(core: Core, connections: Connections, server: Server, *, seconds: float = CHECK_S) -> Row:
    """One server, connected to where it may start."""
    row = Row(
        server.name, server.scope, server.transport, target_of(server), server.standing,
        origin=server.origin, problems=server.problems,
    )  # fmt: skip
    if not server.usable:
        return replace(row, detail="; ".join(server.problems) if server.standing == "broken" else "")
    known = connections.known(server)
    if server.standing == "asks" and (known is None or known.state != "connected"):
        try:
            # Looking must not use up a yes that was given once.
            if not core.approvals.allowed([await trust.proposal_of(core, server)]):
                return replace(row, state="needs approval")
        except CannotStart as problem:
            return replace(row, state="failed", detail=str(problem))
    connection = connections.get(server)
    try:
        async with asyncio.timeout(seconds):
            row = await _filled(row, connection)
    except NotAllowed:
        return replace(row, state="needs approval")
    except NeedsLogin:
        return replace(row, state="needs login")
    except Failure as failure:
        status = connection.status
        state = "resting" if status.state == "resting" else "failed"
        said = str(failure).removeprefix(f"MCP server {server.name}: ")
        return replace(row, state=state, detail=said, retry_in=status.retry_in, log=status.log)
    except TimeoutError:
        return replace(row, state="failed", detail=f"no answer within {seconds:.0f} s", log=connection.status.log)
    return replace(row, state="connected", log=connection.status.log)


async def _filled(row: Row, connection: Connection) -> Row:
    await connection.connect()
    has = connection.capabilities
    tools = await connection.list_tools() if "tools" in has else ()
    resources = await connection.list_resources() if "resources" in has else ()
    templates = await connection.list_resource_templates() if "resources" in has else ()
    prompts = await connection.list_prompts() if "prompts" in has else ()
    return replace(
        row,
        tools=tuple(tool.name for tool in tools),
        resources=tuple(resource.uri for resource in resources),
        templates=tuple(template.uri_template for template in templates),
        prompts=tuple(prompt.name for prompt in prompts),
    )


def target_of(server: Server) -> str:
    """The command line or URL as it is written, without secrets."""
    written = server.written
    if server.is_remote:
        return url_of(written.get("url", ""))
    return " ".join([one_line(written.get("command", server.command), 400), *args_of(written.get("args", ()))])


def as_text(found: Found) -> str:
    """For a terminal: a line a server, as Claude Code prints it, and what it has below."""
    if not found.rows:
        lines = ["No MCP servers configured. Use `codex-plus mcp add` to add a server."]
    else:
        lines = []
        for row in found.rows:
            kind = f" ({row.transport.upper()})" if row.transport != "stdio" else ""
            lines.append(f"{one_line(row.name)}: {row.target}{kind} - {row.label}")
            has = counts(row)
            lines.append(f"  {row.scope}, {row.transport}{f'; {has}' if has else ''}")
    warnings = list(_warnings(found))
    if warnings:
        lines += ["", "MCP config diagnostics ⚠", "", *(f" └ [Warning] {one_line(each, 500)}" for each in warnings)]
    return "\n".join(lines)


def as_markdown(found: Found) -> str:
    """For the chat."""
    if not found.rows:
        lines = ["No MCP servers are configured. `/mcp add NAME COMMAND` or `/mcp add NAME URL` adds one."]
    else:
        lines = ["**MCP servers**", ""]
        for row in found.rows:
            lines.append(f"- {code(row.name)} ({row.scope}, {row.transport}): {plain(row.label, 400)}")
            for names, words in _kinds(row):
                shown = ", ".join(code(_called(row, words, name)) for name in names[:SHOWN])
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                lines.append(f"  - {number(len(names), words)}: {shown}{more}")
            if row.state == "needs login":
                lines.append(f"  - sign in with {code(f'/mcp auth {row.name}')}")
    warnings = [f"- {plain(each, 500)}" for each in _warnings(found)]
    return "\n".join([*lines, "", "To correct:", "", *warnings] if warnings else lines)


def counts(row: Row) -> str:
    """``13 tools, 2 resources, 1 prompt``."""
    return ", ".join(number(len(names), words) for names, words in _kinds(row))


def details(row: Row, server: Server, place: str, sign_in: str = "") -> str:
    """All about one server, as Claude Code prints it."""
    written = server.written
    lines = [
        f"{one_line(row.name)}:",
        f"  Scope: {WORDS[row.scope]}",
        f"  Status: {row.label}",
        f"  Type: {row.transport}",
    ]
    if server.is_remote:
        lines.append(f"  URL: {row.target}")
        headers = values_of(written.get("headers") or {})
        lines += ["  Headers:", *(f"    {name}: {value}" for name, value in headers.items())] if headers else []
        if isinstance(written.get("oauth", written.get("auth")), dict):
            lines.append("  OAuth: configured")
        lines += [f"  Sign-in: {sign_in}"] if sign_in else []
    else:
        lines.append(f"  Command: {one_line(written.get('command', server.command), 400)}")
        lines.append(f"  Args: {' '.join(args_of(written.get('args', ())))}".rstrip())
        lines.append("  Environment:")
        lines += [f"    {name}={value}" for name, value in values_of(written.get("env") or {}).items()]
    for names, words in _kinds(row):
        lines += [f"  {words.capitalize()}s:", *(f"    {one_line(_called(row, words, name))}" for name in names)]
    lines += [f"  From: {one_line(row.origin, 400)}"] if row.origin else []
    lines += [f"  Log: {row.log}"] if row.log else []
    lines += [f"  To correct: {one_line(problem, 500)}" for problem in row.problems]
    return "\n".join([*lines, "", f"To remove this server, {place}"])


def _called(row: Row, kind: str, name: str) -> str:
    """The name by which the user calls it."""
    if kind == "prompt":
        return f"/mcp__{named(row.name)}__{named(name)}"
    return name if kind == "tool" else f"@{row.name}:{name}"


def _kinds(row: Row) -> Iterator[tuple[tuple[str, ...], str]]:
    kinds = ((row.tools, "tool"), (row.resources, "resource"), (row.templates, "template"), (row.prompts, "prompt"))
    return ((names, words) for names, words in kinds if names)


def _warnings(found: Found) -> Iterable[str]:
    yield from found.problems
    for row in found.rows:
        if row.state != "broken":
            yield from (f"[{row.name}] {problem}" for problem in row.problems)
