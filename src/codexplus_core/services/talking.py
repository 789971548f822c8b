"""A program that is talked to while it runs: its input is written, its output read, its end brought about whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from .run import CannotStart, cannot_start, environment
from .starting import STRAGGLER_SECONDS, Ends, kill_group, started

if TYPE_CHECKING:
    from .sandbox.level import Level

READ_AHEAD = 256 * 1024
"""Bytes of output that wait to be read; beyond about twice as many the program has to wait."""
ERRORS_KEPT = 64 * 1024
"""Bytes of the standard error that are kept, the last ones."""
GRACE_SECONDS = 2.0
"""How long a program may take to end by itself, once its input is closed and once more after it was told to end."""
GONE_SECONDS = 5.0
"""How long a killed one may take to be gone; one that hangs in the kernel is left behind then."""

OnErrors = Callable[[bytes], None]


class Streams:
    """What the event loop knows of a program: filled from below, read by its Running."""

    def __init__(self, on_errors: OnErrors | None) -> None:
        self._on_errors = on_errors
        self.output = asyncio.StreamReader(limit=READ_AHEAD)
        self._is_over = False
        self.errors = bytearray()
        self.input: asyncio.WriteTransport | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        self.exited = asyncio.Event()
        self.returncode: int | None = None
        self.pid: int | None = None

    def opened(self, into: asyncio.WriteTransport, out: asyncio.ReadTransport) -> None:
        """Its input and its output are there."""
        self.input = into
        self.output.set_transport(cast("asyncio.Transport", out))

    def printed(self, data: bytes) -> None:
        """It wrote to its output; what still comes behind the end is nobody's."""
        if not self._is_over:
            self.output.feed_data(data)

    def fell_silent(self) -> None:
        """Nothing more will be read of its output."""
        self._is_over = True
        self.output.feed_eof()

    def complained(self, data: bytes) -> None:
        """It wrote to its standard error."""
        self.errors += data
        del self.errors[:-ERRORS_KEPT]
        if self._on_errors is not None:
            self._on_errors(data)

    def takes(self, *, more: bool) -> None:
        """Whether its input has room."""
        if more:
            self.writable.set()
        else:
            self.writable.clear()

    def has_ended(self, returncode: int | None) -> None:
        """It has ended."""
        self.returncode = returncode
        self.writable.set()
        self.exited.set()


class Running:
    """A program under way, as ``core.start`` gives it. Close it: ``async with running: …``.

    What it prints has to be read, or it will wait. ``level`` says how strongly it is held.
    """

    def __init__(self, streams: Streams, level: Level, end: Callable[[bool], None]) -> None:
        """``end(hard)`` tells the program to end, or kills it with all its children."""
        self.level: Level = level
        self._streams = streams
        self._end = end
        self._releases: list[Callable[[], None]] = []

    async def read(self, limit: int = 65536) -> bytes:
        """The next bytes that it printed, at most ``limit``; ``b""`` after the last ones."""
        return await self._streams.output.read(limit)

    async def write(self, data: bytes) -> None:
        """Write to its input, and wait while it takes nothing. Raises BrokenPipeError once it takes no more."""
        into = self._streams.input
        if into is None or into.is_closing():
            raise BrokenPipeError("the program reads its input no more")
        into.write(data)
        await self._streams.writable.wait()

    def close_input(self) -> None:
        """Tell it that nothing more will come."""
        if self._streams.input is not None:
            self._streams.input.close()

    @property
    def pid(self) -> int | None:
        """Its process, None where the sandbox keeps it to itself."""
        return self._streams.pid

    @property
    def errors(self) -> bytes:
        """The last 64 KiB that it wrote to its standard error."""
        return bytes(self._streams.errors)

    @property
    def exited(self) -> bool:
        """Whether it has ended."""
        return self._streams.exited.is_set()

    @property
    def returncode(self) -> int | None:
        """Its exit code, -n after signal n; None while it runs, and where nobody could learn it."""
        return self._streams.returncode

    async def wait(self) -> int | None:
        """Its exit code, once it has ended; its children are killed then."""
        await self._streams.exited.wait()
        return self.returncode

    async def close(self, *, grace: float = GRACE_SECONDS) -> None:
        """End it, with all its children: by its closed input, then by word, then by force.

        ``grace`` are the seconds for each of the first two. When cancelled it is killed at once, and its end waited for
        a second at most.
        """
        try:
            self.close_input()
            for hard, seconds in ((None, grace), (False, grace), (True, GONE_SECONDS)):
                if hard is not None and not self.exited:
                    self._end(hard)
                if await self._ends_within(seconds):
                    return
        finally:
            self.close_now()
            # A loop that ends before it has heard of the end leaves the process to nobody.
            await self._ends_within(STRAGGLER_SECONDS)

    def close_now(self) -> None:
        """Kill it and let go of everything, without waiting."""
        if not self.exited:
            self._end(True)
        self._streams.fell_silent()
        while self._releases:
            self._releases.pop()()

    def when_closed(self, release: Callable[[], None]) -> None:
        """Call ``release`` when it is closed; the last one that was added comes first."""
        self._releases.append(release)

    async def __aenter__(self) -> Running:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ends_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._streams.exited.wait()
        return self.exited


class _Pipes(Ends):
    """Hands on what the event loop hears of a process."""

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self._streams = streams
        self._transport: asyncio.SubprocessTransport | None = None
        self._is_let_go = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = process = cast("asyncio.SubprocessTransport", transport)
        into = cast("asyncio.WriteTransport", process.get_pipe_transport(0))
        self._streams.pid = process.get_pid()
        self._streams.opened(into, cast("asyncio.ReadTransport", process.get_pipe_transport(1)))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._streams.complained(data)
        else:
            self._streams.printed(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self._streams.fell_silent()
        elif fd == 0:
            self._streams.takes(more=True)

    def pause_writing(self) -> None:
        self._streams.takes(more=False)

    def resume_writing(self) -> None:
        self._streams.takes(more=True)

    def process_exited(self) -> None:
        assert self._transport is not None
        # At once, while the number still names this group: children that it left behind end with it.
        kill_group(self._transport.get_pid())
        self._streams.has_ended(self._transport.get_returncode())
        super().process_exited()
        if self._is_let_go:
            self._transport.close()

    def let_go(self) -> None:
        """Close its pipes, and the rest once it has ended: before that asyncio would take the exit code and lose it."""
        assert self._transport is not None
        self._is_let_go = True
        if self.exited.is_set():
            self._transport.close()
            return
        for fd in range(3):
            pipe = self._transport.get_pipe_transport(fd)
            if pipe is not None:
                pipe.close()


async def start_program(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_errors: OnErrors | None = None,
) -> Running:
    """Start ``argv`` without a shell, to be talked to.

    The program sees only ``env`` and the few names of `environment`, leads a process group of its own and inherits no
    open file. Raises CannotStart.
    """
    process: list[asyncio.SubprocessTransport] = []

    def end(hard: bool) -> None:
        if hard:
            kill_group(process[0].get_pid())
        elif os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process[0].get_pid(), signal.SIGTERM)
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                process[0].terminate()

    streams = Streams(on_errors)
    pipes = _Pipes(streams)
    try:
        transport = await started(pipes, argv, cwd, environment(env), with_input=True)
    except OSError as error:
        raise cannot_start(argv, error) from error
    except ValueError as error:
        raise CannotStart(f"{argv[0]}: cannot be started ({error}); check its arguments and environment") from error
    process.append(transport)
    running = Running(streams, "process", end)
    running.when_closed(pipes.let_go)
    return running
