"""`codex-plus demo`: a whole session in one process, with a scripted model and no account."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from ..services.settings import ServeSettings

_WIDTH = 78


def configure(parser: ArgumentParser) -> None:
    """The arguments of `demo`."""
    parser.add_argument("--json", action="store_true", help="print the session as JSON, for programs")


def run(args: Namespace) -> int:
    """Show a session: what is typed, what Codex shows, and what the model was sent."""
    with tempfile.TemporaryDirectory(prefix="codex-plus-demo-") as home:
        session = asyncio.run(_session(Path(home), quiet=args.json))
    if args.json:
        from .table import as_json

        print(as_json(session))
    return 0 if session["legal"] else 1


async def _session(home: Path, *, quiet: bool) -> dict[str, Any]:
    from ..proxy.build import build
    from ..proxy.server import serve_app
    from ..services.config import Config
    from ..testing import StrictUpstream
    from .demo_plugin import DemoPlugin
    from .demo_script import SCRIPT, Screen, play

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    upstream = StrictUpstream(SCRIPT)
    async with upstream.listen() as url:
        settings = ServeSettings(
            host="127.0.0.1", port=port, upstream=f"{url}/v1", plugins=(), home=home, listen_fd=listener.detach()
        )
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        stop = asyncio.Event()
        # Settings and policies of this machine have no say: the model is scripted.
        app = build(settings, {"demo": DemoPlugin()}, config=Config(None))
        server = asyncio.create_task(serve_app(app, settings, ready=ready.set_result, stop=stop))
        try:
            waiting: set[asyncio.Future[Any]] = {server, ready}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if server.done():
                await server
            colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
            screen = Screen(sys.stdout, quiet=quiet, colour=colour, width=_WIDTH)
            return await play(ready.result(), upstream, screen)
        finally:
            stop.set()
            await server
