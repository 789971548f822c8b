"""The audit log by its settings: who decides about it, what is kept of their changes, and whether work waits for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from audited import Transport, Worker, harness, only, records, whole
from metered import Settings

from codexplus_core import Action, ActionDenied, AuditEvent
from codexplus_core.cli.main import main
from codexplus_core.services.redact import Redactor
from codexplus_enterprise import plugin
from codexplus_enterprise.audit import checks

pytestmark = pytest.mark.req("E3")


async def test_a_policy_that_speaks_of_the_log_decides_all_of_it(settings: Settings, tmp_path: Path) -> None:
    settings.mine(audit={"enabled": False, "directory": str(tmp_path / "elsewhere"), "content": True})
    settings.policy(audit={"keepDays": 90})

    async with harness(settings, Worker()) as proxy:
        await proxy.say("my plan")

    assert not (tmp_path / "elsewhere").exists()
    assert "codexplus.prompt" not in only(settings, "model.request")


async def test_a_change_of_the_settings_and_of_the_policy_is_kept_without_their_values(settings: Settings) -> None:
    settings.policy(audit={"enabled": True})
    worker = Worker()
    async with harness(settings, worker) as proxy:
        await proxy.say("one")
        settings.policy(audit={"enabled": True}, security={"modelAllowlist": ["gpt-*"]})
        settings.mine(env={"API_KEY": "hunter2hunter2"})
        governance = plugin._ENTERPRISE.governance
        assert governance is not None
        governance.look()
        await proxy.say("two")

    assert only(settings, "policy.change")["codexplus.keys"] == ["security.modelAllowlist"]
    assert only(settings, "config.change")["codexplus.keys"] == ["env.API_KEY"]
    assert "hunter2" not in json.dumps(records(settings))
    assert whole(settings)


async def test_the_log_goes_on_in_the_same_stream_when_its_settings_change(settings: Settings) -> None:
    settings.mine(audit={"enabled": True})
    async with harness(settings, Worker()) as proxy:
        await proxy.say("one")
        settings.mine(audit={"enabled": True, "content": True})
        governance = plugin._ENTERPRISE.governance
        assert governance is not None
        governance.look()
        await proxy.say("two")

    found = records(settings)
    assert {record["codexplus.chain.stream"] for record in found} == {"serve"}
    assert [record.get("codexplus.prompt") for record in found if record["event.action"] == "model.request"] == [
        None,
        "two",
    ]
    assert whole(settings)


@pytest.mark.abuse("H10")
@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_where_the_log_is_required_nothing_new_begins_without_it(
    settings: Settings, tmp_path: Path, transport: Transport
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    settings.policy(audit={"required": True, "directory": str(tmp_path / "file")})
    worker = Worker()
    async with harness(settings, worker, transport=transport) as proxy:
        await unwritable()
        answer = await proxy.say("go")
        with pytest.raises(ActionDenied, match="audit log cannot be written"):
            await worker.core.run(Action("run", argv=("true",), source="a test"))

    assert "The audit log cannot be written" in str(answer.error)
    assert proxy.upstream.requests == []


async def test_where_it_is_not_required_work_goes_on(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    settings.policy(audit={"directory": str(tmp_path / "file")})
    async with harness(settings, Worker()) as proxy:
        await unwritable()
        answer = await proxy.say("go")

    assert answer.text == "hello"
    assert [event["reason"] for event in proxy.log.events("audit_unusable")]


@pytest.mark.abuse("H10")
async def test_a_decision_that_meets_the_full_disk_first_does_not_happen_either(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.policy(audit={"required": True})
    worker = Worker()

    def append(self: object, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    async with harness(settings, worker) as proxy:
        await proxy.say("go")
        monkeypatch.setattr("codexplus_enterprise.audit.files.Files.append", append)
        with pytest.raises(ActionDenied, match="No space left on device"):
            await worker.core.run(Action("run", argv=("true",), source="a test"))
        monkeypatch.undo()

    assert "process.run" not in [
        record["event.action"] for record in records(settings) if record["codexplus.verdict"] == "success"
    ]


@pytest.mark.parametrize("managed", [True, False])
async def test_a_users_own_patterns_blot_out_nothing_of_the_administrators_log(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, managed: bool
) -> None:
    pytest.importorskip("re2")
    # Before the log's own thread makes the first one.
    mine = Redactor([("mine", ".+")])
    monkeypatch.setattr("codexplus_core.services.redact.Redactor", lambda: mine)
    (settings.policy if managed else settings.mine)(audit={"enabled": True})
    worker = Worker()

    async with harness(settings, worker):
        await worker.core.run(Action("run", argv=("/bin/echo", "Hello World, Good Day"), source="A Test Of Mine"))

    (command,) = [one for one in records(settings) if one["event.action"] == "process.run"]
    assert (command["process.args"][-1] == "Hello World, Good Day") is managed
    assert (command["codexplus.source"] == "A Test Of Mine") is managed


@pytest.mark.parametrize(("required", "status"), [(True, "error"), (False, "warning")])
def test_the_doctor_says_where_the_log_cannot_be_made(
    settings: Settings, tmp_path: Path, required: bool, status: str
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    settings.mine(audit={"enabled": True, "required": required, "directory": str(tmp_path / "file/audit")})

    (check,) = checks.checks()
    found: Any = check.run()

    assert found.status == status
    assert f"{tmp_path}/file/audit cannot be made in {tmp_path}/file" in found.message
    assert ("nothing is served without" in found.message) is required


def test_the_doctor_does_not_mind_a_log_that_the_proxy_will_make(settings: Settings) -> None:
    settings.mine(audit={"enabled": True})

    (check,) = checks.checks()
    found: Any = check.run()

    assert (found.status, found.message.partition(", ")[2]) == ("ok", "which is made when the proxy starts")


@pytest.mark.parametrize(
    ("on", "said"), [(True, "the proxy begins it; codex-plus doctor"), (False, "audit.enabled in your settings")]
)
def test_whoever_looks_for_a_log_that_is_not_there_is_told_what_begins_it(
    settings: Settings, capsys: pytest.CaptureFixture[str], on: bool, said: str
) -> None:
    settings.mine(audit={"enabled": on})

    assert main(["audit", "verify"]) == 1
    assert f"there is no audit log; {said}" in capsys.readouterr().err


async def unwritable() -> None:
    """Wait until the log has found out that it cannot be written."""
    governance = plugin._ENTERPRISE.governance
    assert governance is not None
    await governance.audit.decided(AuditEvent("test", "success", decision=True))
    assert governance.audit.problem
