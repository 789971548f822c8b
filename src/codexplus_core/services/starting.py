"""How a program begins, in a group of its own, and how that group is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

STRAGGLER_SECONDS = 1.0
"""How long a program's children may hold its output open once it has ended itself."""


class Ends(asyncio.SubprocessProtocol):
    """What hears of a program, and knows when it has ended."""

    def __init__(self) -> None:
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        """It has ended."""
        self.exited.set()


def kill_group(pid: int) -> None:
    """Kill a program that leads a group of its own, with all that is in the group."""
    if os.name != "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
        return
    # The program leads a session of its own, so its pid names the group; macOS answers EPERM for a dead leader.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


async def killed(pid: int, protocol: Ends) -> None:
    """Kill a program with its group, and wait for its end, a second at most.

    A loop that ends before it has heard of that leaves the process to nobody.
    """
    kill_group(pid)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STRAGGLER_SECONDS):
            await protocol.exited.wait()


async def started(
    protocol: Ends, argv: Sequence[str], cwd: Path | None, env: Mapping[str, str], *, with_input: bool
) -> asyncio.SubprocessTransport:
    """Start a program in a group of its own. Whoever is cancelled meanwhile leaves nothing of it."""
    loop, pipe = asyncio.get_running_loop(), subprocess.PIPE
    stdin = pipe if with_input else subprocess.DEVNULL
    starting = loop.subprocess_exec(
        lambda: protocol, *argv, stdin=stdin, stdout=pipe, stderr=pipe, cwd=cwd, env=env,
        start_new_session=True, close_fds=True,
    )  # fmt: skip
    # CPython 3.11 waits for the program's own end where it is cancelled in there, and its children go on.
    spawning = loop.create_task(starting, name=f"start of {argv[0]}")
    cancelled: asyncio.CancelledError | None = None
    while not spawning.done():
        try:
            await asyncio.wait({spawning})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return spawning.result()[0]
    if not spawning.cancelled() and spawning.exception() is None:
        transport = spawning.result()[0]
        try:
            await killed(transport.get_pid(), protocol)
        finally:
            transport.close()
    raise cancelled
