"""What `mcp add` was told: Claude Code's grammar, and what trips its users there taken as it was meant."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from codexplus_core import Problem

from .add_options import HEADER, REMOTE, SCOPES, ExactOptions, Misused, Options
from .entry import TRANSPORTS, guessed
from .shown import one_line, quoted, url_of

HELP = """\
usage: mcp add [options] NAME COMMAND_OR_URL [ARGS...]

  mcp add --transport http sentry https://mcp.sentry.dev/mcp
  mcp add --transport http corridor https://example.com/mcp --header "Authorization: Bearer ..."
  mcp add my-server -e API_KEY=xxx -- npx my-mcp-server
  mcp add my-server -- my-command --some-flag arg1

options, before NAME or behind it, but before -- and the server's own:
  -s, --scope SCOPE        local (default: you, here), project (.mcp.json) or user (you, everywhere)
  -t, --transport KIND     stdio (default), http or sse
  -e, --env NAME=VALUE     a variable of the server's; may be repeated
  -H, --header "N: VALUE"  a header of each request; may be repeated
  --client-id ID           the OAuth client, where the server registers none
  --client-secret          ask for that client's secret (or set MCP_CLIENT_SECRET)
  --callback-port PORT     the port of the OAuth callback"""

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_OAUTH = ("client_id", "client_secret", "callback_port")
# What Claude Code 2.1 warns of, and stores as a program all the same.
_LIKE_A_URL = re.compile(r"https?://|localhost|.*/(?:sse|mcp)$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Adding:
    """A server to be added: ``entry`` as settings files hold it.

    ``wants_secret`` asks for the OAuth client's secret, ``wants_help`` for `HELP` and nothing else. ``notes`` are
    sentences about what was taken otherwise than Claude Code takes it.
    """

    name: str = ""
    scope: str = "local"
    entry: dict[str, Any] = field(default_factory=dict)
    wants_secret: bool = False
    wants_help: bool = False
    notes: tuple[str, ...] = ()


def adding(words: Sequence[str], *, strict: bool = False) -> Adding:
    """Read the words behind `mcp add`; ``strict`` takes them as Claude Code 2.1 does. Raises Misused and Problem."""
    read = ExactOptions(list(words)) if strict else Options(list(words))
    read.read()
    if read.given.get("help"):
        return Adding(wants_help=True)
    for what, count in (("name", 1), ("commandOrUrl", 2)):
        if len(read.words) < count:
            raise Misused(f"mcp add: missing required argument '{what}'; mcp add --help shows how it is used")
    name, target, *args = read.words
    check_name(name)
    scope = check_scope(read.last("scope") or "local")
    kind = _kind(read, name, target, args, strict=strict)
    if strict:
        _leave_out(read, kind, args)
    entry = _remote(read, kind, target, args) if kind != "stdio" else _program(read, target, args, strict=strict)
    wants_secret = kind != "stdio" and "client_secret" in read.given
    return Adding(name, scope, entry, wants_secret, notes=tuple(read.notes))


def check_name(name: str) -> None:
    """Raises Problem for what is no name of a server."""
    if not _NAME.fullmatch(name):
        raise Problem(f"Invalid name {name}. Names can only contain letters, numbers, hyphens, and underscores.")
    if "__" in name.strip("_") or name == "workspace":
        raise Problem(f"Invalid name {name}. It would be read as something else; choose another one.")


def check_scope(scope: str) -> str:
    """The scope. Raises Problem for what is none."""
    if scope not in SCOPES:
        raise Problem(f"Invalid scope: {scope}. Must be one of: {', '.join(SCOPES)}")
    return scope


def _kind(read: Options, name: str, target: str, args: Sequence[str], *, strict: bool) -> str:
    wanted = read.last("transport")
    if wanted and wanted not in TRANSPORTS:
        raise Problem(f"Invalid transport type: {wanted}. Must be one of: stdio, sse, http")
    if wanted:
        return TRANSPORTS[wanted]
    if strict:
        if _LIKE_A_URL.match(target):
            how = f"mcp add --transport http {quoted(name)} {quoted(target)}"
            read.notes.append(f"{one_line(url_of(target))} looks like a URL and was taken for a program; use: {how}")
        return "stdio"
    if not REMOTE.match(target):
        _check_no_url(target, args)
        return "stdio"
    # Claude Code stores the URL as a program that can never start.
    kind = guessed(target)
    read.notes.append(f"the URL was taken as an {kind} server; --transport says otherwise")
    return kind


def _check_no_url(target: str, args: Sequence[str]) -> None:
    """Raises Problem for a URL that was typed wrong: as a program it could never start."""
    scheme, mark, rest = target.partition("://")
    if not mark:
        scheme, mark, rest = target.partition(":/")
    near = get_close_matches(scheme.lower(), ("https", "http"), n=1, cutoff=0.7)
    if not mark or not _SCHEME.fullmatch(scheme) or args or Path(target).exists() or (mark == ":/" and not near):
        return
    hint = f"; did you mean {one_line(url_of(f'{near[0]}://{rest}'))}?" if near else ""
    shown = one_line(url_of(target) if mark == "://" else target)
    raise Problem(f"Invalid URL: {shown}. A server's begins with https:// or http://{hint}")


def _leave_out(read: Options, kind: str, args: list[str]) -> None:
    """Take out what means nothing for such a server, which Claude Code says nothing about."""
    options = ("header",) if kind == "stdio" else ("env",)
    found = [f"--{name}" for name in options if read.given.pop(name, None)]
    if kind != "stdio" and args:
        found += args
        args.clear()
    read.notes += [f"{one_line(each)} means nothing for a {kind} server and was left out" for each in found]


def _remote(read: Options, kind: str, url: str, args: list[str]) -> dict[str, Any]:
    if not REMOTE.match(url):
        raise Problem(f"Invalid URL: {url}. A {kind} server has one that begins with https:// or http://")
    if args:
        raise Misused(f"mcp add: '{args[0]}' is too much; a server with a URL takes no arguments")
    if read.given.get("env"):
        raise Problem("mcp add: --env is for programs; a server with a URL takes --header 'NAME: VALUE'")
    entry: dict[str, Any] = {"type": kind, "url": url}
    if headers := _headers(read.given.get("header", [])):
        entry["headers"] = headers
    oauth: dict[str, Any] = {}
    if read.last("client_id"):
        oauth["clientId"] = read.last("client_id")
    if port := read.last("callback_port"):
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise Problem(f"Invalid callback port: {port}. It is a number from 1 to 65535")
        oauth["callbackPort"] = int(port)
    if read.given.get("client_secret") and "clientId" not in oauth:
        raise Problem("mcp add: --client-secret belongs to a client; name it with --client-id")
    return {**entry, "oauth": oauth} if oauth else entry


def _program(read: Options, command: str, args: list[str], *, strict: bool) -> dict[str, Any]:
    if read.given.get("header"):
        raise Problem("mcp add: --header is for servers with a URL; a program takes --env NAME=VALUE")
    if ignored := [f"--{name.replace('_', '-')}" for name in _OAUTH if name in read.given]:
        read.notes.append(f"{', '.join(ignored)} means nothing for a program, which is not signed in to")
    env = {}
    for written in read.given.get("env", []):
        # What a program may find in its environment is any name; what a shell takes for one is less.
        if not written.partition("=")[0] or "=" not in written or "\0" in written:
            raise Problem(
                f"Invalid environment variable format: {written}, environment variables should be added as: "
                "-e KEY1=value1 -e KEY2=value2"
            )
        name, _, value = written.partition("=")
        env[name] = value
    if not strict and not args and " " in command.strip() and "\\" not in command and not Path(command).exists():
        # `mcp add air "npx -y server"`: one text is no program's name.
        try:
            command, *args = shlex.split(command)
        except ValueError as error:
            raise Problem(f"mcp add: {command}: {error}; give the command's words one by one, after --") from None
        read.notes.append("the command was parted at its blanks")
    if not command.strip():
        raise Problem("mcp add: the command is empty; name the program to start")
    return {"type": "stdio", "command": command, "args": args, "env": env}


def _headers(written: Sequence[str]) -> dict[str, str]:
    headers = {}
    for each in written:
        found = HEADER.fullmatch(each)
        if found is None:
            # Its value may be a secret, so it is not repeated.
            raise Problem('Invalid header format. Expected format: "Header-Name: value"')
        headers[found[1]] = found[2].strip()
    return headers
