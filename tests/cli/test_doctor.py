"""`codex-plus doctor`: what it finds and what it advises."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from types import SimpleNamespace

import pytest
from cli import stand_ins

from codexplus_core.cli import doctor, doctor_checks, doctor_proxy
from codexplus_core.cli.doctor_settings import settings
from codexplus_core.cli.doctor_transcripts import transcripts
from codexplus_core.cli.main import main
from codexplus_core.cli.surroundings import Surroundings
from codexplus_core.contributions import Check, CheckResult
from codexplus_core.services.codex import Codex
from codexplus_core.services.config import BadPolicy, PolicyPlace
from codexplus_core.services.sandbox import sandbox
from codexplus_core.services.sandbox.probe import Probe

NO_PLUGINS = SimpleNamespace(plugins=(), call_sync=lambda hook: [])


@pytest.fixture
def around(private_home):
    """Surroundings with Codex 0.169 and a free choice of everything else."""

    def make(version="0.169.0", config=None, port=None, loaded=NO_PLUGINS, **env) -> Surroundings:
        (private_home / ".codex").mkdir(exist_ok=True)
        if config is not None:
            (private_home / ".codex" / "config.toml").write_text(config)
        found = Surroundings({"HOME": str(private_home), **env}, port, None, loaded, [])
        found.__dict__["codex"] = Codex(private_home / "codex", version)
        return found

    return make


OURS = 'openai_base_url = "http://127.0.0.1:3000/v1"\n'


@pytest.mark.parametrize(
    ("config", "status", "words"),
    [
        (OURS, "ok", "goes through the proxy on port 3000"),
        (f'{OURS}chatgpt_base_url = "https://x"\n', "ok", "chatgpt_base_url, set too"),
        (None, "warning", "does not go through the proxy"),
        ('openai_base_url = "https://gateway.example/v1"\n', "warning", "https://gateway.example/v1, not the proxy"),
        ('openai_base_url = "http://127.0.0.1:3000/backend-api/codex"\n', "error", "every turn fails"),
        (f'{OURS}model_provider = "azure"\n', "error", "model_provider is 'azure'"),
        (f'{OURS}model_provider = "openai"\n', "ok", "goes through"),
    ],
)
def test_codexs_configuration_is_judged(around, config, status, words):
    found = doctor_checks.configuration(around(config=config))

    assert (found.status, words in found.message) == (status, True), found


@pytest.mark.parametrize(
    ("version", "url", "status", "words"),
    [
        ("0.169.0", None, "ok", "no variable"),
        ("0.169.0", "http://127.0.0.1:3000/v1", "warning", "0.120 and later ignore it"),
        ("0.98.0", "http://127.0.0.1:3000/v1", "ok", "leads to the proxy"),
        ("0.98.0", None, "warning", "not set"),
        ("0.98.0", "https://user:secret@x/v1", "warning", "https://…@x/v1"),
    ],
)
def test_a_variable_that_misleads_is_named(around, version, url, status, words):
    found = doctor_checks.environment(around(version, **({"OPENAI_BASE_URL": url} if url else {})))

    assert (found.status, words in found.message) == (status, True), found


@pytest.mark.req("P13")
@pytest.mark.parametrize(("version", "status"), [("0.169.0", "ok"), ("0.999.0", "warning"), ("0.1.0", "error")])
def test_the_version_of_codex_is_judged(around, version, status):
    assert doctor_checks.codex_version(around(version)).status == status


@pytest.mark.abuse("A22")
def test_somebody_elses_port_is_an_error_with_its_owner(around):
    with stand_ins.listening({}) as port:
        found = doctor_proxy.port(around(port=port))

    assert found.status == "error"
    assert "no codex-plus proxy of yours" in found.message
    if sys.platform == "linux":
        assert f"pid {os.getpid()}" in found.message
        assert f"uid {os.getuid()}" in found.message


def test_a_running_proxy_and_its_plugins_are_asked(around):
    plugins = [
        {"name": "slash", "state": "ok", "reason": ""},
        {"name": "mcp", "state": "broken", "reason": "no such module"},
    ]
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": plugins}) as port:
        place = around(port=port)

        assert doctor_proxy.port(place).status == "ok"
        assert doctor_proxy.proxy(place).status == "ok"
        found = doctor_proxy.plugins(place)

    assert found.status == "error"
    assert "mcp: no such module" in found.message


def test_without_a_proxy_the_plugins_are_loaded_here(around):
    broken = SimpleNamespace(name="mine", error="plugin 'mine' cannot be imported", warnings=[], forbidden=False)
    loaded = SimpleNamespace(plugins=(broken,), call_sync=lambda hook: [])
    with stand_ins.listening({}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=loaded))

    assert found.status == "error"
    assert found.message.count("mine") == 1 and "plugin 'mine' cannot be imported" in found.message


@pytest.mark.abuse("A21")
@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_state_directory_that_is_open_to_others_is_an_error_and_not_changed(around, private_home):
    home = private_home / ".codexplus"
    home.mkdir(mode=0o700)
    (home / "token").write_text("x")
    (home / "token").chmod(0o644)

    found = doctor_checks.state_directory(around())

    assert found.status == "error"
    assert str(home / "token") in found.message
    assert found.fix == f"chmod -R go-rwx {home}"
    assert (home / "token").stat().st_mode & 0o777 == 0o644


@pytest.mark.abuse("I13")
def test_code_that_runs_at_every_start_and_belongs_to_nobody_is_named(around, tmp_path):
    (tmp_path / "evil.pth").write_text("import os; os.system('x')\n")
    (tmp_path / "path-only.pth").write_text("/some/directory\n")
    place = around()
    place.site_directories = [tmp_path]

    found = doctor_checks.pth_files(place)

    assert found.status == "warning"
    assert "evil.pth" in found.message
    assert "path-only.pth" not in found.message


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ((None, "no route to host"), "error", "no route"),
        ((403, "https://x asks for a browser challenge (cf-mitigated)"), "error", "cf-mitigated"),
        ((401, "https://x answers with status 401"), "ok", "/v1: reached"),
        ((503, "https://x answers with status 503"), "warning", "503"),
    ],
)
async def test_the_upstream_is_judged_by_its_answer(around, monkeypatch, answer, status, words):
    async def probe(url, timeout):
        return answer

    monkeypatch.setattr("codexplus_core.proxy.upstream.probe", probe)

    # Whatever listens on the usual port of this machine is not asked.
    with stand_ins.listening({}) as port:
        found = await doctor_proxy.upstream(around(port=port))

    assert (found.status, words in found.message) == (status, True), found


async def test_a_websocket_upstream_is_tried_over_http(around):
    with stand_ins.listening({}) as port:
        place = around()
        place.asked_upstream = f"ws://127.0.0.1:{port}/v1"

        found = await doctor_proxy.upstream(place)

    assert (found.status, found.message) == ("ok", f"ws://127.0.0.1:{port}/v1: reached")


def test_what_to_do_is_said_for_the_port_that_was_asked_about(around):
    fixes = [
        doctor_checks.configuration(around(config=config, port=4999)).fix
        for config in (None, 'openai_base_url = "https://corp.example/v1"\n', 'openai_base_url = "http://x/y"\n')
    ]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
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


def with_plugins(*names, forbidden=()):
    found = [SimpleNamespace(name=name, version="1.0", error=None, warnings=[], forbidden=False) for name in names]
    found += [
        SimpleNamespace(name=name, version="1.0", error="not allowed", warnings=[], forbidden=True)
        for name in forbidden
    ]
    return SimpleNamespace(plugins=found, call_sync=lambda hook: [])


def row(name, **more):
    return {"name": name, "version": "1.0", "state": "ok", "reason": ""} | more


@pytest.mark.req("E5")
@pytest.mark.parametrize("running", [True, False])
def test_a_plugin_that_the_policy_keeps_out_is_neither_broken_nor_uninstalled(around, running):
    rows = [row("slash"), row("mcp", state="forbidden", reason="not allowed")]
    health = stand_ins.HEALTHY | {"plugins": rows} if running else {}
    with stand_ins.listening(health) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins("slash", forbidden=["mcp"])))

    assert found.status == "ok"
    assert found.message.endswith(": slash; not loaded, because plugins.allowed does not name them: mcp")


@pytest.mark.req("E5")
def test_a_plugin_that_runs_although_the_policy_came_to_forbid_it_is_an_error(around):
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": [row("slash"), row("mcp")]}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins("slash", forbidden=["mcp"])))

    assert found.status == "error" and "does not name them any more: mcp" in found.message
    assert "codex-plus stop" in found.fix


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


def test_a_plugin_that_is_allowed_by_now_is_loaded_by_another_start(around):
    rows = [row("slash"), row("mcp", state="forbidden", reason="not allowed")]
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": rows}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins("slash", "mcp")))

    assert found.status == "warning" and "mcp is allowed since it started" in found.message


@pytest.mark.parametrize("state", ["failing", "disabled"])
def test_a_plugin_that_fails_in_the_running_proxy_is_named_with_its_last_error(around, state):
    rows = [row("slash"), row("mine", state=state, errors=3, last_error="on_request: KeyError (mine.py:7)")]
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": rows}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins("slash", "mine")))

    assert found.status == "warning"
    assert f"mine is {state} (3 errors); last: on_request: KeyError (mine.py:7)" in found.message


@pytest.mark.parametrize(
    ("there", "here", "words"),
    [
        (["slash"], ["slash", "mine"], "mine was installed since it started"),
        (["slash", "mine"], ["slash"], "mine was uninstalled since it started"),
    ],
)
def test_a_proxy_that_does_not_know_the_installed_plugins_is_to_be_restarted(around, there, here, words):
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": [row(name) for name in there]}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins(*here)))

    assert found.status == "warning"
    assert words in found.message
    assert found.fix.startswith(f"codex-plus stop --port {port}")


def test_another_version_of_a_plugin_is_to_be_loaded_anew(around):
    with stand_ins.listening(stand_ins.HEALTHY | {"plugins": [row("mine", version="0.9")]}) as port:
        found = doctor_proxy.plugins(around(port=port, loaded=with_plugins("mine")))

    assert "mine is 0.9 there, 1.0 is installed" in found.message


def test_each_broken_plugin_has_a_line_of_its_own():
    found = doctor.Finding("plugins", "", CheckResult("error", "broken:\none\ntwo", "mend"))

    assert doctor.as_text([found], colour=False).splitlines()[:3] == [
        "fail  plugins  broken:",
        "               one",
        "               two",
    ]


def test_the_upstream_of_the_running_proxy_is_the_one_that_is_tried(around, monkeypatch):
    asked = []

    async def probe(url, timeout):
        asked.append(url)
        return 401, ""

    monkeypatch.setattr("codexplus_core.proxy.upstream.probe", probe)
    with stand_ins.listening(stand_ins.HEALTHY | {"upstream": "https://corp.example/v1"}) as port:
        found = asyncio.run(doctor_proxy.upstream(around(port=port)))

    assert asked == ["https://corp.example/v1"]
    assert "the running proxy's upstream" in found.message


def test_a_proxy_that_was_started_before_the_settings_said_otherwise_is_pointed_out(around, private_home):
    file = private_home / ".codex/settings.json"
    with stand_ins.listening(stand_ins.HEALTHY | {"upstream": "by login"}) as port:
        made = around(port=port)
        file.write_text('{"upstream": {"url": "https://corp.example/v1"}}')
        found = asyncio.run(doctor_proxy.upstream(made))

    assert found.status == "warning"
    assert found.message == f"the running proxy sends by login, {file}:1 says https://corp.example/v1"
    assert "codex-plus stop" in found.fix


def test_a_port_that_codex_is_not_told_of_is_pointed_out(around):
    with stand_ins.listening(stand_ins.HEALTHY) as port:
        found = doctor_proxy.port(around(config=OURS, port=port))

    assert found.status == "warning"
    assert "Codex is told to use port 3000" in found.message


def test_a_broken_configuration_is_one_failure(private_home, capsys):
    (private_home / ".codex").mkdir()
    (private_home / ".codex" / "config.toml").write_text("model =\n")
    with stand_ins.listening({}) as upstream:
        main(["doctor", "--json", "--upstream", f"http://127.0.0.1:{upstream}"])

    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [check["name"] for check in checks if "cannot be read as TOML" in check["text"]] == ["configuration"]


def test_a_gateway_in_the_configuration_is_kept_by_the_advice(around):
    found = doctor_checks.configuration(around(config='openai_base_url = "https://corp.example/v1"\n'))

    assert "serve --upstream https://corp.example/v1" in found.fix


def test_a_key_in_the_environment_is_judged_by_codexs_version(around):
    assert doctor_checks.login(around("0.29.0", OPENAI_API_KEY="k")).status == "ok"
    assert doctor_checks.login(around("0.169.0", OPENAI_API_KEY="k")).status == "warning"


def test_a_state_directory_that_is_a_file_is_an_error_and_no_crash(private_home, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CODEX_PLUS_HOME", str(tmp_path / "file"))
    with stand_ins.listening({}) as upstream:
        assert main(["doctor", "--json", "--upstream", f"http://127.0.0.1:{upstream}"]) == 1

    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert "is a file, a directory is needed" in checks["state directory"]["text"]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_a_state_directory_that_cannot_be_made_is_an_error(around):
    found = doctor_checks.state_directory(around(CODEX_PLUS_HOME="/proc/nope"))

    assert found.status == "error"
    assert "/proc/nope: cannot be made" in found.message


@pytest.mark.parametrize(
    ("level", "reasons", "status", "text"),
    [
        ("full", (), "ok", "full"),
        ("lsm", ("full: user namespaces are blocked: x=1",), "ok", "lsm (full: user namespaces are blocked: x=1)"),
        ("process", ("lsm: no Landlock",), "warning", "process (lsm: no Landlock)"),
    ],
)
async def test_the_level_of_the_sandbox_is_said_with_its_reasons(around, monkeypatch, level, reasons, status, text):
    async def probe_once() -> Probe:
        return Probe(level, reasons)

    monkeypatch.setattr(sandbox, "probe_once", probe_once)

    found = await doctor_checks.sandbox(around())

    assert (found.status, found.message, bool(found.fix)) == (status, text, level != "full")


def test_the_transcripts_are_counted(around):
    place = around()
    assert "0 sessions, 0.0 of 512 MB, kept for 30 days" in transcripts(place).message
    (place.home / "sessions").mkdir(parents=True)
    (place.home / "sessions/s-1.jsonl").write_bytes(b"x" * 200_000)

    found = transcripts(place)

    assert (found.status, "1 session, 0.2 of 512 MB" in found.message) == ("ok", True)


def test_a_folder_for_transcripts_that_is_none_is_told(around):
    place = around()
    place.home.mkdir(parents=True, exist_ok=True)
    (place.home / "sessions").write_text("a file")

    assert transcripts(place).status == "warning"


@pytest.mark.abuse("B19")
def test_what_a_check_says_of_others_names_acts_on_no_terminal():
    found = doctor.Finding("packs", "", CheckResult("error", "evil\x1b[31m\u202e: no\nnext", "mend"))

    assert doctor.as_text([found], colour=False).splitlines()[:2] == [
        "fail  packs  evil\ufffd[31m\ufffd: no",
        "             next",
    ]
