"""A budget with the real Codex: once spent it stops the next request, in words that the user reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from e2e.codex import NEWEST, WAYS, Transport

from codexplus_core.testing import text
from codexplus_core.testing.streams import usage

pytestmark = pytest.mark.e2e
BUDGET = {"budgets": {"user": {"tokens": 1000, "period": "month"}}}


def allow(home: Path, **settings: Any) -> None:
    """Write the settings of the user whose proxy this is."""
    folder = home / ".codexplus"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


@pytest.mark.req("E6")
@pytest.mark.parametrize(("version", "transport"), WAYS)
async def test_a_spent_budget_is_shown_once_and_survives_kill_9(
    version: str, transport: Transport, codex, upstream, proxy, tmp_path: Path
) -> None:
    allow(tmp_path / "proxy", **BUDGET)
    running = await proxy("enterprise")
    one = codex(version).point_at(running.url)
    upstream.script = [text("the last answer").with_usage(usage(1500, 10))]

    well = await one.exec("one")
    refused = await one.exec("two")
    await running.kill()
    await running.start()
    again = await one.exec("three")

    assert "the last answer" in well.stdout
    for ran in (refused, again):
        said = ran.stdout + ran.stderr
        assert "is spent: 1.51 k of 1.00 k tokens this month. It begins anew on" in said
        assert "Reconnecting" not in said and "stream disconnected" not in said
    assert len(upstream.turns) == 1


@pytest.mark.req("E6")
async def test_plus_usage_works_on_where_a_budget_is_spent(codex, upstream, proxy, tmp_path: Path) -> None:
    allow(tmp_path / "proxy", **BUDGET)
    running = await proxy("slash,enterprise")
    one = codex(NEWEST).point_at(running.url)
    upstream.script = [text("the last answer").with_usage(usage(1500, 10))]

    await one.exec("one")
    shown = await one.exec("/plus usage project", json=True)

    assert "1.51 k of 1.00 k tokens" in shown.messages[0]
    assert "Since" in shown.messages[0] and "by project" in shown.messages[0]
    assert len(upstream.turns) == 1
