"""Memory that requests have used: kept while they come, given back while none does."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from curl_cffi import CurlOpt
from proxy import front as front_of_tests
from proxy.front import GET, answered, fronted, on_each_loop, until
from proxy.test_worker import plain

from codexplus_core.proxy import worker
from codexplus_core.proxy.passthrough import Receive, Send
from codexplus_core.proxy.transport import UpstreamRequest
from codexplus_core.proxy.upstream_easy import Handle

USED = """
from codexplus_core.proxy.memory import give_memory_back, keep_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

keep_memory()
before = resident()
blocks = [b"x" * 100_000 for _ in range(400)]
blocks.clear()
kept = resident()
give_memory_back()
print(kept - before, resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's memory")
def test_freed_memory_stays_until_it_is_given_back() -> None:
    run = subprocess.run([sys.executable, "-c", USED], capture_output=True, text=True, check=True, timeout=60)

    kept, left = map(int, run.stdout.split())
    assert kept > 36_000_000
    assert left < 4_000_000


@on_each_loop
async def test_memory_goes_back_once_when_nothing_is_done_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []

    class Swept(worker.Worker):
        def _sweep(self) -> None:
            happened.append("sweep")
            super()._sweep()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        happened.append("request")
        used[0] += 1.0
        await plain(scope, receive, send)

    def sweeps() -> int:
        return happened.count("sweep")

    used = [0.0]
    monkeypatch.setattr(front_of_tests, "Worker", Swept)
    monkeypatch.setattr(worker, "process_time", lambda: used[0])
    monkeypatch.setattr(worker, "give_memory_back", lambda: happened.append("given back"))
    async with fronted(app, keep_alive_timeout=0.01) as front:
        for _ in range(2):
            reader, writer = await front.connect(GET)
            assert await reader.readexactly(len(answered())) == answered()
            writer.close()
            enough = sweeps() + 3 * worker._RESTED
            await until(lambda enough=enough: sweeps() >= enough)  # type: ignore[misc]

    told = [what for what in happened if what != "sweep"]
    assert told[told.index("request") :] == ["request", "given back"] * 2


@pytest.mark.parametrize(
    ("body", "buffer"),
    [
        (0, 16), (12_000, 16), (13_000, 64), (60_000, 256), (240 * 1024, 256), (240 * 1024 + 1, 160),
        (304 * 1024 - 1, 160), (304 * 1024, 192), (1 << 20, 544), (9_000_000, 1024),
    ],
)  # fmt: skip
def test_curl_sends_from_a_buffer_that_fits_the_body(monkeypatch: pytest.MonkeyPatch, body: int, buffer: int) -> None:
    handle = Handle(https=False, impersonate=None, no_proxy=True, proxy=None, ca="", connect_timeout=1)
    options: list[tuple[object, object]] = []

    def noted(*option: object) -> None:
        options.append((option[0], option[1]))

    monkeypatch.setattr(handle.curl, "setopt", noted)

    for _ in range(2):
        handle.prepare(UpstreamRequest("POST", "http://127.0.0.1/", [], bytes(body)))

    assert [value for option, value in options if option == CurlOpt.UPLOAD_BUFFERSIZE] == [buffer * 1024]
