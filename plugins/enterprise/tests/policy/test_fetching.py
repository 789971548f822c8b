"""Getting a policy's file: no redirects, bounded, https only."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from codexplus_enterprise.policy.fetching import fetch
from codexplus_enterprise.policy.remote import NotFetched


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = {"/moved": 302, "/missing": 404}.get(self.path, 200)
        body = b"x" * (70_000 if self.path == "/large" else 5)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/policy")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def pages() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_is_fetched_without_redirects_and_within_a_bound(pages: str) -> None:
    assert fetch(f"{pages}/policy") == b"xxxxx"
    for path, why in (("moved", "answered 302"), ("missing", "answered 404"), ("large", "is larger than")):
        with pytest.raises(NotFetched, match=why):
            fetch(f"{pages}/{path}")
    with pytest.raises(NotFetched, match="only https"):
        fetch("http://example.com/policy")
