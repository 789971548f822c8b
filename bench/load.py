"""The load generator: `python -m bench.load JOB` prints what came of it, both as JSON."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from .asked import Asked, post, thread
from .process import cpu_s
from .shape import Delays, Shape, is_as_sent

_LAST = b"event: response.completed"
_LAST_OF_JSON = b',"metadata"'
_SILENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Job:
    """What to send. ``kind``: ``http``, ``fresh`` (a new connection for each request), ``socket`` or ``thread``.

    ``size`` is that of a request's body; a thread begins with ``start`` bytes and reaches it in ``count`` requests.
    ``exact`` expects the request's body upstream as it was sent. ``pid`` is the process whose CPU is counted, 0 for
    none.
    """

    kind: str
    port: int
    shape: Shape
    connections: int
    count: int
    size: int
    start: int = 0
    exact: bool = True
    pid: int = 0


@dataclass(slots=True)
class Result:
    """What came: times in microseconds, CPU of the process under measurement in seconds."""

    done: int = 0
    same: int = 0
    changed: int = 0
    """Requests whose body came to the upstream with other bytes."""
    cut: int = 0
    """Answers that were seen to break off."""
    events: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)
    first_us: list[int] = field(default_factory=list)
    total_us: list[int] = field(default_factory=list)
    delay_us: list[int] = field(default_factory=list)
    turns_ms: list[float] = field(default_factory=list)
    """CPU of each request of a thread."""

    def summary(self) -> dict[str, Any]:
        """As JSON, with percentiles in place of samples."""
        made = {name.name: getattr(self, name.name) for name in dataclasses.fields(self)}
        for name in ("first_us", "total_us", "delay_us"):
            values = sorted(made[name])
            made[name] = {
                str(part): values[int(part / 100 * (len(values) - 1) + 0.5)] for part in (50, 95, 99) if values
            }
        return made


class Http(asyncio.Protocol):
    """One connection, one request after the other."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._answer: asyncio.Future[None] | None = None
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.head = b""
        self.first_ns = 0
        self.delays = Delays()
        self.parts: list[bytes] = []
        self._rest = b""
        self._left = -1
        """Bytes of the body that are still to come; -1 for chunks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._over(ConnectionResetError("broken off"))

    def ask(self, wire: bytes) -> asyncio.Future[None]:
        """Send a request; the future is done when the whole answer is here."""
        self._reset()
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(wire)
        return self._answer

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if not self.status:
            data = self._rest + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            self._rest = b""
            self.head, data = data[: end + 2].lower(), data[end + 4 :]
            self.status = int(self.head[9:12])
            length = self.header(b"content-length")
            self._left = int(length) if length else -1
        if data and not self.first_ns:
            self.first_ns = now
        if self._left >= 0:
            self.parts.append(data)
            self._left -= len(data)
            if self._left <= 0:
                self._over(None)
        elif data:
            self._chunks(data, now)

    def header(self, name: bytes) -> bytes:
        """The value of a header of the answer, in lower case."""
        return self.head.partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()

    def _chunks(self, data: bytes, now: int) -> None:
        text = self._rest + data if self._rest else data
        at = 0
        while (line := text.find(b"\r\n", at)) >= 0:
            size = int(text[at:line], 16)
            end = line + 2 + size
            if len(text) < end + 2:
                break
            if not size:
                self._over(None)
                return
            part = text[line + 2 : end]
            self.delays.feed(part, now)
            self.parts.append(part)
            at = end + 2
        self._rest = text[at:]

    def _over(self, error: Exception | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            if error is None:
                answer.set_result(None)
            else:
                answer.set_exception(error)


async def connected(port: int) -> Http:
    """A new connection."""
    _, protocol = await asyncio.get_running_loop().create_connection(Http, "127.0.0.1", port)
    return protocol


async def over_http(job: Job, result: Result) -> None:
    """Requests on as many connections, all begun in the same instant."""
    fresh = job.kind == "fresh"
    asked = [
        post(thread(job.shape, job.size, seed + 1).say("go on"), job.port, close=fresh)
        for seed in range(job.connections)
    ]
    clients = [] if fresh else [await connected(job.port) for _ in asked]
    began(job, result)
    left = [job.count]

    async def client(number: int) -> None:
        connection = None if fresh else clients[number]
        while left[0] > 0:
            left[0] -= 1
            start = time.monotonic_ns()
            try:
                if connection is None or connection.transport.is_closing():
                    connection = await connected(job.port)
                async with asyncio.timeout(_SILENCE_S):
                    await connection.ask(asked[number].wire)
            except (OSError, TimeoutError) as error:
                judge_cut(job, result, connection, error)
                connection = None
                continue
            judge(job, result, connection, asked[number], start)
            if fresh:
                connection = None

    await asyncio.gather(*(client(number) for number in range(job.connections)))
    ended(job, result)


def judge(job: Job, result: Result, got: Http, asked: Asked, start_ns: int) -> None:
    """Count a whole answer."""
    now = time.monotonic_ns()
    body = b"".join(got.parts)
    if got.status != 200:
        result.errors[f"status {got.status}"] += 1
        return
    result.done += 1
    result.events += len(got.delays.us)
    result.delay_us += got.delays.us
    result.total_us.append((now - start_ns) // 1000)
    result.first_us.append((got.first_ns - start_ns) // 1000)
    before, mark, last = body.rpartition(_LAST if job.shape.events else _LAST_OF_JSON)
    if len(got.delays.us) != job.shape.events or not mark:
        result.errors["a clean end without all events"] += 1
        return
    exact = is_as_sent(before, last, asked.sum)
    result.changed += not exact
    result.same += exact or (not job.exact and is_as_sent(before, last))


def judge_cut(job: Job, result: Result, got: Http | None, error: Exception) -> None:
    """Count an answer that broke off: as it should, or an error."""
    if job.shape.cut and got is not None and got.status == 200:
        result.cut += 1
        result.events += len(got.delays.us)
    else:
        result.errors[type(error).__name__] += 1


def began(job: Job, result: Result) -> None:
    """The measured time begins."""
    gc.collect()
    gc.disable()
    result.cpu_s = -(cpu_s(job.pid) if job.pid else 0.0)
    result.seconds = -time.monotonic()


def ended(job: Job, result: Result) -> None:
    """The measured time is over."""
    result.seconds += time.monotonic()
    result.cpu_s += cpu_s(job.pid) if job.pid else 0.0


async def run(job: Job) -> Result:
    """Do a job."""
    from .load_socket import over_socket
    from .load_thread import long_thread

    result = Result()
    kinds = {"http": over_http, "fresh": over_http, "socket": over_socket, "thread": long_thread}
    await kinds[job.kind](job, result)
    return result


def job_from(text: str) -> Job:
    """The job that ``job_as_text`` wrote."""
    fields = json.loads(text)
    return Job(**{**fields, "shape": Shape(**fields["shape"])})


def job_as_text(job: Job) -> str:
    """A job for the command line of this module."""
    return json.dumps(dataclasses.asdict(job))


def main() -> None:
    """Do the job of the command line."""
    print(json.dumps(uvloop.run(run(job_from(sys.argv[1]))).summary()))


if __name__ == "__main__":
    main()
