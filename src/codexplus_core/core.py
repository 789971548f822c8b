"""What plugins get at startup: the services of the core."""

from __future__ import annotations

from typing import Any, Protocol

from .action import Action
from .exchange import RunResult


class Core(Protocol):
    """The core's services, handed to ``on_startup``.

    ``config`` is what ``serve`` was told, ``store`` keeps JSON values over a restart (``get``, ``set``, ``delete``;
    each plugin has its own), ``log`` is the event log (``core.log.info("event", field=…)``) and ``commands`` the slash
    commands of all plugins. ``permissions`` and ``approvals`` are None in this version.
    """

    config: Any
    permissions: Any
    approvals: Any
    store: Any
    log: Any
    commands: Any

    async def run(self, action: Action) -> RunResult:
        """Run a program, without a shell and in a scrubbed environment, once every ``on_action`` lets it pass.

        Raises ActionDenied for a veto and CannotStart when the program is not there.
        """
        ...

    async def open(self, action: Action) -> bytes:
        """Read a file that a user or the model named, once every ``on_action`` lets it pass.

        Raises ActionDenied for a veto and CannotOpen when it is no readable regular file.
        """
        ...
