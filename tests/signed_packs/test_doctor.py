"""The doctor names what is refused because nobody vouches for it."""

from __future__ import annotations

import json

import pytest
from pack_folders import PackWorld, put

from codexplus_core.cli.main import main


@pytest.mark.abuse("I07")
def test_the_doctor_names_what_is_refused_because_it_is_not_signed(
    world: PackWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world.root / "work")
    hooks = {"Stop": [{"hooks": [{"type": "command", "command": "true"}]}]}
    world.settings("home", {"security": {"requireSigned": True}, "hooks": hooks})
    put(world.root / "home/.codexplus/commands/mine.md", "Mine.")

    main(["doctor", "--json"])

    found = {row["name"]: row["text"] for row in json.loads(capsys.readouterr().out)["checks"]}
    assert "home/.codexplus/commands/mine.md" in found["unsigned commands"]
    assert "settings.json" in found["unsigned hooks"] and "none is installed" in found["signed packs"]
