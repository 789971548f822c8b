"""`codex-plus run`: Codex behind the proxy, with nothing else changed."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys

import pytest
from cli import stand_ins
from ports import held_port

from codexplus_core.cli.main import main
from codexplus_core.cli.run import exec_at, way, with_argument
from codexplus_core.cli.start import ensure_proxy, passed_on
from codexplus_core.services.listener import Listening, look
from codexplus_core.services.problem import Problem

URL = "http://127.0.0.1:3000/v1"
START_SECONDS = 50.0
PATIENT = (
    f"import sys; from codexplus_core.cli import start; start.START_SECONDS = {START_SECONDS};"
    " from codexplus_core.cli.main import main; sys.exit(main())"
)
RUN = (sys.executable, "-c", PATIENT, "run")


@pytest.mark.req("P2")
@pytest.mark.parametrize(
    ("version", "configured", "arguments", "expected"),
    [
        ("0.169.0", URL, [], "configured"),
        ("0.169.0", URL, ["exec", "hi"], "configured"),
        ("0.169.0", None, [], "ask"),
        ("0.169.0", "http://127.0.0.1:4000/v1", [], "ask"),
        ("0.169.0", None, ["exec", "hi"], "argument"),
        ("0.169.0", None, ["resume"], "ask"),
        ("0.98.0", None, [], "environment"),
        ("0.98.0", URL, [], "environment"),
        ("", None, ["exec", "hi"], "argument"),
    ],
)
def test_how_codex_learns_the_address(version, configured, arguments, expected):
    assert way(version, configured, URL, arguments, uid_known=True) == expected


@pytest.mark.abuse("A21")
def test_an_address_with_the_token_is_never_an_argument():
    assert way("0.169.0", None, "http://127.0.0.1:3000/secret/v1", ["exec", "hi"], uid_known=False) == "ask"


@pytest.mark.parametrize(
    ("arguments", "position"),
    [
        (["exec", "hi"], 0),
        (["e", "hi"], 0),
        (["--oss", "exec", "hi"], 1),
        (["-m", "gpt-5", "exec", "hi"], 2),
        (["resume", "exec"], None),
        (["fix exec"], None),
        (["a prompt", "exec"], None),
        (["-m", "gpt-5", "prompt", "exec"], None),
        ([], None),
    ],
)
def test_exec_is_found_where_it_is_the_command(arguments, position):
    assert exec_at(arguments) == position


def test_the_argument_stands_right_after_exec():
    assert with_argument(["-m", "x", "exec", "hi"], URL) == ["-m", "x", "exec", "-c", f'openai_base_url="{URL}"', "hi"]


@pytest.fixture
def here(private_home, tmp_path, monkeypatch):
    """A home with a stand-in for Codex on the PATH."""
    stand_ins.codex(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


@pytest.fixture
def port():
    """A port that nobody else listens on."""
    with held_port() as held:
        yield held


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A proxy may take its time to start on a busy machine."""
    monkeypatch.setattr("codexplus_core.cli.start.START_SECONDS", START_SECONDS)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_after_init_codex_gets_its_arguments_and_nothing_else(here, capsys):
    with stand_ins.listening(stand_ins.HEALTHY) as port:
        main(["init", "--yes", "--port", str(port)])

        done = run("--", "exec", "--json", "say -- hi")

    assert json.loads(done.stdout) == {"args": ["exec", "--json", "say -- hi"], "url": None}
    assert done.returncode == 7
    assert done.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the URL carries the token")
def test_without_init_exec_gets_the_address_as_an_argument(here):
    with stand_ins.listening(stand_ins.HEALTHY) as port:
        done = run("--port", str(port), "--", "exec", "hi")

    assert json.loads(done.stdout)["args"] == ["exec", "-c", f'openai_base_url="http://127.0.0.1:{port}/v1"', "hi"]


def test_an_old_codex_gets_the_address_in_its_environment(here):
    stand_ins.codex(here, "0.98.0")
    with stand_ins.listening(stand_ins.HEALTHY) as port:
        done = run("--port", str(port))

    assert json.loads(done.stdout)["url"].startswith(f"http://127.0.0.1:{port}/")


def test_without_init_and_without_a_terminal_it_says_what_to_do(here):
    done = run("--port", "4999")

    assert done.returncode == 2
    assert "run once: codex-plus init --port 4999 --yes" in done.stderr
    assert done.stdout == ""


def test_a_command_that_asks_no_model_needs_no_proxy(here):
    assert json.loads(run("--", "login", "status").stdout)["args"] == ["login", "status"]


def test_no_codex_says_how_to_get_it(private_home, monkeypatch):
    monkeypatch.setenv("CODEX_PLUS_CODEX", "no-such-codex")

    done = run("--", "exec", "hi")

    assert done.returncode == 1
    assert "no-such-codex: not found; install Codex" in done.stderr


@pytest.mark.abuse("A22")
def test_somebody_elses_port_is_refused(here):
    with stand_ins.listening({"hello": "world"}) as port:
        done = run("--port", str(port), "--", "exec", "hi")

    assert done.returncode == 1
    assert "no codex-plus proxy of yours" in done.stderr
    assert done.stdout == ""


def test_a_proxy_is_started_when_there_is_none_and_found_again(here, private_home, port):
    first = run("--port", str(port), "--", "exec", "hi")
    found = look(port)
    try:
        second = run("--port", str(port), "--", "exec", "hi")
        again = look(port)
    finally:
        if found.health:
            os.kill(found.health["pid"], signal.SIGTERM)

    assert (first.returncode, second.returncode) == (7, 7), first.stderr
    assert first.stderr == second.stderr == ""
    assert found.state == "ours"
    assert again.health["pid"] == found.health["pid"]
    assert (private_home / ".codexplus" / "log" / "serve.log").exists()


@pytest.mark.skipif(os.name != "posix", reason="terminals are POSIX's here")
@pytest.mark.req("P16")
def test_on_a_terminal_a_proxy_that_stays_is_announced_before_codex_and_once(here, port):
    stand_ins.codex(here, "0.98.0")
    words = [*RUN, "--port", str(port), "--websockets", "off"]
    seen = []
    try:
        for _ in range(2):
            ours, theirs = pty.openpty()
            with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs):
                os.close(theirs)
                seen.append(b"")
                try:
                    while chunk := os.read(ours, 4096):
                        seen[-1] += chunk
                except OSError:
                    pass
            os.close(ours)
    finally:
        main(["stop", "--port", str(port)])

    line = f"codex-plus: the proxy runs in the background from now on; codex-plus stop --port {port} ends it\r\n"
    assert seen[0].startswith(line.encode() + b"{")
    assert seen[1].startswith(b"{")


def test_a_proxy_that_does_not_come_up_is_reported_with_its_log(here, private_home):
    (private_home / ".codexplus").mkdir(mode=0o700)
    (private_home / ".codexplus" / "log").write_text("in the way")

    done = run("--port", "4999", "--", "exec", "hi")

    assert done.returncode == 1
    assert "is a file, a directory is needed here" in done.stderr


def test_a_gateway_in_the_configuration_is_not_passed_by_in_silence(here, private_home):
    (private_home / ".codex").mkdir()
    (private_home / ".codex" / "config.toml").write_text('openai_base_url = "https://corp.example/v1"\n')
    with stand_ins.listening(stand_ins.HEALTHY | {"upstream": "https://corp.example/v1"}) as port:
        refused = run("--port", str(port), "--", "exec", "hi")
        told = run("--port", str(port), "--upstream", "https://corp.example/v1/", "--", "exec", "hi")

    assert refused.returncode == 2
    assert "add --upstream https://corp.example/v1" in refused.stderr
    assert told.returncode == (7 if sys.platform == "linux" else 2), told.stderr


def test_a_gateway_that_the_settings_name_as_the_upstream_needs_no_option(here, private_home):
    (private_home / ".codex").mkdir()
    (private_home / ".codex" / "config.toml").write_text('openai_base_url = "https://corp.example/v1"\n')
    (private_home / ".codex" / "settings.json").write_text('{"upstream": {"url": "https://corp.example/v1"}}')
    with stand_ins.listening(stand_ins.HEALTHY | {"upstream": "https://corp.example/v1"}) as port:
        told = run("--port", str(port), "--", "exec", "hi")
    with stand_ins.listening(stand_ins.HEALTHY | {"upstream": "by login"}) as port:
        refused = run("--port", str(port), "--", "exec", "hi")

    assert told.returncode == (7 if sys.platform == "linux" else 2), told.stderr
    assert refused.returncode == 1
    assert "has another upstream (by login) than --upstream or your settings say" in refused.stderr


@pytest.mark.parametrize(
    ("health", "asked", "said"),
    [
        (
            {"upstream": "by login"},
            {"upstream": "https://corp.example/v1"},
            "another upstream (by login) than --upstream",
        ),
        ({"plugins": [{"name": "slash"}]}, {"plugins": "none"}, "has the plugins slash, not those of"),
        ({"websockets": "auto"}, {"websockets": "off"}, "has --websockets auto, not off"),
    ],
)
def test_a_running_proxy_that_is_not_the_one_asked_for_is_refused(tmp_path, health, asked, said):
    with stand_ins.listening(stand_ins.HEALTHY | health) as port, pytest.raises(Problem) as refused:
        ensure_proxy(port, tmp_path / "state", **asked)

    assert said in str(refused.value)
    assert f"codex-plus stop --port {port}" in str(refused.value)


def test_the_started_proxy_gets_the_upstream_and_the_plugins():
    assert passed_on("https://corp.example/v1/", "none") == (
        "--upstream", "https://corp.example/v1", "--plugins", "none",
    )  # fmt: skip
    assert passed_on(None, None, "off") == ("--websockets", "off")
    assert passed_on(None, None) == ()


@pytest.mark.abuse("A22")
def test_a_port_that_is_taken_while_the_proxy_starts_gets_no_codex(tmp_path, monkeypatch):
    with stand_ins.listening(stand_ins.HEALTHY | {"pid": os.getpid()}) as port:
        monkeypatch.setattr("codexplus_core.cli.start.look", lambda *_, **__: Listening("free"))

        with pytest.raises(Problem, match=r"was started on port .* but ended with 1"):
            ensure_proxy(port, tmp_path / "state")


def test_an_old_codexs_gateway_in_the_environment_is_not_passed_by_in_silence(here, monkeypatch):
    stand_ins.codex(here, "0.98.0")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://corp.example/v1")
    with stand_ins.listening(stand_ins.HEALTHY | {"upstream": "https://corp.example/v1"}) as port:
        refused = run("--port", str(port))
        told = run("--port", str(port), "--upstream", "https://corp.example/v1")

    assert (refused.returncode, told.returncode) == (2, 7)
    assert "OPENAI_BASE_URL: is https://corp.example/v1" in refused.stderr


def test_what_the_proxy_gave_up_with_is_what_run_says(private_home, port):
    home = private_home / ".codexplus"
    settings = home / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"upstream": {"url": f"http://127.0.0.1:{port}"}}))

    with pytest.raises(Problem, match=rf"ended with 2: .*:{port}: is this proxy itself; .* \(its log"):
        ensure_proxy(port, home)
