"""Who a request is counted for: a user, a project, a model and an account."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from codexplus_core import Exchange

from .sums import Use
from .windows import account_name

NOBODY = "unknown"
"""The user of a request that does not carry the header which should name one."""
_LONGEST = 200
_SESSIONS = 1000


class People:
    """Knows the user of this process, and in which project each session works."""

    def __init__(self, user: Callable[[], str] | None = None) -> None:
        self._user = (user or login)()
        self._projects: dict[str, str] = {}

    def use(self, exchange: Exchange, header: str, model: str | None = None) -> Use:
        """Whom this exchange is counted for. ``header`` names the header that tells the user, ``""`` for the login."""
        paid = "chatgpt" if exchange.headers.get("chatgpt-account-id") else "api"
        user = _clean(exchange.headers.get(header, "")) or NOBODY if header else self._user
        return Use(user, self._project(exchange), _clean(exchange.model if model is None else model), paid)

    @staticmethod
    def account(exchange: Exchange) -> str:
        """A short name of the subscription that pays, ``""`` for none."""
        return account_name(exchange.headers.get("chatgpt-account-id", ""))

    def _project(self, exchange: Exchange) -> str:
        session = exchange.session
        if session.cwd is None:
            # Titles and sub-agents are threads of their own, which need not say where they work.
            return self._projects.get(session.id, "")
        project = _clean(str(session.cwd))
        if session.id and self._projects.get(session.id) != project:
            self._projects[session.id] = project
            if len(self._projects) > _SESSIONS:
                self._projects.pop(next(iter(self._projects)))
        return project


def login() -> str:
    """The user whose process this is, as the system has it: variables such as LOGNAME are anybody's to set."""
    if sys.platform == "win32":
        return _clean(os.environ.get("USERNAME", "")) or NOBODY
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _clean(text: str) -> str:
    text = text[:_LONGEST]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text.strip()
