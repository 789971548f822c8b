"""Signing in to servers with somebody there: in a terminal, and from the chat while the proxy waits for the browser."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codexplus_core import ActionDenied, Core, Problem, code_span

from . import oauth
from .account import told_of_sign_in
from .browser import open_browser
from .row import signing_in
from .server import Server
from .shown import one_line

if TYPE_CHECKING:
    from .login import Login

SHOWN_S = 240.0
"""Seconds that the chat waits for the browser; the sign-in itself goes on longer."""


async def in_terminal(core: Core, server: Server, *, browser: bool) -> str:
    """Sign in and say how it went. Raises Problem."""

    async def opened(url: str) -> bool:
        return await open_browser(core, url)

    try:
        done = await oauth.login(
            core, server, open_browser=opened if browser else None, paste=_Typed().line, show=_show
        )
    except ActionDenied as denied:
        raise Problem(f"MCP server {server.name}: {denied}") from None
    until = "" if done.renewable or not done.expires_at else ", until its token ends"
    return f"Signed in to {server.name}{until}."


def _show(words: str) -> None:
    # In a pipe the address would come after the wait for the one who is to open it.
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


class _Typed:
    """Lines that are typed while something else is waited for."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._reader: threading.Thread | None = None

    async def line(self) -> str:
        """The next line with its end, ``""`` where there are no more."""
        if self._reader is None:
            loop = asyncio.get_running_loop()

            def read() -> None:
                line = "\n"
                while line:
                    line = sys.stdin.readline()
                    try:
                        loop.call_soon_threadsafe(self._lines.put_nowait, line)
                    except RuntimeError:
                        return  # signed in by the browser meanwhile: nobody listens any more

            # A thread that is left behind: nothing wakes it before the next line, and the program must be able to end.
            self._reader = threading.Thread(target=read, name="mcp_paste", daemon=True)
            self._reader.start()
        return await self._lines.get()


@dataclass(slots=True)
class _UnderWay:
    login: Login
    done: asyncio.Task[str]


class SignIns:
    """The sign-ins that were begun in the chat and wait for the browser; one for each server."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._under_way: dict[str, _UnderWay] = {}

    async def begin(self, server: Server) -> AsyncIterator[str]:
        """Begin one, in the place of an earlier one: gives the address to open, then how it went. Raises Problem."""
        await self._end(server)
        try:
            login = await oauth.begin(self._core, server)
        except ActionDenied as denied:
            raise Problem(f"MCP server {server.name}: {denied}") from None
        done = asyncio.create_task(_finished(self._core, login, server), name=f"mcp_sign_in:{server.name}")
        self._under_way[server.digest] = _UnderWay(login, done)
        opened = False
        with contextlib.suppress(Problem, ActionDenied):  # then it is opened by hand
            opened = await open_browser(self._core, login.url)
        first = "Your browser should have opened. If not, open" if opened else "Open"
        yield (
            f"Signing in to {one_line(server.name)} at {one_line(login.issuer)}. {first} this address:\n\n"
            f"    {login.url}\n\n"
            f"If the browser is on another machine, its last page cannot be loaded: copy that page's address, stop this"
            f" answer with Esc, and type {code_span(signing_in(server, chat=True) + ' ADDRESS')}.\n\n"
        )
        # Who stops the answer does not stop the sign-in.
        finished, _ = await asyncio.wait((done,), timeout=SHOWN_S)
        if not finished:
            yield "Nobody came back so far; the sign-in still waits for some minutes."
        else:
            yield "Given up for a newer sign-in." if done.cancelled() else done.result()

    async def paste(self, server: Server, address: str) -> str:
        """Hand over the address that the browser ended at; gives how it went. Raises Problem."""
        found = self._under_way.get(server.digest)
        if found is None or found.done.done():
            raise Problem(f"no sign-in to {server.name} is under way; begin one with {signing_in(server, chat=True)}")
        found.login.paste(address)
        return await asyncio.shield(found.done)

    async def close(self) -> None:
        """Give up all that wait."""
        for each in list(self._under_way.values()):
            each.login.close()
            each.done.cancel()
        await asyncio.gather(*(each.done for each in self._under_way.values()), return_exceptions=True)
        self._under_way.clear()

    async def _end(self, server: Server) -> None:
        before = self._under_way.pop(server.digest, None)
        if before is not None:
            before.login.close()
            before.done.cancel()
            await asyncio.gather(before.done, return_exceptions=True)


async def _finished(core: Core, login: Login, server: Server) -> str:
    try:
        async with told_of_sign_in(core, server, login.issuer):
            await login.wait(chat=True)
    except Problem as problem:
        return one_line(problem, 500)
    except ActionDenied as denied:
        return one_line(f"MCP server {server.name}: {denied}", 500)
    return f"You are signed in to {one_line(server.name)}. Its tools are there from the next prompt on."
