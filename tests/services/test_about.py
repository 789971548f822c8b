"""What codex-plus says of itself."""

from __future__ import annotations

import pytest

from codexplus_core import Core, hookimpl
from codexplus_core.testing import Harness


class Curious:
    ORDER = 30

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core


@pytest.mark.req("P13")
async def test_a_plugin_learns_what_runs_here() -> None:
    curious, broken = Curious(), type("Broken", (), {"ORDER": "x"})()

    async with Harness({"curious": curious, "broken": broken}):
        about = curious.core.about

        rows = {row.name: row for row in about.plugins()}
        assert rows["curious"].order == 30 and not rows["curious"].problem
        assert "ORDER" in rows["broken"].problem
        assert about.health["status"] == "ok" and about.health["version"] == about.version
        assert about.codex("0.169.0").status == "ok"
        assert about.codex("0.1.0").status == "error"
