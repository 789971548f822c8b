"""A real proxy under load that is killed, and its log afterwards."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from audit_log import WAIT
from metered import Settings
from ports import held_port

from codexplus_core.cli.main import main
from codexplus_enterprise.audit.reading import records

pytestmark = [pytest.mark.req("E3"), pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")]

ANSWER = b'event: response.completed\ndata: {"type":"response.completed","response":{"id":"r1","output":[]}}\n\n'
CLIENTS = 4


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def upstream() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(WAIT)


def kept(home: Path) -> int:
    """Records of requests in the files."""
    files = (home / ".codexplus" / "audit").glob("*.jsonl")
    return sum(path.read_bytes().count(b'"model.request"') for path in files)


def killed_under_load(home: Path, port: int, upstream_port: int, requests: int) -> int:
    """Serve, let clients ask until so many requests are answered, and kill the proxy in the midst of it."""
    words = ["serve", "--port", str(port), "--upstream", f"http://127.0.0.1:{upstream_port}", "--plugins", "enterprise"]
    env = {**os.environ, "HOME": str(home), "CODEX_PLUS_HOME": str(home / ".codexplus")}
    command = [sys.executable, "-m", "codexplus_core.cli", *words, "--log-format", "json"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            assert b"listening" in process.stdout.readline()
            answered, enough, before = [0], threading.Event(), kept(home)

            def ask() -> None:
                body = json.dumps({"model": "gpt-5", "input": [], "stream": True}).encode()
                while process.poll() is None:
                    request = urllib.request.Request(
                        f"http://127.0.0.1:{port}/v1/responses", body, {"content-type": "application/json"}
                    )
                    with (
                        contextlib.suppress(OSError, http.client.HTTPException),
                        urllib.request.urlopen(request) as answer,
                    ):
                        answer.read()
                        answered[0] += 1
                    # What the disk has not taken yet is lost; a busy one is given time for some of it.
                    if answered[0] >= requests and kept(home) - before >= requests // 2:
                        enough.set()

            threads = [threading.Thread(target=ask, daemon=True) for _ in range(CLIENTS)]
            for thread in threads:
                thread.start()
            assert enough.wait(4 * WAIT)
        finally:
            process.kill()
        for thread in threads:
            thread.join(WAIT)
        return answered[0]


@pytest.mark.abuse("H09")
def test_a_proxy_that_is_killed_under_load_leaves_a_log_that_goes_on_whole(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.mine(audit={"enabled": True, "fsyncMs": 5})
    with upstream() as upstream_port, held_port() as port:
        for _ in range(2):
            killed_under_load(settings.home, port, upstream_port, 150)

    found = list(records(settings.home / ".codexplus" / "audit"))
    assert [one["event.action"] for one in found].count("audit.start") == 2
    assert [one["event.action"] for one in found].count("model.request") >= 150
    assert main(["audit", "verify"]) == 0
    assert "whole" in capsys.readouterr().out
