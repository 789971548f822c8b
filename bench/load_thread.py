"""Load by one thread, turn after turn: the whole conversation with every request, a little longer each time."""

from __future__ import annotations

import asyncio
import time

from .asked import post, text, thread
from .load import Job, Result, began, connected, ended, judge
from .process import cpu_s

_SEED = 1000
"""No thread of the other kinds of load has it."""


async def long_thread(job: Job, result: Result) -> None:
    """``count`` turns from ``start`` to ``size`` bytes; CPU is noted for each, and only between request and answer."""
    client = thread(job.shape, job.start, _SEED)
    connection = await connected(job.port)
    began(job, result)
    for turn in range(job.count):
        request = client.say(text((job.size - job.start) // job.count, seed=turn))
        asked = post(request, job.port)
        before, start = cpu_s(job.pid) if job.pid else 0.0, time.monotonic_ns()
        try:
            async with asyncio.timeout(30):
                await connection.ask(asked.wire)
        except (OSError, TimeoutError) as error:
            result.errors[type(error).__name__] += 1
            break
        judge(job, result, connection, asked, start)
        client.receive(b"".join(connection.parts))
        # What the proxy does after the answer's end is the turn's, too.
        await asyncio.sleep(0.005)
        result.turns_ms.append(((cpu_s(job.pid) if job.pid else 0.0) - before) * 1000)
    ended(job, result)
