"""`codex-plus mcp`: the servers from the command line, without a proxy."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codexplus_core import Core, Problem, open_core

from . import adding, grammar
from .connections import Connections
from .errands import Errands
from .grammar import configure as configure
from .health import Found, problems_of
from .listing import NOTHING, as_text, details, diagnostics, entry_shown, lines_of

SECRET = "MCP_CLIENT_SECRET"
"""The variable that holds the OAuth client's secret for `--client-secret`."""


def run(args: argparse.Namespace) -> int:
    """Do it and print what there is to say. Raises Problem."""
    args.action = grammar.named(args.action)
    with open_core() as core:
        return asyncio.run(_run(core, args))


async def _run(core: Core, args: argparse.Namespace) -> int:
    async with _errands(core, getattr(args, "timeout", None)) as errands:
        if args.action == "list":
            return await _list(errands, args)
        if args.action == "get":
            return await _get(errands, args)
        if args.action == "auth":
            return await _auth(errands, args)
        if args.action == "logout":
            from . import oauth

            print(await oauth.logout(core, errands.server(args.name)))
        elif args.action == "add":
            wanted = adding.adding(args.words, strict=errands.strict)
            if wanted.wants_help:
                print(adding.HELP.replace("mcp add", "codex-plus mcp add"))
                return 0
            secret = _secret() if wanted.wants_secret else ""
            print(await errands.add(wanted))
            await _keep_secret(errands, wanted.name, secret)
        elif args.action == "add-json":
            secret = _secret() if args.client_secret else ""
            text = sys.stdin.read() if args.json_text == "-" else args.json_text
            print(await errands.add_json(args.name, text, args.scope))
            await _keep_secret(errands, args.name, secret)
        elif args.action == "remove":
            print(await errands.remove(args.name, args.scope))
        else:
            print(errands.reset())
    return 0


@contextlib.asynccontextmanager
async def _errands(core: Core, timeout: float | None) -> AsyncIterator[Errands]:
    # Who waits longer for an answer waits as long for the start, unless `mcp.startTimeout` says otherwise.
    connections = Connections(core, {**os.environ, **({"MCP_TIMEOUT": f"{timeout * 1000:f}"} if timeout else {})})
    home = Path(os.environ.get("HOME") or Path.home())
    try:
        yield Errands(core, connections, Path.cwd(), home, os.environ)
    finally:
        await connections.close()


async def _list(errands: Errands, args: argparse.Namespace) -> int:
    servers = errands.servers()
    if servers.servers and not args.json and sys.stderr.isatty():
        print("Checking MCP server health…\n", file=sys.stderr, flush=True)
    if args.json or not sys.stdout.isatty():
        found = await errands.found(args.timeout)
        print(_json(found.as_json()) if args.json else as_text(found))
        return 0
    # In front of somebody each one is told as it comes: one that hangs would keep all others back.
    rows = []
    async for row in errands.rows(servers, args.timeout):
        print("\n".join(lines_of(row)), flush=True)
        rows.append(row)
    left = diagnostics(Found(tuple(rows), problems_of(servers)))
    print("\n".join([*([] if rows else [NOTHING]), *left]), end="\n" if left or not rows else "")
    return 0


async def _get(errands: Errands, args: argparse.Namespace) -> int:
    found = await errands.get(args.name, args.timeout)
    told = {**asdict(found[0]), "entry": entry_shown(found[1])}
    print(_json(told) if args.json else details(*found))
    return 0


def _json(value: Any) -> str:
    # In ASCII: nothing that a server is called turns the direction of writing or moves the cursor.
    return json.dumps(value, indent=2)


async def _auth(errands: Errands, args: argparse.Namespace) -> int:
    from .sign_in import in_terminal

    server = errands.server(args.name)
    if args.url:
        raise Problem(f"codex-plus mcp auth {args.name} asks for the address itself; leave it out", exit_code=2)
    print(await in_terminal(errands.core, server, browser=not args.no_browser))
    return 0


async def _keep_secret(errands: Errands, name: str, secret: str) -> None:
    if secret:
        from . import oauth

        await oauth.keep_client_secret(errands.core, errands.server(name), secret)


def _secret() -> str:
    """The OAuth client's secret, typed unseen or from the environment. Raises Problem."""
    found = os.environ.get(SECRET, "")
    if not found and sys.stdin.isatty():
        from getpass import getpass

        found = getpass("OAuth client secret: ")
    if not found.strip():
        raise Problem(f"mcp add: no client secret was given; type it when asked, or set {SECRET}")
    return found.strip()
