"""Metrics and spans for an OpenTelemetry collector: what is sent, what a dead collector costs, what is dropped."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from codexplus_core import Core, Exchange, Outcome, Session, Turn, Usage, hookimpl
from codexplus_core.services.config import Config
from codexplus_core.testing import Harness, Log, text
from codexplus_enterprise.metrics import Metrics, names
from codexplus_enterprise.metrics.otlp import metrics, traces
from codexplus_enterprise.metrics.push import Collector, Push, Unsent, post_json
from codexplus_enterprise.metrics.registry import Registry
from codexplus_enterprise.metrics.spans import Spans

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collecting:
    """A collector on a socket, with every request that it got."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.status = 200
        self.url = ""

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for at, _, body in self.got if at == path]


@contextmanager
def collecting() -> Iterator[Collecting]:
    kept = Collecting()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
            self.send_response(kept.status)
            if kept.status == 307:
                self.send_header("location", f"{kept.url}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Counted:
    """Metrics as a plugin of their own."""

    def __init__(self) -> None:
        self.metrics = Metrics()

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.metrics.begin(core)

    @hookimpl
    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> None:
        self.metrics.ended(exchange, outcome)

    @hookimpl
    async def on_shutdown(self) -> None:
        await self.metrics.close()


def exchange(**headers: str) -> Exchange:
    return Exchange(session=Session("s", "t1"), turn=Turn("turn1", "user"), model="gpt-5", headers=headers)


def outcome(error: str | None = None) -> Outcome:
    return Outcome(
        status=200, answered_by="upstream", error=error, usage=Usage(10, 2, 5, 1, 15), rounds=1, first_byte_s=0.5,
        total_s=2.0, bytes_in=1, bytes_out=2,
    )  # fmt: skip


def spans(most: int = 100) -> tuple[Spans, list[int]]:
    dropped: list[int] = []
    return Spans(lambda: 1000.0, dropped.append, most), dropped


def named(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in attributes}


# -- the encoding


def test_counts_are_sums_since_the_start_and_numbers_of_64_bits_are_texts() -> None:
    registry = Registry((names.TOKENS, names.BREAKER, names.ADDED, names.REFUSALS))
    registry.add(names.TOKENS, ("gpt-5", "input"), 7)
    registry.put(names.BREAKER, ("docs",), 2.0)
    registry.observe(names.ADDED, ("proxy", "http"), 0.004)

    body = json.loads(metrics(registry.families(), {"service.name": "codex-plus"}, began=1.0, now=2.5))

    (resource,) = body["resourceMetrics"]
    assert named(resource["resource"]["attributes"]) == {"service.name": "codex-plus"}
    tokens, breaker, added = resource["scopeMetrics"][0]["metrics"]
    assert (tokens["name"], tokens["unit"]) == ("codexplus.tokens", "{token}")
    (point,) = tokens["sum"]["dataPoints"]
    assert (tokens["sum"]["isMonotonic"], tokens["sum"]["aggregationTemporality"]) == (True, 2)
    assert (point["startTimeUnixNano"], point["timeUnixNano"]) == ("1000000000", "2500000000")
    assert (named(point["attributes"]), point["asDouble"]) == ({"model": "gpt-5", "type": "input"}, 7.0)
    assert breaker["gauge"]["dataPoints"][0]["asDouble"] == 2.0
    (times,) = added["histogram"]["dataPoints"]
    assert (times["count"], times["bucketCounts"][2], len(times["bucketCounts"])) == (
        "1",
        "1",
        len(names.ADDED.buckets) + 1,
    )


def test_a_span_has_the_conventions_names_and_no_words_of_anybodys() -> None:
    kept, _ = spans()

    kept.add(exchange(), outcome(), "gpt-5")
    body = json.loads(traces(kept.take(), {}))

    (span,) = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    about = named(span["attributes"])
    assert (span["name"], span["kind"]) == ("chat gpt-5", 3)
    assert (span["startTimeUnixNano"], span["endTimeUnixNano"]) == ("998000000000", "1000000000000")
    assert about["gen_ai.operation.name"] == "chat"
    assert about["gen_ai.request.model"] == "gpt-5"
    assert about["gen_ai.conversation.id"] == "t1"
    assert (about["gen_ai.usage.input_tokens"], about["gen_ai.usage.output_tokens"]) == ("10", "5")
    assert "status" not in span and "parentSpanId" not in span


def test_requests_of_one_turn_are_one_trace_unless_the_client_names_its_own() -> None:
    kept, _ = spans()

    for one in (exchange(), exchange(), exchange(traceparent=PARENT), exchange(traceparent="00-xyz")):
        kept.add(one, outcome("cut"), "gpt-5")
    first, second, told, broken = kept.take()

    assert first["traceId"] == second["traceId"] == broken["traceId"]
    assert len(first["traceId"]) == 32 and first["spanId"] != second["spanId"]
    assert (told["traceId"], told["parentSpanId"]) == (PARENT.split("-")[1], PARENT.split("-")[2])
    assert told["status"] == {"code": 2, "message": "cut"}


def test_of_too_many_spans_the_oldest_are_dropped_and_counted() -> None:
    kept, dropped = spans(most=3)
    for number in range(5):
        kept.add(exchange(), outcome(), f"m{number}")
    taken = kept.take()
    kept.add(exchange(), outcome(), "m5")

    kept.put_back(taken)

    assert [span["name"] for span in kept.take()] == ["chat m3", "chat m4", "chat m5"]
    assert sum(dropped) == 3


# -- sending


async def test_a_proxy_sends_what_it_counted_before_it_ends() -> None:
    with collecting() as collector:
        settings = {"metrics": {"otlpEndpoint": collector.url, "spans": True, "otlpHeaders": {"x-team": "tools"}}}
        async with Harness([Counted()], script=[text("ok")], config=Config(None, settings)) as proxy:
            await proxy.say("a secret prompt")

    (sent,), (traced,) = collector.bodies("/v1/metrics"), collector.bodies("/v1/traces")
    found = {one["name"] for one in sent["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
    assert {"codexplus.requests", "gen_ai.client.token.usage", "gen_ai.client.operation.duration"} <= found
    assert len(traced["resourceSpans"][0]["scopeSpans"][0]["spans"]) == 1
    assert [headers["x-team"] for _, headers, _ in collector.got] == ["tools", "tools"]
    assert "secret prompt" not in json.dumps(collector.got)
    assert proxy.log.events("telemetry_unsent") == []


async def test_without_a_collector_nothing_is_sent_and_no_task_waits() -> None:
    async with Harness([Counted()], config=Config(None, {})) as proxy:
        await proxy.say("hi")
        waiting = [task.get_name() for task in asyncio.all_tasks()]

    assert [name for name in waiting if "otlp" in name] == []


async def test_spans_are_sent_only_where_they_are_asked_for() -> None:
    with collecting() as collector:
        settings = {"metrics": {"otlpEndpoint": collector.url}}
        async with Harness([Counted()], config=Config(None, settings)) as proxy:
            await proxy.say("hi")

    assert [path for path, _, _ in collector.got] == ["/v1/metrics"]


def sender(url: str, log: Log, *, forbidden: str = "", kept: Spans | None = None) -> Push:
    return Push(Collector(url, {}, 60.0), list, kept, resource={}, began=0.0, log=log, forbidden=lambda _: forbidden)


async def test_a_dead_collector_is_told_once_and_again_when_it_is_back() -> None:
    log, (kept, dropped) = Log(), spans()
    kept.add(exchange(), outcome(), "gpt-5")
    with collecting() as collector:
        push = sender(collector.url, log, kept=kept)
        collector.status = 503
        await push.send()
        await push.send()
        collector.status = 200
        await push.send()

    assert [one["reason"] for one in log.events("telemetry_unsent")] == ["the collector answered 503"]
    assert len(log.events("telemetry_sent_again")) == 1
    assert (len(collector.bodies("/v1/traces")), len(kept), dropped) == (1, 0, [])


async def test_what_nobody_listens_to_is_an_error_with_a_reason_and_not_an_exception() -> None:
    log = Log()
    with collecting() as collector:
        gone = collector.url

    await sender(gone, log).send()

    (told,) = log.events("telemetry_unsent")
    assert told["reason"].startswith("the collector cannot be reached: ")


@pytest.mark.abuse("I10")
async def test_a_collector_that_the_policy_does_not_list_gets_nothing() -> None:
    log = Log()
    with collecting() as collector:
        await sender(collector.url, log, forbidden="127.0.0.1 is not on the list").send()

    assert collector.got == []
    assert log.events("telemetry_unsent")[0]["reason"] == "127.0.0.1 is not on the list"


@pytest.mark.abuse("I10")
async def test_the_list_of_endpoints_is_asked_about_the_collector() -> None:
    with collecting() as collector:
        settings = {"metrics": {"otlpEndpoint": collector.url}, "security": {"endpointAllowlist": ["api.openai.com"]}}
        async with Harness([Counted()], config=Config(None, settings)) as proxy:
            await proxy.say("hi")

    assert collector.got == []
    assert len(proxy.log.events("telemetry_unsent")) == 1


@pytest.mark.abuse("I10")
async def test_a_redirect_is_not_followed() -> None:
    with collecting() as collector:
        collector.status = 307

        with pytest.raises(Unsent, match="the collector answered 307"):
            await asyncio.to_thread(post_json, f"{collector.url}/v1/metrics", b"{}", {})

    assert [path for path, _, _ in collector.got] == ["/v1/metrics"]


async def test_a_collector_on_this_machine_is_not_asked_of_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector, collecting() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)

        await asyncio.to_thread(post_json, f"{collector.url}/v1/metrics", b"{}", {})

    assert (len(collector.got), proxy.got) == (1, [])


async def test_another_collector_in_the_settings_takes_the_place_of_the_first_one(tmp_path: Any) -> None:
    counted = Counted()
    folder = tmp_path / ".codexplus"
    folder.mkdir(mode=0o700)

    def write(url: str) -> None:
        (folder / "settings.json").write_text(json.dumps({"metrics": {"otlpEndpoint": url}}), encoding="utf-8")

    with collecting() as first, collecting() as second:
        write(first.url)
        config = Config(tmp_path, env={"CODEX_PLUS_HOME": str(folder)}, every_s=0.0)
        async with Harness([counted], config=config) as proxy:
            await proxy.say("hi")
            write(second.url + "/a")
            counted.metrics.look()

    assert first.got == []
    assert [path for path, _, _ in second.got] == ["/a/v1/metrics"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("otlpEndpoint", "ftp://collector", "expected an http"),
        ("otlpEndpoint", "ws://collector", "expected an http or https URL"),
        ("otlpEndpoint", "https://me:secret@collector", "without user name"),
        ("otlpHeaders", {"x-a": "b\r\nx-c: d"}, "printable ASCII"),
        ("otlpSeconds", 0, "whole number from 1 on"),
        ("enabled", "yes", "true or false"),
        ("spans", 1, "true or false"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_reason(key: str, value: Any, said: str) -> None:
    settings = Config(None, {"metrics": {key: value}}).user

    assert settings.get(f"metrics.{key}") in (None, {})
    assert any(said in str(notice) for notice in settings.warnings)
