"""What servers say about their own use: told to the model once a thread, as soon as they are connected."""

from __future__ import annotations

import hashlib
import re

from codexplus_core import Core, Exchange

from .connections import Connections
from .server import ServerSet
from .wording import line, unframed, visible

LONGEST = 4_000
"""Characters of one server's instructions that are passed on."""

THREADS = 500
"""Threads of which it is remembered what they were told."""

_TOLD = "instructions"
_MARK = 16
_HEADING = re.compile(r"^#{1,4}(?=\s)", re.MULTILINE)


class Instructions:
    """Remembers by thread whose instructions the model has, also over a restart of the proxy: it still has them."""

    def __init__(self, core: Core, connections: Connections) -> None:
        self._core = core
        self._connections = connections

    def tell(self, exchange: Exchange, servers: ServerSet, *, at: int | None = None) -> None:
        """Add what connected servers say and this thread has not heard; starts none.

        Where the human speaks it stands before the prompt, ``at`` that place among the parts there (None: behind them,
        but before a command's own); elsewhere it is context.
        """
        told: set[str] | None = exchange.session.state.get(_TOLD)
        blocks = []
        for server in sorted(servers.usable, key=lambda server: server.name):
            connection = self._connections.known(server)
            if connection is None or connection.state != "connected":
                continue
            if not self._connections.trust.admits(server, exchange.session):
                continue
            text = worded(connection.instructions)
            mark = hashlib.sha256(f"{server.name}\n{text}".encode("utf-8", "replace")).hexdigest()[:_MARK]
            if told is None:
                told = exchange.session.state[_TOLD] = set(self._kept().get(exchange.session.thread_id, ()))
            if not text or mark in told:
                continue
            told.add(mark)
            blocks.append(f"## {line(server.name)}\n{text}")
        if not blocks:
            return
        self._keep(exchange.session.thread_id, told or set())
        said = (
            "<system-reminder>\n# MCP Server Instructions\n\nThe following MCP servers have provided instructions for"
            " how to use their tools and resources:\n\n" + "\n\n".join(blocks) + "\n</system-reminder>\n"
        )
        if exchange.prompt is None:
            exchange.add_context(said)
            return
        exchange.attach(said)
        parts = exchange.attached
        place = _before_command(parts) if at is None else at
        parts.insert(min(place, len(parts) - 1), parts.pop())

    def _kept(self) -> dict[str, list[str]]:
        found = self._core.store.get(_TOLD, {})
        return found if isinstance(found, dict) else {}

    def _keep(self, thread: str, told: set[str]) -> None:
        if thread:
            kept = self._kept()
            kept.pop(thread, None)
            self._core.store.set(_TOLD, dict([*kept.items(), (thread, sorted(told))][-THREADS:]))


def worded(text: str) -> str:
    """A server's words without what cannot be seen, and without what would end the frame or look like another server's.

    A text that is too long is cut, and says so.
    """
    words = unframed(visible(text)).strip()
    words = _HEADING.sub(lambda marks: f"##{marks[0]}", words)
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}\n[the server's instructions go on; cut here]"


def _before_command(parts: list[dict[str, object]]) -> int:
    texts = [str(part.get("text", "")) for part in parts[:-1]]
    return next((at for at, text in enumerate(texts) if text.startswith("<command-message>")), len(texts))
