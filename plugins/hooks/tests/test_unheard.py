"""Codex leaves hooks out that it does not trust, without a word; the user hears of it here, once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from bridge_folders import installed_bridge
from hook_folders import hooked_proxy, own_hooks

WORDS = "Codex does not trust the hooks of codex-plus yet"

pytestmark = pytest.mark.usefixtures("hooks_over_both")


async def test_a_session_that_an_untrusted_bridge_does_not_report_is_told_once(hook_folders: Path) -> None:
    installed_bridge(os.environ, trusted=False)
    own_hooks(hook_folders, {"PreToolUse": "true"})

    async with hooked_proxy(hook_folders) as proxy:
        first = await proxy.say("one")
        second = await proxy.say("two")

    assert WORDS in first.text
    assert WORDS not in second.text
    assert WORDS not in json.dumps(proxy.upstream.turns[1].conversation)


@pytest.mark.parametrize("hooks", [{"Stop": "true"}, {}], ids=["stop", "none"])
async def test_where_no_hook_would_hear_more_nothing_is_said(hooks: dict[str, str], hook_folders: Path) -> None:
    installed_bridge(os.environ, trusted=False)
    own_hooks(hook_folders, hooks)

    async with hooked_proxy(hook_folders) as proxy:
        assert WORDS not in (await proxy.say("one")).text


@pytest.mark.parametrize("installed", [True, False])
async def test_without_a_bridge_or_with_a_trusted_one_nothing_is_said(installed: bool, hook_folders: Path) -> None:
    if installed:
        installed_bridge(os.environ, trusted=True)
    own_hooks(hook_folders, {"PreToolUse": "true"})

    async with hooked_proxy(hook_folders) as proxy:
        assert WORDS not in (await proxy.say("one")).text


async def test_a_session_that_is_reported_all_the_same_hears_nothing(hook_folders: Path) -> None:
    installed_bridge(os.environ, trusted=False)
    own_hooks(hook_folders, {"PreToolUse": "true"})

    async with hooked_proxy(hook_folders) as proxy:
        told = {"session_id": proxy.codex.thread.session, "cwd": str(hook_folders / "work")}
        headers = [(b"content-type", b"application/json")]
        await proxy.request("POST", "/_codexplus/hooks/UserPromptSubmit", headers, json.dumps(told).encode())

        assert WORDS not in (await proxy.say("one")).text


async def test_an_older_codex_has_no_hooks_to_trust(hook_folders: Path) -> None:
    installed_bridge(os.environ, trusted=False)
    own_hooks(hook_folders, {"PreToolUse": "true"})

    async with hooked_proxy(hook_folders, codex="0.120.0") as proxy:
        assert WORDS not in (await proxy.say("one")).text
