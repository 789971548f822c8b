"""Servers and how they are, as text for a terminal and as Markdown for the chat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from codexplus_core import code_span

from .entries import WORDS
from .health import Found
from .names import plain as named
from .row import Row
from .server import Server
from .shown import args_of, oauth_of, one_line, plain, url_of, values_of

SHOWN = 12
"""Names of one kind that a listing in the chat shows; `mcp get` shows all."""
NOTHING = "No MCP servers configured. Use `codex-plus mcp add` to add a server."
"""What a terminal is told where there is none."""


def as_text(found: Found) -> str:
    """For a terminal: a line a server, as Claude Code prints it, and what it has below."""
    lines = [line for row in found.rows for line in lines_of(row)] if found.rows else [NOTHING]
    return "\n".join([*lines, *diagnostics(found)])


def lines_of(row: Row) -> list[str]:
    """One server for a terminal."""
    kind = f" ({row.transport.upper()})" if row.transport != "stdio" else ""
    target = f"{row.target}{kind} - " if row.target else ""
    lines = [f"{one_line(row.name)}: {target}{row.label}"]
    lines.append(f"  {row.scope}, {row.transport}{f'; {row.counts}' if row.counts else ''}")
    if row.todo:
        lines.append(f"  {row.purpose}: {row.todo}")
    if row.state == "broken" and row.origin:
        lines.append(f"  in {one_line(row.origin, 400)}")
    return lines


def diagnostics(found: Found) -> list[str]:
    """What there is to correct, for a terminal; nothing where all is well."""
    warnings = [f" └ [Warning] {one_line(each, 500)}" for each in _warnings(found)]
    return ["", "MCP config diagnostics ⚠", "", *warnings] if warnings else []


async def as_markdown(rows: AsyncIterator[Row], problems: Sequence[str]) -> AsyncIterator[str]:
    """For the chat, row by row as they come: one for each server, then what can be typed, then what is to correct."""
    seen: list[Row] = []
    async for row in rows:
        yield f"{'' if seen else _TITLE}{_line(row)}\n"
        seen.append(row)
    if not seen:
        yield "No MCP servers are configured. `/mcp add NAME COMMAND` or `/mcp add NAME URL` adds one."
    for kinds, title in ((("prompt",), "Prompts"), (("resource", "template"), "Resources")):
        names = [_called(row, kind, name) for row in seen for all, kind in row.kinds() if kind in kinds for name in all]
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            yield f"\n{title}: {', '.join(map(code_span, names[:SHOWN]))}{more}\n"
    warnings = [f"- {plain(each, 500)}" for each in _warnings(Found(tuple(seen), tuple(problems)))]
    if warnings:
        yield "\n".join(["", "To correct:", "", *warnings])


_TITLE = "**MCP servers**\n\n"


def _line(row: Row) -> str:
    target = f" {code_span(one_line(row.target, 200))}" if row.target else ""
    words, reason = row.said
    state = f"{words}{plain(reason, 400)}" if reason else words
    more = [f"{row.purpose} {code_span(in_chat(row.todo))}"] if row.todo else []
    more += [f"in {code_span(one_line(row.origin, 400))}"] if row.state == "broken" and row.origin else []
    counts = f", {row.counts}" if row.counts else ""
    return f"- {code_span(row.name)} ({row.scope}, {row.transport}{target}): {'; '.join([state + counts, *more])}"


def in_chat(command: str) -> str:
    """A command of a terminal's as it is typed in the chat, where it can be."""
    return f"/{command.removeprefix('codex-plus ')}" if command.startswith("codex-plus mcp ") else command


def details(row: Row, server: Server, place: str, sign_in: str = "", *, chat: bool = False) -> str:
    """All about one server, as Claude Code prints it."""
    written = server.written
    lines = [
        f"{one_line(row.name)}:",
        f"  Scope: {WORDS[row.scope]}",
        f"  Status: {row.label}",
    ]
    if row.todo:
        lines.append(f"  {row.purpose.capitalize()}: {in_chat(row.todo) if chat else row.todo}")
    lines.append(f"  Type: {row.transport}")
    if server.is_remote:
        lines.append(f"  URL: {row.target}")
        headers = values_of(written.get("headers") or {})
        lines += ["  Headers:", *(f"    {name}: {value}" for name, value in headers.items())] if headers else []
        if isinstance(written.get("oauth", written.get("auth")), dict):
            lines.append("  OAuth: configured")
        lines += [f"  Sign-in: {sign_in}"] if sign_in else []
    else:
        lines.append(f"  Command: {one_line(written.get('command', server.command), 400)}".rstrip())
        lines.append(f"  Args: {' '.join(args_of(written.get('args', ())))}".rstrip())
        lines.append("  Environment:")
        lines += [f"    {name}={value}" for name, value in values_of(written.get("env") or {}).items()]
    if permissions := _permissions(server):
        lines.append(f"  Permissions: {permissions}")
    for names, words in row.kinds():
        lines += [f"  {words.capitalize()}s:", *(f"    {one_line(_called(row, words, name))}" for name in names)]
    lines += [f"  From: {one_line(row.origin, 400)}"] if row.origin else []
    lines += [f"  Log: {row.log}"] if row.log else []
    if row.state != "broken":
        lines += [f"  To correct: {one_line(problem, 500)}" for problem in row.problems]
    return "\n".join([*lines, "", f"To remove this server, {place}"])


def entry_shown(server: Server) -> dict[str, Any]:
    """The entry as it is written, without its secrets, for programs."""
    written = server.written
    shown: dict[str, Any] = {"type": server.transport}
    if server.is_remote:
        shown["url"] = url_of(written.get("url", ""))
        shown["headers"] = values_of(written.get("headers") or {})
    else:
        shown["command"] = one_line(written.get("command", server.command), 400)
        shown["args"] = args_of(written.get("args") or ())
        shown["env"] = values_of(written.get("env") or {})
    oauth = written.get("oauth") or written.get("auth")
    if isinstance(oauth, dict):
        shown["oauth"] = oauth_of(oauth)
    if isinstance(written.get("timeout"), int | float):
        shown["timeout"] = written["timeout"]
    listed = written.get("permissions")
    return {**shown, "permissions": [one_line(each) for each in listed] if isinstance(listed, list) else None}


def _permissions(server: Server) -> str:
    """What the entry declares, as far as it is a list; of one that is not used nothing else is known."""
    listed = server.permissions or server.written.get("permissions")
    return one_line(", ".join(map(str, listed)), 400) if isinstance(listed, list | tuple) else ""


def _called(row: Row, kind: str, name: str) -> str:
    """The name by which the user calls it."""
    if kind == "prompt":
        return f"/mcp__{named(row.name)}__{named(name)}"
    if kind == "tool":
        return name
    words = f"{row.name}:{name}"
    return f'@"{words}"' if any(map(str.isspace, words)) else f"@{words}"


def _warnings(found: Found) -> Iterable[str]:
    yield from found.problems
    for row in found.rows:
        if row.state != "broken":
            yield from (f"[{row.name}] {problem}" for problem in row.problems)
