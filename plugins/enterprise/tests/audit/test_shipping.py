"""Records on their way to a collector."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from audit_log import KEY, WAIT, Log

from codexplus_enterprise.audit.heads import head, heads_in
from codexplus_enterprise.audit.shipping import Shipping
from codexplus_enterprise.metrics.push import Unsent

pytestmark = pytest.mark.req("E3")


class Collector:
    """Keeps what it is sent; the first ``failing`` times it does not take it."""

    def __init__(self, failing: int = 0) -> None:
        self.failing = failing
        self.rows: list[dict[str, Any]] = []
        self.urls: list[str] = []
        self.took = threading.Event()

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.urls.append(url)
        if self.failing:
            self.failing -= 1
            raise Unsent("the collector answered 503")
        for resource in json.loads(body)["resourceLogs"]:
            for scope in resource["scopeLogs"]:
                self.rows += scope["logRecords"]
        self.took.set()


class Quiet:
    """The core of a shipping: its log."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.log = self

    def warning(self, event: str, **fields: Any) -> None:
        self.said.append(event)

    info = warning


def attributes(row: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: one["value"] for one in row["attributes"]}


def ship(core: Any, collector: Any, **more: Any) -> Shipping:
    return Shipping(core, "https://collector.test/base", post=collector, every_s=0.001, again_s=0.001, **more)


def test_records_and_heads_arrive_as_log_records_in_their_order(log: Log) -> None:
    log.written("process.run")
    collector = Collector()
    shipping = ship(Quiet(), collector)

    shipping.lines(log.lines())
    shipping.head(head(KEY, "serve", 3, "ab" * 32))
    shipping.close()

    assert set(collector.urls) == {"https://collector.test/base/v1/logs"}
    assert [row["eventName"] for row in collector.rows] == [
        "codexplus.audit.start", "codexplus.process.run", "codexplus.audit.stop", "codexplus.audit_head",
    ]  # fmt: skip
    told = attributes(collector.rows[1])
    assert told["event.hash"]["stringValue"] == log.records()[1]["event.hash"]
    assert told["event.sequence"] == {"intValue": "2"}
    assert told["event.category"] == {"arrayValue": {"values": [{"stringValue": "process"}]}}
    assert int(collector.rows[1]["timeUnixNano"]) > 10**18
    # What the collector has of a head is what `audit verify --heads` reads.
    assert list(heads_in([collector.rows[3]["body"]["stringValue"]])) == [head(KEY, "serve", 3, "ab" * 32)]


def test_a_collector_that_is_away_gets_everything_later_and_it_is_said_once(log: Log) -> None:
    log.written("one")
    collector, core = Collector(failing=3), Quiet()
    shipping = ship(core, collector)

    shipping.lines(log.lines())
    assert collector.took.wait(WAIT)
    shipping.close()

    assert len(collector.rows) == 3
    assert core.said == ["audit_unsent", "audit_sent_again"]


def test_a_collector_that_may_not_be_reached_gets_nothing(log: Log) -> None:
    log.written("one")
    collector, core = Collector(), Quiet()
    shipping = ship(core, collector, forbidden=lambda url: f"{url} is not allowed here")

    shipping.lines(log.lines())
    shipping.close()

    assert collector.urls == []
    assert core.said == ["audit_unsent"]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    monkeypatch.setattr("codexplus_enterprise.audit.shipping.MOST", 2)
    log.written("one")
    shipping = ship(Quiet(), Collector(failing=10**6))

    shipping.lines(log.lines())
    shipping.close()

    assert shipping.lost == 1


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """A collector on a port of this machine, and what it was sent."""
    got: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, self.headers["content-type"], body))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}", got
        made.shutdown()
        thread.join(WAIT)


def test_they_arrive_over_http(server: tuple[str, list[tuple[str, str, bytes]]], log: Log) -> None:
    log.written("one")
    url, got = server
    shipping = Shipping(Quiet(), url, every_s=0.001)  # type: ignore[arg-type]

    shipping.lines(log.lines())
    shipping.close()

    assert {(path, kind) for path, kind, _ in got} == {("/v1/logs", "application/json")}
    assert b"codexplus.one" in got[0][2]


def test_without_an_endpoint_no_thread_begins(log: Log) -> None:
    log.written("one")
    shipping = Shipping(Quiet(), "")  # type: ignore[arg-type]

    shipping.lines(log.lines())
    shipping.close()

    assert shipping._thread is None
