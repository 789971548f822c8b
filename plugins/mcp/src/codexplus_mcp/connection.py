"""One server in use: connected when it is first needed, again after it died, and left alone while it fails."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from codexplus_core import Core

from .account import about_breaker
from .breaker import Breaker
from .changes import Changes
from .failure import Failure, NeedsLogin, NotAllowed, ServerSaid, TooSlow, Unavailable
from .lifeline import Lifeline
from .lists import everything
from .requests import Lost, answered
from .server import Server
from .server_log import ServerLog
from .trust import Trust

if TYPE_CHECKING:
    from mcp_types import CallToolResult, GetPromptResult, Prompt, ReadResourceResult, Resource, ResourceTemplate, Tool

CALL_S = 600.0
"""Seconds for one call of a tool, where neither the caller nor the entry says anything."""
ASK_S = 60.0
"""Seconds for everything else."""
LIST_S = 10.0
"""Seconds for a list: people and requests wait for it that want something else."""
IDLE_S = 3600.0
"""A program that nobody has used for so long is ended; the next call starts it again."""

State = Literal["idle", "starting", "connected", "needs approval", "needs login", "resting", "failed", "closed"]
Progress = Callable[[float, float | None, str | None], Awaitable[None]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Status:
    """How a server is. ``retry_in`` are the seconds that it still rests (breaker), ``error`` a sentence about
    the last of its ``failures`` in a row, ``log`` a file with what its program wrote to its standard error, ``""``
    where there is none.
    """

    state: State
    error: str = ""
    retry_in: float = 0.0
    failures: int = 0
    starts: int = 0
    log: str = ""


class Connection:
    """A server in use: started by the first call, restarted after it died. Safe from any task of the one event loop.

    Every method raises Failure: NotAllowed, NeedsLogin, Unavailable, TooSlow, ServerSaid. A call whose task is
    cancelled is cancelled at the server, too. What is returned are objects of the mcp package (``mcp_types``).
    """

    def __init__(
        self,
        core: Core,
        server: Server,
        trust: Trust,
        log: ServerLog,
        *,
        start_seconds: float,
        idle_seconds: float = IDLE_S,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.server = server
        self._core = core
        self._log = log
        self.breaker = Breaker(clock=clock) if breaker is None else breaker
        self._changes = Changes(self._changed)
        self._life = Lifeline(
            core, server, trust, log, start_seconds=start_seconds, idle_seconds=idle_seconds,
            on_change=self._changes.said, clock=clock,
        )  # fmt: skip
        self._lists: dict[str, tuple[Any, ...]] = {}
        self._failure: Failure | None = None
        self._failures = 0
        self._told: str = "closed"
        self.generation = 0
        """Changes whenever a list may have changed."""

    # -- how it is

    @property
    def status(self) -> Status:
        """How it is now; asks nobody."""
        error = str(self._failure) if self._failure is not None else ""
        log = str(self._log.path) if not self.server.is_remote and self._log.path.exists() else ""
        return Status(self.state, error, self.breaker.retry_in, self._failures, self._life.starts, log)

    @property
    def state(self) -> State:
        """Its ``status`` without the words, for what looks at every request."""
        if self._life.closed:
            return "closed"
        if self._life.link is not None:
            return "connected"
        if self._life.opening:
            return "starting"
        if isinstance(self._failure, NotAllowed):
            return "needs approval"
        if isinstance(self._failure, NeedsLogin):
            return "needs login"
        if self.breaker.is_open:
            return "resting"
        return "idle" if self._failure is None else "failed"

    @property
    def instructions(self) -> str:
        """What the server says about its use, ``""`` before it is connected."""
        link = self._life.link
        return (link.client.instructions or "") if link is not None else ""

    @property
    def capabilities(self) -> frozenset[str]:
        """Of ``tools``, ``resources`` and ``prompts`` what it says to have; empty before it is connected."""
        link = self._life.link
        kinds = ("tools", "resources", "prompts")
        return frozenset(kind for kind in kinds if link is not None and _has(link.client, kind))

    # -- what can be asked of it

    async def connect(self) -> None:
        """Make sure that it is connected."""
        if self._life.link is not None:
            return
        async with self._core.waiting():
            await self._attempt(self._life.linked, proves=False)

    async def list_tools(self) -> tuple[Tool, ...]:
        """Its tools, none where it says that it has none."""
        return await self._list("tools", lambda client, cursor: client.list_tools(cursor=cursor))

    async def list_resources(self) -> tuple[Resource, ...]:
        """Its resources."""
        return await self._list("resources", lambda client, cursor: client.list_resources(cursor=cursor))

    async def list_resource_templates(self) -> tuple[ResourceTemplate, ...]:
        """The templates of its resources."""
        return await self._list(
            "resource_templates", lambda client, cursor: client.list_resource_templates(cursor=cursor)
        )

    async def list_prompts(self) -> tuple[Prompt, ...]:
        """Its prompts."""
        return await self._list("prompts", lambda client, cursor: client.list_prompts(cursor=cursor))

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> CallToolResult:
        """Call a tool. A result with ``is_error`` is a result; ``timeout`` is in seconds."""
        seconds = timeout if timeout is not None else self.server.timeout or CALL_S
        given = dict(arguments or {})
        return await self._ask(lambda client: client.call_tool(name, given, progress_callback=progress), seconds)

    async def read_resource(self, uri: str) -> ReadResourceResult:
        """Read a resource."""
        return await self._ask(lambda client: client.read_resource(uri), ASK_S, again=True)

    async def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> GetPromptResult:
        """Get a prompt filled in."""
        given = dict(arguments or {})
        return await self._ask(lambda client: client.get_prompt(name, given), ASK_S, again=True)

    async def close(self) -> None:
        """End it for good."""
        self._changes.close()
        await self._life.close()
        self._changes.close()

    # -- asking

    async def _list(self, kind: str, ask: Callable[[Any, str | None], Awaitable[Any]]) -> tuple[Any, ...]:
        if kind in self._lists and self._life.link is not None:
            return self._lists[kind]

        async def fetch(client: Any) -> tuple[Any, ...]:
            if not _has(client, "resources" if kind == "resource_templates" else kind):
                return ()
            before = self.generation
            found = await everything(client, kind, ask, self._log)
            if before == self.generation:
                self._lists[kind] = found
            return found

        return await self._ask(fetch, LIST_S, again=True, what=f"tell its {kind.replace('_', ' ')}")

    async def _ask(
        self, ask: Callable[[Any], Awaitable[T]], seconds: float, *, again: bool = False, what: str = "answer"
    ) -> T:
        """Send a request; ``again`` says that it may be sent twice, where the connection broke under the first."""
        with self._life:
            async with self._core.waiting():
                return await self._attempt(lambda: self._request(ask, seconds, what, again=again))

    async def _request(self, ask: Callable[[Any], Awaitable[T]], seconds: float, what: str, *, again: bool) -> T:
        for last in (False, True):
            link = await self._life.linked()
            try:
                return await answered(self.server.name, link, ask, seconds, what)
            except Lost as lost:
                await self._life.forget(link, str(lost))
                if last or not (again or lost.untouched):
                    raise link.broken() from None
        raise AssertionError("unreachable")

    async def _attempt(self, attempt: Callable[[], Awaitable[T]], *, proves: bool = True) -> T:
        """Let it be tried unless the server rests, and count how it went.

        What ``proves`` nothing is a handshake: a server that dies of every call comes up well each time.
        """
        if self._life.closed:
            raise Unavailable(f"MCP server {self.server.name}: was closed")
        if not self.breaker.admit():
            name = f"MCP server {self.server.name}: "
            raise Unavailable(
                f"{name}rests after {self._failures} failures, for another"
                f" {max(1, round(self.breaker.retry_in))} s; the last one: {str(self._failure).removeprefix(name)}"
            )
        try:
            return await self._counted(attempt, proves=proves)
        finally:
            await self._tell()

    async def _tell(self) -> None:
        """Tell of a breaker in another state, those who keep account of it."""
        state = self.breaker.state
        if state != self._told:
            self._told = state
            await self._core.report(about_breaker(self.server, state, "" if state == "closed" else str(self._failure)))

    async def _counted(self, attempt: Callable[[], Awaitable[T]], *, proves: bool) -> T:
        try:
            await self._tell()
            answer = await attempt()
        except (NotAllowed, NeedsLogin) as failure:
            self.breaker.gave_up()
            self._failure = failure
            raise
        except ServerSaid:
            # It answered, and that is all that counts here.
            self._works()
            raise
        except (Unavailable, TooSlow) as failure:
            self._fails(failure)
            raise
        except BaseException:
            self.breaker.gave_up()
            raise
        if proves or not self._failures:
            self._works()
        else:
            self.breaker.gave_up()
        return answer

    def _works(self) -> None:
        self.breaker.succeeded()
        self._failure = None
        self._failures = 0
        self._life.failed(0)

    def _fails(self, failure: Failure) -> None:
        if failure is self._failure:
            return  # several had asked at the same time, and one thing failed
        self.breaker.failed()
        self._failure = failure
        self._failures += 1
        self._life.failed(self._failures)

    def _changed(self, kind: str) -> None:
        """Forget a list, with ``""`` all of them."""
        self.generation += 1
        for known in [known for known in self._lists if known.startswith(kind[:-1])]:
            del self._lists[known]


def _has(client: Any, kind: str) -> bool:
    return getattr(client.server_capabilities, kind) is not None
