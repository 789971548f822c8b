"""The way back from the browser: a listener on this machine for one visit, or the address that the user pastes."""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import dataclass, field
from hmac import compare_digest
from urllib.parse import parse_qs, urlsplit

from codexplus_core import Problem

PATH = "/callback"
_HEAD_LIMIT = 16 << 10
_HEAD_S = 10.0
_TITLES = {
    200: "You are signed in",
    400: "This does not belong to the sign-in that is under way",
    404: "There is nothing here",
    405: "There is nothing here",
    409: "You were not signed in",
}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>codex-plus</title>
<body style="font-family:sans-serif;margin:4em"><h1>{title}</h1><p>You can close this page and go back to Codex.</p>"""


@dataclass(frozen=True, slots=True)
class Visit:
    """What the browser brought: a code, or ``error`` where the user or the server said no."""

    code: str = field(default="", repr=False)
    error: str = ""


class Callback:
    """Waits on ``http://127.0.0.1:PORT/callback`` (or ``localhost``) for the one visit that carries our ``state``.

    ``issuer`` is who the visit has to come from where it says so; with ``names_itself`` it has to say it. Visits with
    another path, host or state are turned away and change nothing.
    """

    def __init__(self, state: str, *, issuer: str, names_itself: bool) -> None:
        self._state = state
        self._issuer = issuer
        self._names_itself = names_itself
        self._servers: list[asyncio.Server] = []
        self._visit: asyncio.Future[Visit] = asyncio.get_running_loop().create_future()
        self._hosts: frozenset[str] = frozenset()
        self.redirect_uri = ""

    async def listen(self, *, port: int = 0, host: str = "127.0.0.1") -> None:
        """Begin to wait; port 0 is any free one. Raises Problem where the port is taken."""
        try:
            first = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=_HEAD_LIMIT)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise Problem(
                    f"the sign-in cannot wait on port {port} ({error.strerror}); check callbackPort"
                ) from None
            raise Problem(
                f"port {port}, where the sign-in would come back, is in use; "
                "end the program that uses it, or register the client with another callbackPort"
            ) from None
        self._servers.append(first)
        port = first.sockets[0].getsockname()[1]
        if host == "localhost" and socket.has_ipv6:
            # Browsers may try ::1 first. A machine without it is none the worse; one where another program sits there
            # would have the browser come back to that.
            try:
                self._servers.append(await asyncio.start_server(self._serve, "::1", port, limit=_HEAD_LIMIT))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    self.close()
                    raise Problem(
                        f"port {port} of localhost (::1), where the sign-in would come back, is in use; "
                        "end the program that uses it, or register the client with another callbackPort"
                    ) from None
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
        self.redirect_uri = f"http://{host}:{port}{PATH}"

    async def wait(self) -> Visit:
        """The visit, once it came."""
        return await asyncio.shield(self._visit)

    def paste(self, address: str) -> None:
        """Take the address that the browser ended at. Raises Problem where it is not this sign-in's."""
        words = address.strip().strip("<>\"'`")
        try:
            parts = urlsplit(words)
        except ValueError:
            parts = urlsplit("")
        if not parts.query:
            raise Problem(
                "this is not the whole address; sign in in the browser, wait for the page that cannot be loaded, "
                "and paste its address with everything after the ?"
            )
        if not self._take(parts.query):
            raise Problem("this address belongs to another sign-in; open the newest link and paste where it ends")

    def close(self) -> None:
        """Stop waiting; whoever waits is told that it was given up."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        if not self._visit.done():
            self._visit.set_result(Visit(error="given_up"))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_S):
                head = await reader.readuntil(b"\r\n\r\n")
            status = self._judge(head.decode("latin-1"))
            page = _PAGE.format(title=_TITLES[status]).encode("utf-8")
            writer.write(
                f"HTTP/1.1 {status} -\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {len(page)}\r\n"
                "connection: close\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\n"
                "content-security-policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
                "x-content-type-options: nosniff\r\n\r\n".encode("ascii")
                + page
            )
            await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    def _judge(self, head: str) -> int:
        first, *lines = head.split("\r\n")
        method, _, rest = first.partition(" ")
        target = rest.rpartition(" ")[0]
        hosts = [line.partition(":")[2].strip().lower() for line in lines if line.lower().startswith("host:")]
        # A page elsewhere may have its own name point to this machine; its requests carry that name.
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 400
        try:
            parts = urlsplit(target)
        except ValueError:
            return 400
        if parts.path != PATH or parts.netloc:
            return 404
        if method != "GET":
            return 405
        if not self._take(parts.query):
            return 400
        return 409 if self._visit.result().error else 200

    def _take(self, query: str) -> bool:
        """Whether this query is our visit; the first one that is ends the waiting."""
        try:
            found = parse_qs(query, max_num_fields=50, errors="strict")
        except ValueError:
            return False
        if any(len(values) > 1 for values in found.values()):
            return False
        state, code, error, issuer = (found.get(name, [""])[0] for name in ("state", "code", "error", "iss"))
        if not compare_digest(state.encode("utf-8"), self._state.encode("utf-8")) or self._visit.done():
            return False
        if issuer != self._issuer and (issuer or self._names_itself):
            # Somebody else's code: our authorization server would never have signed with another name (RFC 9207).
            self._visit.set_result(Visit(error="issuer_mismatch"))
        elif error or not code:
            self._visit.set_result(Visit(error=_word(error) or "no_code"))
        else:
            self._visit.set_result(Visit(code=code))
        return True


def _word(error: str) -> str:
    return error if error.isascii() and error.replace("_", "").isalnum() and len(error) <= 60 else ""
