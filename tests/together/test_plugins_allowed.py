"""The plugins that a policy names, beside all that are installed here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexplus_core.cli.main import main


@pytest.mark.req("E5")
def test_a_policy_that_leaves_out_installed_plugins_is_in_order_and_they_are_named(
    private_home: Path, capsys: Any
) -> None:
    policy = private_home / "policy.yaml"
    policy.write_text("plugins: {allowed: [enterprise]}", encoding="utf-8")

    assert main(["policy", "check", str(policy)]) == 0

    said = capsys.readouterr().out
    assert "plugins.allowed leaves out what is installed here: " in said and "slash" in said
    assert "The policy is in order." in said
