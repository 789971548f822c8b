"""An answer whose body is known as a whole, for whoever reads an upstream's."""

from __future__ import annotations

from collections.abc import Callable

from .transport import Headers


class KnownAnswer:
    """An Answer of these bytes."""

    over = False
    """Only ``read`` tells the end."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self._body = body

    async def read(self) -> bytes:
        """All of it; ``b""`` after that."""
        body, self._body = self._body, b""
        return body

    async def skim(self, take: object) -> bytes:
        """All of it, for nothing is passed on unseen here."""
        return await self.read()

    async def pipe(self, write: Callable[[bytes], bool], framed: object = None, passing: object = None) -> None:
        """Hand all of it to ``write``."""
        if self._body:
            write(await self.read())

    def resume(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing runs."""
