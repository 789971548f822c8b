"""A real Prometheus (Debian's package) beside the proxy, and a client that makes requests for it to count."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ports import held_port

from codexplus_core.testing import CodexClient
from codexplus_core.testing.codex_requests import ClientRequest

DOCUMENTS = Path(__file__).parents[2] / "docs/enterprise"
RULES = DOCUMENTS / "prometheus-rules.yml"
DASHBOARD = DOCUMENTS / "grafana-dashboard.json"
# Prometheus tells nobody that it has scraped or evaluated something.
LOOK_S = 0.2
START_S = 40.0

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: codex-plus
    metrics_path: /_codexplus/metrics
    authorization: {{type: Bearer, credentials_file: "{token}"}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def program(name: str) -> str:
    """Where ``prometheus`` or ``promtool`` is; never skipped, for then nobody would notice that nothing is checked."""
    found = shutil.which(name)
    assert found is not None, f"{name} is missing; on Debian: apt-get install --no-install-recommends prometheus"
    return found


async def promtool(*args: str, stdin: bytes = b"") -> tuple[int, str]:
    """Exit code and output of ``promtool``."""
    process = await asyncio.create_subprocess_exec(
        program("promtool"), *args,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate(stdin)
    return process.returncode or 0, output.decode()


async def fetched(port: int, head: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own; ``head`` is its first line and further headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        first, _, rest = head.partition("\r\n")
        lines = [f"{first} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", f"Content-Length: {len(body)}"]
        writer.write("\r\n".join([*lines, *([rest] if rest else []), "", ""]).encode("latin-1") + body)
        await writer.drain()
        answer = await reader.read()
    finally:
        writer.close()
    start, _, content = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in start.lower():
        content = _whole(content)
    return int(start.split()[1]), content


def _whole(chunks: bytes) -> bytes:
    body = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        body, chunks = body + chunks[: int(size, 16)], chunks[int(size, 16) + 2 :]
    return body


class Prometheus:
    """A running one, asked over its API."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now; fails for one that Prometheus does not understand."""
        status, body = await fetched(self.port, f"GET /api/v1/query?{urlencode({'query': expression})}")
        answer = json.loads(body)
        assert (status, answer["status"]) == (200, "success"), f"{expression}: {answer.get('error')}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    async def until(self, expression: str) -> list[dict[str, Any]]:
        """The same, as soon as there is anything."""
        async with asyncio.timeout(START_S):
            while not (found := await self.query(expression)):
                await asyncio.sleep(LOOK_S)
        return found

    async def get(self, path: str) -> Any:
        """What the API says at ``path``."""
        status, body = await fetched(self.port, f"GET /api/v1/{path}")
        assert status == 200
        return json.loads(body)["data"]


@asynccontextmanager
async def prometheus(folder: Path, *, proxy: int, token: Path) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes the proxy every second and evaluates our rules."""
    folder.mkdir()
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(rules=RULES, token=token, port=proxy), encoding="utf-8")
    with held_port() as port:
        process = await asyncio.create_subprocess_exec(
            program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}", stderr=asyncio.subprocess.PIPE,
            cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )  # fmt: skip
        ready = asyncio.Event()
        listening = asyncio.create_task(_listen(process, ready), name="prometheus")
        try:
            async with asyncio.timeout(START_S):
                await ready.wait()
            assert process.returncode is None, await listening
            yield Prometheus(port)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            await listening


async def _listen(process: asyncio.subprocess.Process, ready: asyncio.Event) -> str:
    """All that it says, once it has ended; ``ready`` is set when it is, or will never be."""
    assert process.stderr is not None
    said = ""
    async for line in process.stderr:
        said += line.decode()
        if "ready to receive web requests" in said:
            ready.set()
    await process.wait()
    ready.set()
    return said


async def said(port: int, client: CodexClient, request: ClientRequest) -> int:
    """Send a request of Codex over HTTP and let Codex read the answer; its status."""
    names = [f"{name.decode()}: {value.decode()}" for name, value in request.headers if name.lower() not in _OURS]
    status, body = await fetched(port, "\r\n".join([f"POST {request.path}", *names]), request.body)
    client.receive(body, status=status)
    return status


_OURS = (b"host", b"connection", b"content-length")


async def load(port: int, threads: int, turns: int) -> Sequence[int]:
    """The statuses of so many turns in each of so many threads at once."""

    async def thread(seed: int) -> list[int]:
        client = CodexClient(auth="api", seed=seed)
        return [await said(port, client, client.say(f"turn {turn}")) for turn in range(turns)]

    found = await asyncio.gather(*(thread(seed) for seed in range(1, threads + 1)))
    return [status for statuses in found for status in statuses]
