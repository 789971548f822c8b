"""Which upstream a request goes to, and under which URL."""

from __future__ import annotations

from urllib.parse import urlsplit

BASE_PATH = b"/v1"
"""The path that Codex is given as base; what follows it is the upstream's."""


def endpoint(path: bytes) -> bytes:
    """The path below our base: ``/responses`` for ``/v1/responses`` and, with old versions, for ``/responses``."""
    if path == BASE_PATH:
        return b""
    return path[len(BASE_PATH) :] if path.startswith(b"/v1/") else path


def is_responses(path: bytes) -> bool:
    """Whether the path (with or without our base) is a model request or below one."""
    below = endpoint(path)
    return below == b"/responses" or below.startswith(b"/responses/")


class Targets:
    """The upstreams: the API, the ChatGPT backend, or one URL for both."""

    __slots__ = ("_api", "_chatgpt", "websocket_only")

    def __init__(
        self,
        *,
        api: str = "https://api.openai.com/v1",
        chatgpt: str = "https://chatgpt.com/backend-api/codex",
        override: str | None = None,
    ) -> None:
        self.websocket_only = override is not None and override.startswith(("ws://", "wss://"))
        """Whether model requests go up on WebSockets only: the one URL for both says so by its scheme."""
        if self.websocket_only and override:
            override = "http" + override.removeprefix("ws")
        self._api = _base("upstream", override) if override else _base("upstream.api", api)
        self._chatgpt = self._api if override else _base("upstream.chatgpt", chatgpt)

    @property
    def bases(self) -> tuple[str, ...]:
        """The base URL of each upstream."""
        return tuple(dict.fromkeys((self._api, self._chatgpt)))

    def url(self, path: bytes, query: bytes, *, chatgpt: bool) -> str:
        """The absolute URL for a guarded path; beyond the base, path and query are the client's bytes."""
        below = (self._chatgpt if chatgpt else self._api) + endpoint(path).decode("latin-1")
        return f"{below}?{query.decode('latin-1')}" if query else below


def _base(where: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{where}: {url!r} is no http, https, ws or wss URL; write it like https://api.openai.com/v1")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{where}: a base URL takes no credentials, query or fragment; remove them")
    return url.rstrip("/")
