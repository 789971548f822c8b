"""Lists of models that leave out the one that Codex takes by itself."""

from __future__ import annotations

from typing import Any

import pytest

from codexplus_core.services.about import About, CodexHere
from codexplus_core.services.config import BadPolicy
from codexplus_enterprise.policy import checks
from codexplus_enterprise.policy.defaults import default_left_out


@pytest.mark.req("E5")
@pytest.mark.parametrize(
    ("listed", "version", "said"),
    [
        ("gpt-6-sol", "0.169.0", "leaves out Codex 0.169.0's default, gpt-6.1-sol"),
        ("gpt-6-sol", "", "leaves out what may be Codex's default (gpt-6.1-sol)"),
        ("gpt-6-sol", "0.98.0", "leaves out what may be Codex's default (gpt-6.1-sol)"),
        ("gpt-6.1-sol", "0.169.1", ""),
        ("gpt-6.1-sol", "", ""),
    ],
)
def test_a_default_that_is_left_out_is_told(listed: str, version: str, said: str) -> None:
    found = default_left_out(lambda name: name == listed, version)

    assert found.startswith(said) and bool(found) is bool(said)


@pytest.mark.req("E5")
@pytest.mark.parametrize(("listed", "status"), [("gpt-6-sol", "warning"), ("gpt-6.1-sol", "ok")])
def test_the_doctor_notes_it(workspace: Any, monkeypatch: pytest.MonkeyPatch, listed: str, status: str) -> None:
    monkeypatch.setattr(About, "codex_here", lambda self: CodexHere("0.169.0", "chatgpt"))
    workspace.user(f'{{"security": {{"modelAllowlist": ["{listed}"]}}}}')

    found = {check.name: check for check in checks.checks()}["allowlists"].run()

    assert found.status == status  # type: ignore[union-attr]
    assert ("default, gpt-6.1-sol" in found.message) is (status == "warning")  # type: ignore[union-attr]


@pytest.mark.req("E5")
@pytest.mark.parametrize("name", ["policy", "allowlists"])
def test_a_bad_policy_is_left_to_the_check_that_tells_it(
    workspace: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    workspace.policy("permissions: {deny: [Frob]}")
    monkeypatch.setattr("codexplus_core.services.config.policy_place", lambda: workspace.place)

    with pytest.raises(BadPolicy, match="Frob"):
        {check.name: check for check in checks.checks()}[name].run()
