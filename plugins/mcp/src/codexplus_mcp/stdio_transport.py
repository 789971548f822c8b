"""A server on this machine: a program of the core's, whose input and output carry one JSON message a line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from codexplus_core import Action, Core, Running

from .complaint import complaint_in
from .server import Server
from .server_log import ServerLog
from .shim import shim_fault
from .surroundings import environment_of

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

MESSAGE_LIMIT = 16 << 20
"""Bytes of one message."""
NOISE_LIMIT = 1 << 20
"""Bytes of lines that are no messages; a banner is forgiven, a program that is no server is not."""
GRACE_S = 2.0
"""Seconds that a server has to end by itself once its input is closed, and again once it was told to end."""
FLUSH_S = 0.5
# What shells and `env` end with where a program may not be started.
_NOT_STARTED = frozenset({126})
_LACKS = (
    '; it runs in the sandbox: its "permissions" may lack one, such as run:PROGRAM for what it starts in turn'
    " (a script's interpreter, too) or read:PATH for what it reads"
)


class StdioTransport:
    """Starts the server's program and gives the two streams that the mcp package works with.

    Enter and leave it in one task. ``on_end`` is called once, with the reason, when the program is gone or talks
    nonsense. Entering raises what ``core.start`` raises.
    """

    def __init__(self, core: Core, server: Server, log: ServerLog, on_end: Callable[[str], None]) -> None:
        self._core = core
        self._server = server
        self._log = log
        self._on_end = on_end
        self._program: Running | None = None
        self._streams: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._hung_up = False
        self._spoke = False

    async def __aenter__(self) -> TransportStreams:
        import anyio
        from mcp.shared.message import SessionMessage

        action = _action(self._server)
        # The entry's variables are the user's own, or stood in the question about the server.
        program = await self._core.start(action, on_errors=self._log.write, env_as_given=True)
        self._program = program
        inbox, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        sent, outbox = anyio.create_memory_object_stream[SessionMessage](0)
        self._streams = [inbox, received, sent, outbox]
        name = self._server.name
        self._tasks = [
            asyncio.create_task(self._read(program, inbox), name=f"mcp output of {name}"),
            asyncio.create_task(self._write(program, outbox), name=f"mcp input of {name}"),
        ]
        return received, sent

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._program is not None
        reading, writing = self._tasks
        try:
            self._streams[2].close()
            await asyncio.wait([writing], timeout=FLUSH_S)
            writing.cancel()
            # Whoever is stuck writing to us does not look at its input; what it still says is thrown away.
            reading.cancel()
            draining = asyncio.create_task(_drain(self._program), name=f"mcp rest of {self._server.name}")
            self._tasks.append(draining)
            await self._program.close(grace=GRACE_S)
            if self._hung_up:
                self._end(await self._ended(self._program))
        finally:
            for task in self._tasks:
                task.cancel()
            for stream in self._streams:
                stream.close()
            # By now it has ended, or whoever waits has no more patience: it is killed.
            await self._program.close(grace=0.0)
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, program: Running, inbox: Any) -> None:
        try:
            why = await self._messages(program, inbox)
        finally:
            # Whoever waits for an answer hears at once that none will come.
            inbox.close()
        if not why:
            self._hung_up = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_S):
                    await program.wait()
        self._end(why or await self._ended(program))

    def _end(self, why: str) -> None:
        self._hung_up = False
        self._log.note(why)
        self._on_end(why)

    async def _ended(self, program: Running) -> str:
        code = program.returncode
        if code is None:
            return "it closed its output"
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        if not self._spoke and code and (fault := await asyncio.to_thread(shim_fault, self._server, self._place)):
            return f"it {how}: {fault}"
        # Programs like to quote the key that they do not take, and this goes to the model, too.
        said = complaint_in(self._log.blotted(program.errors).decode("utf-8", "replace"))
        lacks = self._server.permissions and (code in _NOT_STARTED or "permission denied" in said.lower())
        return f"it {how}" + (f", saying: {said}" if said else "") + (_LACKS if lacks else "")

    @property
    def _place(self) -> Path:
        return self._server.project or Path.home()

    async def _messages(self, program: Running, inbox: Any) -> str:
        """Hand on every message; why it cannot go on, ``""`` at the end of the output."""
        import anyio
        from mcp.shared.message import SessionMessage
        from mcp_types import jsonrpc_message_adapter

        buffer = bytearray()
        looked = noise = 0
        while part := await program.read():
            buffer += part
            while (end := buffer.find(b"\n", looked)) >= 0:
                line = bytes(buffer[:end])
                del buffer[: end + 1]
                looked = 0
                if not line.strip():
                    continue
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:
                    noise += len(line)
                    if noise > NOISE_LIMIT:
                        return "it writes something else than messages to its standard output"
                    self._log.write(b"[no message] " + line[:500] + b"\n")
                    continue
                self._spoke = True
                try:
                    await inbox.send(SessionMessage(message))
                except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                    return "it was let go"
            looked = len(buffer)
            if looked > MESSAGE_LIMIT:
                return f"it sent a message of more than {MESSAGE_LIMIT >> 20} MB"
        return ""

    async def _write(self, program: Running, outbox: Any) -> None:
        try:
            async for item in outbox:
                text: str = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await program.write(text.encode() + b"\n")
        except (BrokenPipeError, ConnectionError):
            # Its end shows at its output; until then nothing can be sent.
            outbox.close()


async def _drain(program: Running) -> None:
    while await program.read():
        pass


def _action(server: Server) -> Action:
    return Action(
        "run",
        argv=(server.command, *server.args),
        source=f"MCP server {server.name} ({server.origin})" if server.origin else f"MCP server {server.name}",
        permissions=server.permissions,
        cwd=server.project,
        env=environment_of(server),
        # What a project brings along and declares nothing is the user's to judge, by the question.
        sandbox="lsm" if server.permissions else "process",
    )
