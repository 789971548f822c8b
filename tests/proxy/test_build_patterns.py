"""Whose patterns blot out what: a user's own do not count in what is kept for the administrator."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from codexplus_core import hookimpl
from codexplus_core.proxy.build import build
from codexplus_core.services.config import Config, PolicyPlace
from codexplus_core.services.settings import ServeSettings

pytest.importorskip("re2")


class Enforces:
    """Enforces the policy, whatever it is."""

    FAIL_CLOSED = True
    ENFORCES_POLICY = True

    @hookimpl
    def on_request(self) -> None:
        """Let everything pass."""


async def test_a_pattern_that_fits_everything_hides_nothing_from_the_administrator(tmp_path: Path) -> None:
    home, place = tmp_path / "home", PolicyPlace(tmp_path / "etc/policy.yaml", owner=os.getuid(), top=tmp_path / "etc")
    for folder in (home / ".codexplus", place.path.parent):
        folder.mkdir(mode=0o755, parents=True)
    mine = {"redact": {"patterns": [{"kind": "mine", "pattern": ".+"}]}}
    (home / ".codexplus/settings.json").write_text(json.dumps(mine), encoding="utf-8")
    place.path.write_text("redact: {patterns: [{kind: staff, pattern: 'EMP[0-9]+'}]}\n", encoding="utf-8")
    config = Config(home, env={"CODEX_PLUS_HOME": str(home / ".codexplus")}, policy=place)
    served = ServeSettings(host="127.0.0.1", port=3000, upstream=None, plugins=(), home=tmp_path / "state")

    app = build(served, {"enforces": Enforces()}, config=config)
    try:
        kept = app.core.redact(["rm", "-rf", "EMP123", "https://ada:hunter2hunter2@host"], own_patterns=False)
        logged = app.core.redact("rm")
    finally:
        await app.stop()

    assert kept[:3] == ["rm", "-rf", "[REDACTED:staff]"]
    assert "hunter2" not in kept[3]
    assert logged == "[REDACTED:mine]"
