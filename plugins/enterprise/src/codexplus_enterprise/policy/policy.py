"""The policy as the plugin's hooks ask it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codexplus_core import Action, Core, Exchange, Refusal

from ..beside import Beside
from . import kept
from .asked import models_asked
from .remote import Remote
from .rules import Rules

PROJECTS = 64
"""Projects whose rules are remembered."""
API = "https://api.openai.com/v1"
CHATGPT = "https://chatgpt.com/backend-api/codex"
_LOOK_S = 5.0


class Policy:
    """Judges requests and connections by the settings in force."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._rules: dict[Path | None, Rules] = {}
        told = core.config.get("upstream")
        self._upstream = told if isinstance(told, str) else core.config.user.get("upstream.url")
        self.remote = Remote(core.config, kept.place(os.environ))
        self._looking = Beside(self._look, log=core.log, name="codexplus-enterprise-policy")

    async def begin(self) -> None:
        """Have the policy from elsewhere, where there is one: from ``on_startup``."""
        await self.remote.look_beside()
        self._looking.start()

    async def _look(self) -> None:
        warned = ""
        while True:
            if self.remote.warning != warned:
                warned = self.remote.warning
                if warned:
                    in_force = self.remote.in_force() or "none: nothing is sent"
                    self._core.log.warning("policy_not_fetched", reason=warned, in_force=in_force)
            # The local policy may come to name one, or another one, at any time; that costs a look at the settings.
            await asyncio.sleep(_LOOK_S)
            await self.remote.look_beside()

    def rules(self, project: Path | None) -> Rules:
        """The rules that count in a project, None for the user's alone."""
        settings = self._core.config.for_project(project)
        known = self._rules.get(project)
        # A view never changes; whenever a file does, there is another one.
        if known is None or known.settings is not settings:
            known = Rules(settings)
            self._rules.pop(project, None)
            self._rules[project] = known
            while len(self._rules) > PROJECTS:
                self._rules.pop(next(iter(self._rules)))
        return known

    def concerns(self, project: Path | None) -> bool:
        """Whether the settings of a project, None for the user's alone, say anything that is judged here."""
        return self.rules(project).any or bool(self.remote.problem)

    def request(self, exchange: Exchange) -> Refusal | None:
        """A refusal where the settings do not allow the request as it would leave."""
        if self.remote.problem:
            return Refusal(self._not_to_be_had(), status=503, code="policy_unavailable", withhold=False)
        rules = self.rules(exchange.session.cwd)
        if not rules.any:
            return None
        if rules.endpoints is not None and rules.endpoints.denial(target := self._target(exchange)):
            problem = rules.endpoints.problem(target, remedy=remedy_of(self._core.config.user))
            return Refusal(problem, code="endpoint_not_allowed", withhold=False)
        version = exchange.session.codex_version
        if rules.versions is not None and not rules.versions.allows(version):
            return Refusal(rules.versions.refusal(version), code="codex_version_not_allowed", withhold=False)
        if rules.models is None:
            return None
        allows = rules.models.allows
        model = next((name for name in models_asked(exchange) if not allows(name)), None)
        if model is None:
            return None
        # A command that chose the model is not to go up as plain text later; the user's own words may.
        made = exchange.model_changed or exchange.prompt != exchange.prompt_as_typed
        file = exchange.model_source if exchange.model_changed and model == exchange.model else ""
        return Refusal(rules.models.refusal(model, file=file), code="model_not_allowed", withhold=made)

    def action(self, action: Action) -> Refusal | None:
        """A refusal where the settings do not allow the connection; without the policy nothing happens at all."""
        if self.remote.problem:
            return Refusal(self._not_to_be_had(), status=503, code="policy_unavailable", withhold=False)
        if action.kind != "connect":
            return None
        rules = self.rules(None if action.session is None else action.session.cwd)
        problem = "" if rules.endpoints is None else rules.endpoints.problem(action.url)
        return Refusal(problem, code="endpoint_not_allowed", withhold=False) if problem else None

    async def close(self) -> None:
        """Stop what runs beside: from ``on_shutdown``."""
        await self._looking.end()

    def _target(self, exchange: Exchange) -> str:
        """Where the request would go, by the login that it carries."""
        return self._upstream or (CHATGPT if "chatgpt-account-id" in exchange.headers else API)

    def _not_to_be_had(self) -> str:
        return f"Nothing is sent: {self.remote.problem}. If that lasts, ask your administrator."


def objections(config: Any, upstreams: Sequence[str]) -> list[str]:
    """Why nothing may be served: a policy that is not to be had, or no upstream that may be reached."""
    remote = Remote(config, kept.place(os.environ))
    remote.look()
    if remote.problem:
        return [remote.problem]
    rules = Rules(config.user)
    if rules.endpoints is None:
        return []
    remedy = remedy_of(config.user)
    problems = [rules.endpoints.problem(url, remedy=remedy) for url in upstreams]
    # With two upstreams the login decides, so one that is allowed is enough to begin with.
    return [] if "" in problems else [f"the upstream cannot be reached: {problem}" for problem in problems[:1]]


def remedy_of(settings: Any) -> str:
    """What a user can do about an upstream that is not listed: that depends on where it was named."""
    named = settings.value("upstream.url")
    if named is None:
        return ""
    if named.origin.layer == "command line":
        return "or start the proxy with another --upstream"
    return f"or correct upstream.url ({named.origin})"
