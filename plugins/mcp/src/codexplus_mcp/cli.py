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

from codexplus_core import Core, Problem, open_core

from . import adding, grammar
from .connections import Connections
from .errands import Errands
from .listing import as_text, details

SECRET = "MCP_CLIENT_SECRET"
"""The variable that holds the OAuth client's secret for `--client-secret`."""


def run(args: argparse.Namespace) -> int:
    """Do it and print what there is to say. Raises Problem."""
    args.action = grammar.named(args.action)
    if args.action == "add":
        wanted = adding.adding(args.words)
        if wanted.wants_help:
            print(adding.HELP.replace("mcp add", "codex-plus mcp add"))
            return 0
        args.wanted = wanted
    with open_core() as core:
        return asyncio.run(_run(core, args))


async def _run(core: Core, args: argparse.Namespace) -> int:
    async with _errands(core) as errands:
        if args.action == "list":
            return await _list(errands, as_json=args.json)
        if args.action == "get":
            return await _get(errands, args.name, as_json=args.json)
        if args.action == "auth":
            return await _auth(errands, args)
        if args.action == "logout":
            from . import oauth

            print(await oauth.logout(core, errands.server(args.name)))
        elif args.action == "add":
            secret = _secret() if args.wanted.wants_secret else ""
            print(await errands.add(args.wanted))
            await _keep_secret(errands, args.wanted.name, secret)
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
async def _errands(core: Core) -> AsyncIterator[Errands]:
    connections = Connections(core)
    home = Path(os.environ.get("HOME") or Path.home())
    try:
        yield Errands(core, connections, Path.cwd(), home, os.environ)
    finally:
        await connections.close()


async def _list(errands: Errands, *, as_json: bool) -> int:
    if not as_json and sys.stderr.isatty():
        print("Checking MCP server health…\n", file=sys.stderr)
    found = await errands.found()
    print(json.dumps(found.as_json(), indent=2, ensure_ascii=False) if as_json else as_text(found))
    return 0


async def _get(errands: Errands, name: str, *, as_json: bool) -> int:
    found = await errands.get(name)
    print(json.dumps(asdict(found[0]), indent=2, ensure_ascii=False) if as_json else details(*found))
    return 0


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
