"""What a client got for one request."""

from __future__ import annotations

from dataclasses import dataclass, field

from .codex_answers import Seen


@dataclass(slots=True)
class Reply:
    """What the client got: head, body bytes, whether the body ended or was cut, and what Codex makes of it.

    Over a WebSocket ``status`` is 200, or that of the API's error message or of a refused handshake; ``headers`` are
    those of the 101 and ``body`` is the messages as an event stream.
    """

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    seen: Seen = field(default_factory=Seen)
    messages: list[bytes] = field(default_factory=list)
    """The text messages of a WebSocket."""

    @property
    def text(self) -> str:
        """The words that the user reads in the end."""
        return self.seen.text

    @property
    def error(self) -> str | None:
        """The error that the user reads."""
        return self.seen.error

    @property
    def events(self) -> list[str]:
        """The types of the events, in order."""
        return self.seen.events

    def header(self, name: str) -> str | None:
        """A response header's value."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)
