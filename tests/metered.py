"""Usage as a plugin of its own, with a clock that a test turns, and settings of an administrator and a user."""

from __future__ import annotations

import inspect
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from codexplus_core import Command, Core, Exchange, LocalReply, Outcome, Refusal, hookimpl
from codexplus_core.services.config import Config, PolicyPlace
from codexplus_core.testing import Answer, text
from codexplus_core.testing.streams import usage
from codexplus_enterprise.cost.people import People
from codexplus_enterprise.cost.store import UsageStore
from codexplus_enterprise.cost.usage import Usage

MODEL = "gpt-6.1-sol"
"""What the harness's Codex asks for; 2.00 USD for a million tokens in, 10.00 out."""


class Clock:
    """Seconds since 1970, as a test wants them."""

    def __init__(self, day: str = "2026-11-20 12:00") -> None:
        self.set(day)

    def set(self, moment: str) -> None:
        """Turn it to a moment of the local calendar."""
        self.now = datetime.fromisoformat(moment).astimezone().timestamp()

    def __call__(self) -> float:
        return self.now


class Metered:
    """The plugin; two of them on one file are two proxies of one user."""

    ORDER = 90
    FAIL_CLOSED = True
    ENFORCES_POLICY = True

    def __init__(self, clock: Clock, *, path: Path | None = None, user: str = "ada") -> None:
        self.clock = clock
        self.path = path
        self.people = People(lambda: user)
        self.usage: Usage
        self.notes: list[str] = []

    @hookimpl
    def add_commands(self) -> list[Command]:
        return [Command("usage", answer=self._answer)]

    async def _answer(self, exchange: Exchange, args: str) -> LocalReply:
        return await self.usage.answer(exchange, args)

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.usage = Usage(core, path=self.path, people=self.people, now=self.clock)

    @hookimpl
    async def on_request(self, exchange: Exchange) -> Refusal | None:
        exchange.watch()
        found = self.usage.allowed(exchange)
        refused = await found if inspect.isawaitable(found) else found
        if refused is None and not exchange.answered_here and (note := self.usage.soft(exchange)) is not None:
            self.notes.append(note)
        return refused

    @hookimpl
    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> None:
        self.usage.ended(exchange, outcome)

    @hookimpl
    async def on_shutdown(self, core: Core) -> None:
        await self.usage.close()


class Settings:
    """A home, and a policy that its administrator writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.policy_file = root / "etc" / "policy.yaml"
        self.state = root / "usage.db"
        for folder in (self.home / ".codexplus", self.policy_file.parent):
            folder.mkdir(parents=True)

    def mine(self, **settings: Any) -> None:
        """Write the user's own settings."""
        (self.home / ".codexplus" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")

    def policy(self, **settings: Any) -> None:
        """Write the administrator's."""
        self.policy_file.write_text(json.dumps(settings), encoding="utf-8")

    def config(self) -> Config:
        """The configuration of both."""
        owner = os.getuid() if hasattr(os, "getuid") else 0
        place = PolicyPlace(self.policy_file, owner=owner, top=self.policy_file.parent)
        return Config(self.home, policy=place, every_s=0.0)


def costing(tokens_in: int = 100_000, tokens_out: int = 10_000, *, cached: int = 0, words: str = "done") -> Answer:
    """An answer that used so many tokens; by default 0.30 USD of MODEL."""
    return text(words).with_usage(usage(tokens_in, tokens_out, cached=cached))


def requests_in(path: Path) -> int:
    """How many requests an account has on disk."""
    store = UsageStore(path)
    try:
        return sum(sums.requests for _, sums in store.sums("2000-01-01"))
    finally:
        store.close()
