"""The hook events that a policy may name are those that somebody has hooks for."""

from __future__ import annotations

import pytest

from codexplus_core.services.config.faults import HOOK_EVENTS
from codexplus_enterprise.policy.compiler import EVENTS as OF_CODEX
from codexplus_hooks.bridge_files import NATIVE_EVENTS
from codexplus_hooks.hook import EVENTS


@pytest.mark.req("E5")
def test_every_event_of_codex_plus_and_of_codex_may_stand_in_a_policy() -> None:
    assert {*EVENTS, *OF_CODEX, *NATIVE_EVENTS} <= set(HOOK_EVENTS)
