"""/mcp in the chat: what `codex-plus mcp` does, for the project of the session."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from codexplus_core import Command, Core, Exchange, LocalReply, Problem, printable

if TYPE_CHECKING:
    from .connections import Connections
    from .errands import Errands
    from .sign_in import SignIns

HINT = "[list|add|get|remove|auth|…]"
USAGE = """\
`/mcp` takes one of these words:

- `/mcp list`: every server, how it is and what it has; `--timeout SECONDS` waits longer or less long
- `/mcp add NAME COMMAND [ARGS]`, `/mcp add NAME URL`: add one (`/mcp add --help`)
- `/mcp add-json NAME JSON`: add one that is given as JSON
- `/mcp get NAME`: all about one
- `/mcp remove NAME`: take one out
- `/mcp auth NAME`: sign in to one; `/mcp auth NAME URL` with the address that the browser ended at
- `/mcp logout NAME`: forget what signing in gave
- `/mcp reset-project-choices`: withdraw what was answered about this project's servers

`codex-plus mcp` does the same in a terminal."""


class Mcp(Command):
    """The command; ``open`` gives it the core as soon as there is one."""

    def __init__(self, home: Path, env: Mapping[str, str] = os.environ) -> None:
        super().__init__("mcp", "MCP servers: list, add, get, remove, sign in", HINT, scope="built in")
        self._home = home
        self._env = env
        self._core: Core | None = None
        self._connections: Connections | None = None
        self._signing: SignIns | None = None

    def open(self, core: Core, connections: Connections) -> None:
        """Get to work."""
        from .sign_in import SignIns

        self._core, self._connections, self._signing = core, connections, SignIns(core)

    async def close(self) -> None:
        """Give up the sign-ins that wait for a browser."""
        if self._signing is not None:
            await self._signing.close()

    async def answer(self, exchange: Exchange, args: str) -> LocalReply:
        """What there is to say; servers are looked at while the answer already runs."""
        if self._core is None or self._connections is None or self._signing is None:
            return LocalReply("The MCP client has not started yet; see the log of codex-plus.")
        from .errands import Errands

        project = exchange.session.cwd or self._home
        errands = Errands(
            self._core, self._connections, project, self._home, self._env, voice="/mcp", session=exchange.session
        )
        return LocalReply(said(errands, self._signing, args))


async def said(errands: Errands, signing: SignIns, args: str) -> AsyncIterator[str]:
    """The answer to `/mcp ARGS`, piece by piece; what the user can put right is an answer, too."""
    from . import adding, grammar
    from .health import problems_of
    from .listing import as_markdown, details

    try:
        if args.strip() in ("help", "-h", "--help"):
            yield USAGE
            return
        asked = grammar.understood(grammar.split(args))
        if asked.action == "list":
            servers = errands.servers()
            async for piece in as_markdown(errands.rows(servers, asked.timeout), problems_of(servers)):
                yield piece
        elif asked.action == "get":
            yield _block(details(*await errands.get(asked.name, asked.timeout), chat=True))
        elif asked.action == "add":
            wanted = adding.adding(asked.words, strict=errands.strict)
            if wanted.wants_secret:
                raise Problem("/mcp: a secret is not typed in the chat; use codex-plus mcp add --client-secret")
            yield _block(adding.HELP if wanted.wants_help else await errands.add(wanted))
        elif asked.action == "add-json":
            yield _block(await errands.add_json(asked.name, asked.json_text, asked.scope))
        elif asked.action == "remove":
            yield _block(await errands.remove(asked.name, asked.scope))
        elif asked.action == "logout":
            from . import oauth

            yield _block(await oauth.logout(errands.core, errands.server(asked.name)))
        elif asked.action == "auth":
            server = errands.server(asked.name)
            if asked.url:
                yield _block(await signing.paste(server, asked.url))
                return
            async for piece in signing.begin(server):
                yield piece
        else:
            yield _block(errands.reset())
    except Problem as problem:
        # What the grammar that both share says of itself is named as it is typed here.
        yield _block(re.sub(r"(?<![/\w-])mcp add(?= --help|: )", "/mcp add", str(problem)))


def _block(text: str) -> str:
    """A text as it is, whatever marks are in it."""
    lines = [f"    {printable(line)}".rstrip() for line in text.splitlines()]
    return "\n".join(lines)
