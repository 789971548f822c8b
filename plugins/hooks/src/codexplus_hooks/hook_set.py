"""The hooks that count in a project, found by event and by what an event is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codexplus_core import Core, Session

from .condition import holds
from .hook import Hook
from .matcher import matches, names_of
from .signed import Signed


@dataclass(frozen=True, slots=True)
class HookSet:
    """The hooks that count in a project at one moment; a newer one is another object.

    ``disabled`` says why none run but the administrator's, ``""`` where nothing does. ``warnings`` are sentences with
    file and key, ``lost`` those of them that are about mistakes. ``strict`` is the profile that does what was recorded
    of Claude Code. ``env`` are the variables that the user's own settings give to hooks, ``project_env`` those that a
    project's settings give to its own. ``signed`` says which hooks are refused because they come from no signed pack.
    """

    project: Path | None = None
    hooks: tuple[Hook, ...] = ()
    warnings: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    disabled: str = ""
    strict: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    project_env: Mapping[str, str] = field(default_factory=dict)
    signed: Signed = field(default_factory=Signed)
    by_event: Mapping[str, tuple[Hook, ...]] = field(default_factory=dict)

    def of(self, event: str) -> tuple[Hook, ...]:
        """The hooks of an event; empty for most, at the cost of one look-up."""
        return self.by_event.get(event, ())

    def matching(
        self, core: Core, event: str, payload: Mapping[str, Any], session: Session, *names: str
    ) -> tuple[Hook, ...]:
        """Those hooks of an event that are for this payload, identical commands once.

        ``names`` are further names of the tool, beside the payload's ``tool_name``. Of two hooks with the same command
        the user's own goes first, which needs no question.
        """
        listed = self.of(event)
        if not listed:
            return ()
        held_against = names_of(event, payload)
        wanted = None if held_against is None else (*held_against, *names)
        found: dict[object, Hook] = {}
        for hook in listed:
            if wanted is not None and not matches(hook.matcher, *wanted):
                continue
            if hook.condition and not holds(core, hook.condition, payload, session):
                continue
            # The same words mean another script in each pack that has one of its own.
            same = (hook.shell, hook.argv, hook.pack.root if hook.names_its_pack and hook.pack else None)
            known = found.setdefault(same, hook)
            if hook.trusted and not known.trusted:
                found[same] = hook
        return tuple(found.values())

    @property
    def asking(self) -> tuple[Hook, ...]:
        """The hooks that the user has to allow first."""
        return tuple(hook for hooks in self.by_event.values() for hook in hooks if not hook.trusted)
