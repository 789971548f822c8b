"""One life of a connection: a task that owns the mcp package's client, from the handshake to the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from codexplus_core import Action, ActionDenied, Core, Problem

from . import library
from .failure import NeedsLogin, Unavailable, trouble
from .server import Server
from .server_log import ServerLog
from .stdio_transport import StdioTransport
from .watched import Watched

if TYPE_CHECKING:
    from mcp import Client

CLOSE_S = 12.0
"""How long an end may take; a program has twice two seconds to end by itself before it is killed."""
LISTEN_AGAIN_S = 5.0
WHY_S = 1.0

OnChange = Callable[[str], None]


class Link:
    """Opened once, closed once; ``client`` is there in between. ``why`` says how it ended, ``""`` while it lives.

    ``on_change`` hears "tools", "resources" or "prompts" when the server says that this list changed.
    """

    def __init__(self, core: Core, server: Server, log: ServerLog, on_change: OnChange) -> None:
        self._core = core
        self._server = server
        self._log = log
        self._on_change = on_change
        self._leave = asyncio.Event()
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._auth: Any = None
        self._broken: Unavailable | None = None
        self.why = ""
        self.status = 0
        """The last status from 400 on that a message was answered with."""
        self.answered = False
        """Whether a request has been answered since the handshake."""

    @property
    def client(self) -> Client:
        """The client of an open link."""
        return self._ready.result()

    @property
    def alive(self) -> bool:
        """Whether it can be used."""
        return not self.why and self._ready.done() and self._task is not None and not self._task.done()

    @property
    def needs_login(self) -> str:
        """Why the user has to sign in, ``""`` where nothing is known of it."""
        return str(getattr(self._auth, "needs_login", "") or "")

    async def open(self, seconds: float) -> None:
        """Connect and shake hands. Raises Unavailable and NeedsLogin; nothing is left behind then."""
        self._task = asyncio.create_task(self._live(), name=f"mcp {self._server.name}")
        left = asyncio.create_task(self._leave.wait(), name=f"mcp loss of {self._server.name}")
        either: list[asyncio.Future[Any]] = [self._task, self._ready, left]
        try:
            async with asyncio.timeout(seconds):
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            self.why = f"it did not answer within {seconds:g} s"
        except asyncio.CancelledError:
            await self._end()
            raise
        finally:
            left.cancel()
        if self.alive:
            self._task.add_done_callback(self._over)
            return
        await self._end()
        raise self._failed()

    def lose(self, why: str) -> None:
        """It is of no use any more; its end goes on by itself."""
        self.why = self.why or why
        self._leave.set()

    async def fail(self, why: str) -> None:
        """A request got no answer: what ended the program may be known in a moment, and says more than ``why``."""
        if not self._server.is_remote:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WHY_S):
                    await self._leave.wait()
        self.lose(why)

    def broken(self) -> Unavailable:
        """What everybody hears who waited for an answer: one failure, however many they are."""
        if self._broken is None:
            self._broken = Unavailable(
                f"MCP server {self._server.name}: the connection broke before it answered ({self.why}); the next call"
                " starts it again"
            )
        return self._broken

    async def close(self) -> None:
        """End it and wait for that. Raises nothing but cancellation."""
        self.lose("it was closed")
        await self._end()

    # -- the task

    async def _live(self) -> None:
        await library.load()
        async with AsyncExitStack() as stack:
            transport = await self._transport(stack)
            client = await stack.enter_async_context(self._client(transport))
            self._ready.set_result(client)
            following = asyncio.create_task(self._follow(client), name=f"mcp changes of {self._server.name}")
            try:
                await self._leave.wait()
            finally:
                following.cancel()
                await asyncio.wait([following])

    async def _transport(self, stack: AsyncExitStack) -> Any:
        server = self._server
        if not server.is_remote:
            return StdioTransport(self._core, server, self._log, self.lose)
        from .oauth import auth_for
        from .reach import Reach
        from .remote_transport import client_for, transport_for

        shown = server.url.partition("?")[0]
        await self._core.connect(Action("connect", url=shown, source=f"MCP server {server.name}", cwd=server.project))
        self._auth = await auth_for(self._core, server)
        client = await client_for(
            server, Reach.of(self._core, server), auth=self._auth, version=_version(self._core),
            on_trouble=self.lose, on_status=self._refused,
        )  # fmt: skip
        if server.transport == "http":
            await stack.enter_async_context(client)
        return Watched(transport_for(server, client), self.lose)

    def _client(self, transport: Any) -> Client:
        from mcp import Client
        from mcp_types import Implementation

        # Lists are kept by the connection; the package's own cache would be a second one.
        return Client(
            transport,
            message_handler=self._hear,
            client_info=Implementation(name="codex-plus", version=_version(self._core)),
            cache=None,
        )

    async def _hear(self, message: Any) -> None:
        kind = _changed(message)
        if kind:
            self._on_change(kind)

    async def _follow(self, client: Client) -> None:
        """Listen to changes of lists where they have to be asked for (since 2026-07-28)."""
        from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
        from mcp.shared.exceptions import MCPError

        has = client.server_capabilities
        kinds = ("tools", "resources", "prompts")
        wanted = [kind for kind in kinds if getattr(getattr(has, kind), "list_changed", None)]
        while wanted and not self._leave.is_set():
            try:
                async with client.listen(
                    tools_list_changed="tools" in wanted,
                    resources_list_changed="resources" in wanted,
                    prompts_list_changed="prompts" in wanted,
                ) as events:
                    async for event in events:
                        self._on_change(_kind(type(event).__name__))
            except (ListenNotSupportedError, MCPError):
                return
            except (SubscriptionLost, TimeoutError):
                pass
            # What happened while nobody listened is not told later.
            for kind in wanted:
                self._on_change(kind)
            await asyncio.sleep(LISTEN_AGAIN_S)

    def _refused(self, status: int) -> None:
        self.status = status

    # -- its end

    def _over(self, task: asyncio.Task[None]) -> None:
        """It ended by itself: a broken connection reaches the task as a group of exceptions, or as a cancellation."""
        error = None if task.cancelled() else task.exception()
        self.why = self.why or (_reason(error) if error is not None else "the connection broke")

    async def _end(self) -> None:
        assert self._task is not None
        self._leave.set()
        if not self._ready.done():
            self._task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.wait([self._task])
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)
        self._over(self._task) if self._task.done() else None
        if not self._ready.done():
            self._ready.cancel()

    def _failed(self) -> Exception:
        """Why it could not be opened."""
        assert self._task is not None
        name = self._server.name
        error = self._task.exception() if self._task.done() and not self._task.cancelled() else None
        if self.needs_login:
            return NeedsLogin(self.needs_login)
        veto = _first(error, (ActionDenied,))
        if veto is not None:
            return Unavailable(f"MCP server {name}: may not be used ({veto})")
        problem = _first(error, (Problem,))
        status = f"it answered with status {self.status}" if self.status else ""
        why = str(problem) if problem is not None else status or self.why or "it could not be reached"
        where = ""
        if not self._server.is_remote:
            if problem is not None:
                # No program ran, so its log would have nothing to say of this.
                self._log.note(f"could not be started: {why}")
            elif self._log.path.exists():
                where = f"; see {self._log.path}"
        how = "could not be connected to" if self._server.is_remote else "could not be started"
        return Unavailable(f"MCP server {name}: {how}: {why}{where}")


def _version(core: Core) -> str:
    return str(getattr(core.about, "version", "0"))


def _changed(message: Any) -> str:
    """The list that a notification says has changed."""
    name = type(message).__name__
    return _kind(name) if name.endswith("ListChangedNotification") else ""


def _kind(name: str) -> str:
    return next((kind for kind in ("tools", "resources", "prompts") if name.lower().startswith(kind[:-1])), "")


def _first(error: BaseException | None, kinds: tuple[type[Exception], ...]) -> BaseException | None:
    """The first exception of these kinds in a group."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for each in error.exceptions if (found := _first(each, kinds)) is not None), None)
    return error if isinstance(error, kinds) else None


def _reason(error: BaseException | None) -> str:
    """What ended a link, in words without anything that a request or an answer held."""
    if isinstance(error, BaseExceptionGroup):
        return next((words for each in error.exceptions if (words := _reason(each))), "the connection broke")
    if isinstance(error, Problem):
        return str(error)
    if error is None or isinstance(error, asyncio.CancelledError):
        return ""
    # Of the mcp package: the server's own words stay out of messages until somebody shows them as what they are.
    return trouble(error)
