"""Stand-ins for what the command line meets: a proxy that says it is healthy, a Codex that tells what it got."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HEALTHY: dict[str, Any] = {"service": "codex-plus", "status": "ok", "version": "0.1.0", "plugins": []}
SECRET = "sk-very-secret"
"""The API key of a Codex that is logged in."""


@contextmanager
def listening(body: object, status: int = 200) -> Iterator[int]:
    """A server that answers every GET with ``body`` as JSON; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def codex(directory: Path, version: str = "0.169.0") -> Path:
    """A program that says ``version`` and otherwise prints its arguments and base URL, and exits with 7."""
    path = directory / "codex"
    path.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"if sys.argv[1:] == ['--version']: print('codex-cli {version}'); sys.exit(0)\n"
        "print(json.dumps({'args': sys.argv[1:], 'url': os.environ.get('OPENAI_BASE_URL')})); sys.exit(7)\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path
