"""What doctor says of the settings, and of a policy that went bad."""

from __future__ import annotations

import os

import pytest
from cli import stand_ins

from codexplus_core.cli import doctor
from codexplus_core.cli.doctor_settings import settings
from codexplus_core.contributions import Check, CheckResult
from codexplus_core.services.config import BadPolicy, PolicyPlace


@pytest.mark.req("E5")
@pytest.mark.parametrize(("running", "said"), [(True, "goes by the policy as it was before"), (False, "nothing is")])
def test_a_policy_that_went_bad_is_told_with_what_is_in_force(around, tmp_path, monkeypatch, running, said):
    (tmp_path / "policy.yaml").write_text("plugins: {allowed: 5}\n")
    place = PolicyPlace(tmp_path / "policy.yaml", owner=os.getuid(), top=tmp_path)
    monkeypatch.setattr("codexplus_core.cli.doctor_settings.policy_place", lambda: place)
    tmp_path.chmod(0o755)
    with stand_ins.listening(stand_ins.HEALTHY if running else {}) as port:
        found = settings(around(port=port))

    assert found.status == "error" and said in found.fix


@pytest.mark.req("E5")
def test_what_a_bad_policy_keeps_from_being_looked_at_is_said_in_one_sentence():
    def look():
        raise BadPolicy("/etc/p.yaml:1: plugins.allowed: expected a list")

    assert doctor.outcome(Check("mcp servers", look), "mcp") == CheckResult(
        "warning", "not looked at: the policy is bad, see above"
    )


@pytest.mark.req("E5", "C2")
def test_what_only_the_policy_can_say_is_told_where_ones_own_settings_say_it(around, tmp_path):
    file = tmp_path / ".codexplus/settings.json"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text('{"plugins": {"allowed": ["slash"]}}')
    file.chmod(0o600)

    found = settings(around(HOME=str(tmp_path)))

    assert found.status == "warning"
    assert "plugins.allowed: only the administrator's policy can set this" in found.message
