"""A home and a project with hooks in them, and the core's services that run these."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from codexplus_core import Core, Session, hookimpl
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.config import Config, PolicyPlace
from codexplus_core.testing import Harness
from codexplus_hooks.hook import Hook
from codexplus_hooks.hook_set import HookSet
from codexplus_hooks.outcome import Outcome
from codexplus_hooks.running import Perform, Runner
from codexplus_hooks.settings import Hooks
from codexplus_hooks.trust import Trust

TIME = 60.0
"""Seconds for hooks that are meant to end by themselves, on a slow machine, too."""


class _Keeps:
    core: Any = None

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core


class HookWorld:
    """``home`` and ``project`` are folders below ``root``; ``write`` fills them, ``working`` gives the services."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.project = root / "project"
        self.home.mkdir()
        self.project.mkdir()
        self.session = Session("session-1", "thread-1", cwd=self.project)
        (root / "state").mkdir(0o700)
        self.approvals = Approvals(root / "state")

    def write(self, place: str, content: Any) -> Path:
        """Write ``home/…`` or ``project/…``; anything but a text as JSON."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def hooks(self, place: str, hooks: Mapping[str, Any], **more: Any) -> Path:
        """Write a settings file with hooks, such as ``home/.claude/settings.json``."""
        return self.write(place, {"hooks": hooks, **more})

    def config(self) -> Config:
        """The configuration, looked at anew each time."""
        return Config(
            self.home,
            env={"HOME": str(self.home)},
            policy=PolicyPlace(self.root / "etc" / "policy.yaml", owner=0, top=self.root / "etc"),
            every_s=0.0,
        )

    @asynccontextmanager
    async def working(self, *, perform: Perform | None = None) -> AsyncIterator[Working]:
        """The services, and what the plugin makes of them."""
        keeps = _Keeps()
        async with Harness([keeps], config=self.config(), approvals=self.approvals, cwd=str(self.project)) as proxy:
            working = Working(self, keeps.core, proxy, perform)
            try:
                yield working
            finally:
                await working.runner.close()


class Working:
    """The services of a world: ``found`` reads the hooks, ``fire`` runs those that match and may run."""

    def __init__(self, world: HookWorld, core: Any, proxy: Harness, perform: Perform | None) -> None:
        self.world = world
        self.core = core
        self.proxy = proxy
        self.listed = Hooks(core, env={}, every_s=0.0)
        self.runner = Runner(core, perform=perform)
        self.trust = Trust(core)

    @property
    def found(self) -> HookSet:
        """The hooks that count in the project now."""
        return self.listed.of(self.world.project)

    async def allowed(self, event: str, payload: Mapping[str, Any]) -> tuple[Hook, ...]:
        """The hooks of an event that match and may run."""
        hooks = self.found.matching(self.core, event, payload, self.world.session)
        return await self.trust.allowed(hooks, self.found, self.world.session)

    async def fire(self, event: str, **payload: Any) -> Outcome:
        """What the hooks of an event come to."""
        told = {"session_id": "session-1", "hook_event_name": event, **payload}
        hooks = await self.allowed(event, told)
        return await self.runner.run(hooks, told, session=self.world.session, found=self.found)

    async def bash(self, command: str = "echo hi") -> Outcome:
        """What the PreToolUse hooks of a shell command come to."""
        return await self.fire("PreToolUse", tool_name="Bash", tool_input={"command": command}, tool_use_id="call-1")


def nested(*commands: str | Mapping[str, Any], matcher: str | None = None) -> list[dict[str, Any]]:
    """One entry in Claude Code's shape, of commands or whole hooks."""
    hooks = [{"type": "command", **({"command": each} if isinstance(each, str) else each)} for each in commands]
    return [{"hooks": hooks} if matcher is None else {"matcher": matcher, "hooks": hooks}]
