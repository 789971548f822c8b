"""What plugins get at startup: the services of the core."""

from __future__ import annotations

from typing import Any, Protocol

from .action import Action
from .exchange import RunResult


class Core(Protocol):
    """The core's services, handed to ``on_startup``.

    ``config`` is the merged settings, ``permissions`` the rules, ``approvals`` the questions to the user, ``store``
    what outlives a restart, ``log`` the event log and ``commands`` the slash commands of all plugins.
    """

    config: Any
    permissions: Any
    approvals: Any
    store: Any
    log: Any
    commands: Any

    async def run(self, action: Action) -> RunResult:
        """Run a program in the sandbox, once permissions and every ``on_action`` let it pass."""
        ...

    async def open(self, action: Action) -> Any:
        """Open a file or an address that a user or the model named, once permissions and ``on_action`` let it pass."""
        ...
