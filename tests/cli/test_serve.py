"""`codex-plus serve`: what it accepts, lists and refuses."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from argparse import ArgumentParser

import pytest
from cli.stand_ins import HEALTHY, listening
from ports import held_port

from codexplus_core.cli import serve
from codexplus_core.cli.main import main
from codexplus_core.services.listener import health
from codexplus_core.services.problem import Problem


def settings(*words: str, env: dict[str, str] | None = None):
    parser = ArgumentParser()
    serve.configure(parser)
    return serve.settings_from(parser.parse_args(words), {"HOME": "/h"} if env is None else env)


@pytest.mark.req("P1")
def test_the_default_is_loopback_port_3000_and_all_plugins():
    found = settings()

    assert (found.host, found.port, found.upstream, found.plugins) == ("127.0.0.1", 3000, None, None)
    assert not found.listen_public


@pytest.mark.req("D3")
@pytest.mark.parametrize(
    ("text", "names"),
    [("none", ()), ("slash", ("slash",)), ("slash, hooks", ("slash", "hooks")), ("a,b,a", ("a", "b"))],
)
def test_plugins_are_selected_by_name(text, names):
    assert settings("--plugins", text).plugins == names


def test_an_empty_plugin_name_is_a_usage_error(capsys):
    assert main(["serve", "--plugins", "a,,b"]) == 2


@pytest.mark.abuse("A24")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com", "127.0.0.1.evil.example", ""])
def test_an_address_that_others_reach_is_refused_unless_allowed(host, capsys):
    assert main(["serve", f"--host={host}"]) == 2
    assert "add --listen-public" in capsys.readouterr().err

    assert settings(f"--host={host}", "--listen-public").listen_public


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_permission(host):
    assert settings("--host", host).host == host


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "example.com",
        "https://",
        "https://me:secret@x",
        "https://x?y",
        "https://x#y",
        "http://x:0",
        "http://[",
    ],
)
def test_an_upstream_that_is_no_plain_url_is_a_usage_error(url, capsys):
    assert main(["serve", "--upstream", url]) == 2
    assert "--upstream" in capsys.readouterr().err


def test_an_upstream_keeps_its_path():
    assert settings("--upstream", "https://gateway.example/openai/v1/").upstream == "https://gateway.example/openai/v1"


def test_a_socket_from_systemd_is_taken_only_by_the_process_it_is_meant_for():
    assert settings(env={"HOME": "/h", "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}).listen_fd == 3
    assert settings(env={"HOME": "/h", "LISTEN_PID": "1", "LISTEN_FDS": "1"}).listen_fd is None


@pytest.mark.abuse("A22")
def test_a_port_in_use_is_refused_with_who_holds_it(capsys):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]

        assert main(["serve", "--port", str(port)]) == 1

    said = capsys.readouterr().err
    assert f"127.0.0.1:{port}: in use by" in said
    assert "choose another port" in said
    if sys.platform == "linux":
        assert f"pid {os.getpid()}" in said


def test_a_second_proxy_on_the_port_is_told_so():
    with listening(HEALTHY) as port, pytest.raises(Problem, match="a codex-plus proxy runs there already"):
        serve.refuse_if_taken("127.0.0.1", port)


@pytest.mark.req("D3")
def test_the_list_of_plugins_is_printed_without_listening(capsys):
    with socket.create_server(("127.0.0.1", 0)) as held:
        assert main(["serve", "--plugins", "list", "--port", str(held.getsockname()[1])]) == 0

    first = capsys.readouterr().out.splitlines()[0]
    assert first.split() == ["order", "name", "distribution", "version", "state"] or "no plugins" in first


def test_the_list_of_plugins_as_json(capsys):
    assert main(["serve", "--plugins", "list", "--json"]) == 0

    rows = json.loads(capsys.readouterr().out)
    assert all(set(row) == {"order", "name", "distribution", "version", "state", "warnings"} for row in rows)
    assert [row["order"] for row in rows] == sorted(row["order"] for row in rows)


def test_what_is_odd_about_a_plugin_is_in_the_list(tmp_path, monkeypatch, capsys):
    (tmp_path / "odd-1.0.dist-info").mkdir()
    (tmp_path / "odd-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (tmp_path / "odd-1.0.dist-info" / "entry_points.txt").write_text("[codexplus.plugins]\nodd = codexplus_odd\n")
    (tmp_path / "codexplus_odd.py").write_text("def on_request(exchange): ...\n")
    monkeypatch.syspath_prepend(tmp_path)

    assert main(["serve", "--plugins", "list"]) == 0
    table = capsys.readouterr().out
    assert main(["serve", "--plugins", "list", "--json"]) == 0
    [row] = [row for row in json.loads(capsys.readouterr().out) if row["name"] == "odd"]

    warnings = [
        "on_request looks like a hook but lacks @hookimpl; it is never called",
        "has no hook: mark its functions with @hookimpl, or let the entry point name the object that has them"
        " (module:object)",
    ]
    assert (row["state"], row["warnings"]) == ("loads", warnings)
    assert f"loads, but {'; '.join(warnings)}" in table


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "٣", "", "1e3"])
def test_what_is_no_port_is_a_usage_error_that_says_what_is(port, capsys):
    assert main(["serve", f"--port={port}"]) == 2

    assert f"{port!r} is no port; give a number from 1 to 65535" in capsys.readouterr().err


def test_the_help_names_upstreams_that_take_websockets(capsys):
    assert main(["serve", "--help"]) == 0

    assert "ws:// or wss://" in capsys.readouterr().out


def test_json_without_the_list_is_a_usage_error():
    assert main(["serve", "--json"]) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="systemd is not there")
def test_a_socket_from_systemd_is_served(tmp_path):
    code = (
        "import os, sys; os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
        " os.dup2(int(sys.argv[1]), 3) if sys.argv[1] != '3' else None; os.set_inheritable(3, True);"
        " os.execv(sys.executable, [sys.executable, '-m', 'codexplus_core.cli', 'serve', '--plugins', 'none',"
        " '--port', sys.argv[2]])"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(listener.fileno()), str(port)],
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
        )
    try:
        # The connection waits in the socket's queue until the proxy has started.
        found = health(port, timeout=60)
    finally:
        process.terminate()
        code_at_end = process.wait(60)

    assert found is not None
    assert found["pid"] == process.pid
    assert code_at_end == 0


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("nope", "'nope' is installed"),
        ("list,ping", "'list' stands alone"),
        ("none,ping", "'none' stands alone"),
    ],
)
def test_a_plugin_that_was_asked_for_and_is_not_there_is_a_usage_error(private_home, capsys, names, words):
    with held_port() as port:
        assert main(["serve", "--port", str(port), "--plugins", names]) == 2

    assert words in capsys.readouterr().err


def test_a_plugin_that_was_asked_for_and_is_broken_is_a_usage_error(tmp_path, monkeypatch):
    (tmp_path / "broken-1.0.dist-info").mkdir()
    (tmp_path / "broken-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (tmp_path / "broken-1.0.dist-info" / "entry_points.txt").write_text("[codexplus.plugins]\nbad = no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(Problem, match=r"plugin 'bad' .*cannot be imported") as refused:
        serve.refuse_unusable(("bad",))

    assert refused.value.exit_code == 2


@pytest.mark.parametrize("name", [*serve.BROWSERS, "chrome124", None])
def test_a_browser_that_curl_knows_is_taken(name):
    serve.refuse_unknown_browser(name)


def test_a_browser_that_curl_does_not_know_is_a_usage_error(private_home, capsys):
    with held_port() as port:
        assert main(["serve", "--plugins", "none", "--port", str(port), "--impersonate", "netscape"]) == 2

    said = capsys.readouterr().err
    assert "--impersonate netscape: no browser that curl knows; take chrome, " in said


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:3000/v1"),
        ("127.0.0.1", "http://localhost:3000/v1"),
        ("127.0.0.1", "http://0.0.0.0:3000"),
        ("::1", "http://[::1]:3000/v1"),
    ],
)
def test_an_upstream_that_is_the_proxy_itself_is_a_usage_error(host, url, capsys):
    assert main(["serve", "--host", host, "--upstream", url]) == 2
    assert "is this proxy itself" in capsys.readouterr().err


def test_an_upstream_on_another_port_of_this_machine_is_fine():
    assert settings("--upstream", "http://127.0.0.1:4000/v1").upstream == "http://127.0.0.1:4000/v1"
