"""`codex-plus doctor` as a whole: its report, its exit code, and checks that go wrong."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from cli import stand_ins
from ports import held_port

from codexplus_core.cli import doctor, doctor_checks, doctor_proxy
from codexplus_core.cli.main import main
from codexplus_core.contributions import Check, CheckResult


def test_what_to_do_is_said_for_the_port_that_was_asked_about(around):
    fixes = [
        doctor_checks.configuration(around(config=config, port=4999)).fix
        for config in (None, 'openai_base_url = "https://corp.example/v1"\n', 'openai_base_url = "http://x/y"\n')
    ]
    with held_port() as free:
        fixes += [
            check(around(port=free)).fix.replace(str(free), "4999") for check in (doctor_proxy.port, doctor_proxy.proxy)
        ]

    assert all(fix.count("--port 4999") == fix.count("codex-plus ") for fix in fixes), fixes


def raising() -> CheckResult:
    raise ValueError("boom")


async def waiting() -> CheckResult:
    return CheckResult("ok", "waited")


def test_a_raising_check_is_a_failure_that_names_its_plugin():
    found = doctor.outcome(Check("mine", raising), "extra")

    assert found.status == "error"
    assert "plugin 'extra': check raised ValueError: boom" in found.message
    assert found.fix == "report it to the author of extra"


def test_a_check_may_be_async():
    assert doctor.outcome(Check("mine", waiting), "extra").message == "waited"


def test_a_check_that_gives_something_else_is_a_failure():
    found = doctor.outcome(Check("mine", lambda: "fine"), "extra")  # type: ignore[arg-type,return-value]

    assert "returned str, a CheckResult is due" in found.message


@pytest.fixture
def only(monkeypatch, private_home):
    """Makes `doctor` ask one check of a plugin and none of its own."""

    def make(result: CheckResult) -> None:
        monkeypatch.setattr(doctor_checks, "core_checks", lambda around: [])
        loaded = SimpleNamespace(
            plugins=(),
            call_sync=lambda hook: [("extra", Check("mine", lambda: result))] if hook == "add_checks" else [],
        )
        monkeypatch.setattr("codexplus_core.loader.load_plugins", lambda selection, **_: loaded)

    return make


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warning", 0), ("error", 1)])
def test_only_a_failure_makes_the_exit_code_1(only, status, code, capsys):
    only(CheckResult(status, "text", "do it"))

    assert main(["doctor"]) == code

    said = capsys.readouterr().out
    assert "text [extra]" in said
    assert "-> do it" in said


def test_the_report_as_json(only, capsys):
    only(CheckResult("error", "text", "do it"))

    assert main(["doctor", "--json"]) == 1

    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "checks": [{"name": "mine", "state": "fail", "text": "text", "fix": "do it", "plugin": "extra"}],
    }


def test_doctor_as_a_whole_says_something_about_everything(private_home, capsys):
    with stand_ins.listening(stand_ins.HEALTHY) as proxy, stand_ins.listening({}) as upstream:
        main(["doctor", "--json", "--port", str(proxy), "--upstream", f"http://127.0.0.1:{upstream}"])

    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert set(checks) >= {
        "python",
        "codex",
        "configuration",
        "port",
        "proxy",
        "plugins",
        "upstream",
        "state directory",
        "transcripts",
        "sandbox",
    }
    assert checks["proxy"]["state"] == checks["upstream"]["state"] == "ok"


def test_each_broken_plugin_has_a_line_of_its_own():
    found = doctor.Finding("plugins", "", CheckResult("error", "broken:\none\ntwo", "mend"))

    assert doctor.as_text([found], colour=False).splitlines()[:3] == [
        "fail  plugins  broken:",
        "               one",
        "               two",
    ]


def test_a_broken_configuration_is_one_failure(private_home, capsys):
    (private_home / ".codex").mkdir()
    (private_home / ".codex" / "config.toml").write_text("model =\n")
    with stand_ins.listening({}) as upstream:
        main(["doctor", "--json", "--upstream", f"http://127.0.0.1:{upstream}"])

    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [check["name"] for check in checks if "cannot be read as TOML" in check["text"]] == ["configuration"]


def test_a_state_directory_that_is_a_file_is_an_error_and_no_crash(private_home, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CODEX_PLUS_HOME", str(tmp_path / "file"))
    with stand_ins.listening({}) as upstream:
        assert main(["doctor", "--json", "--upstream", f"http://127.0.0.1:{upstream}"]) == 1

    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert "is a file, a directory is needed" in checks["state directory"]["text"]


@pytest.mark.abuse("B19")
def test_what_a_check_says_of_others_names_acts_on_no_terminal():
    found = doctor.Finding("packs", "", CheckResult("error", "evil\x1b[31m\u202e: no\nnext", "mend"))

    assert doctor.as_text([found], colour=False).splitlines()[:2] == [
        "fail  packs  evil\ufffd[31m\ufffd: no",
        "             next",
    ]
