"""The core's services for a sub-command: what it reports is kept by plugins that are not started."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..audit_event import AuditEvent
from .core import Services
from .problem import Problem

Account = Callable[[Any, AuditEvent], str]
"""A plugin's ``ACCOUNT(core, event)``: keeps it, on disk when it returns; why it may not be done, ``""`` if it may."""


class AtTerminal(Services):
    """Without a proxy there is nobody to dispatch to; the functions ``ACCOUNT`` of the plugins' modules are called."""

    _accounts: tuple[Account, ...] = ()

    def account_by(self, found: Iterable[Account | None]) -> None:
        """Let these keep account from now on."""
        self._accounts = tuple(one for one in found if one is not None)
        self.approvals.tell = self._keep

    async def report(self, event: AuditEvent) -> None:
        """Tell those who keep account. Raises Problem for a decision that may not be carried out."""
        self._keep(event)

    def _keep(self, event: AuditEvent) -> None:
        for account in self._accounts:
            why = account(self, event)
            if why and event.decision:
                raise Problem(why)
