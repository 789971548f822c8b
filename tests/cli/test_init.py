"""`codex-plus init`: what it shows, asks, writes and undoes."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

import pytest
from cli import stand_ins

from codexplus_core.cli.main import main
from codexplus_core.loader import Plugins

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the URL carries the token")


@linux
@pytest.mark.req("P2")
def test_init_shows_what_it_found_and_writes_one_key(codex_home, capsys):
    assert main(["init", "--yes"]) == 0

    said = capsys.readouterr().out
    assert "Codex: 0.169.0" in said
    assert "Login: api key" in said
    assert "codex-plus init --undo" in said
    assert "OPENAI_BASE_URL" not in said
    written = (codex_home / "config.toml").read_text()
    assert written == '# mine\nmodel = "x"\nopenai_base_url = "http://127.0.0.1:3000/v1"\n'


@pytest.mark.req("P12")
def test_no_secret_is_shown_or_kept(codex_home, private_home, monkeypatch, capsys):
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{stand_ins.SECRET}@proxy.example:8080")
    (codex_home / "config.toml").write_text(f'openai_base_url = "https://user:{stand_ins.SECRET}@gateway.example/v1"\n')

    main(["init", "--yes"])

    output = capsys.readouterr()
    assert stand_ins.SECRET not in output.out + output.err
    assert "HTTPS_PROXY is set" in output.out
    # The backup is a copy of Codex's own file and lies in our private directory; nothing else holds it but the record.
    assert stand_ins.SECRET not in "".join(
        path.read_text()
        for path in (private_home / ".codexplus").glob("*")
        if path.is_file() and path.name != "init.json"
    )


def test_twice_says_that_it_is_done_already(codex_home, capsys):
    main(["init", "--yes", "--port", "4000"])
    before = (codex_home / "config.toml").read_bytes()
    capsys.readouterr()

    assert main(["init", "--yes"]) == 0

    assert "already has openai_base_url for port 4000" in capsys.readouterr().out
    assert (codex_home / "config.toml").read_bytes() == before


@pytest.mark.req("P15")
def test_undo_gives_the_file_back(codex_home, capsys):
    before = (codex_home / "config.toml").read_bytes()
    main(["init", "--yes"])

    assert main(["init", "--undo"]) == 0

    assert (codex_home / "config.toml").read_bytes() == before
    assert "restored as it was before init" in capsys.readouterr().out


def test_undo_says_that_the_proxy_still_runs_and_how_it_ends(codex_home, capsys):
    with stand_ins.listening(stand_ins.HEALTHY) as port:
        main(["init", "--yes", "--port", str(port)])
        capsys.readouterr()

        main(["init", "--undo"])

        assert f"port {port} still runs; codex-plus stop --port {port} ends it" in capsys.readouterr().out


def test_undo_says_when_only_the_key_was_taken_back(codex_home, capsys):
    main(["init", "--yes"])
    with (codex_home / "config.toml").open("a") as file:
        file.write("[added]\n")

    main(["init", "--undo"])

    assert "only openai_base_url was taken back" in capsys.readouterr().out
    assert (codex_home / "config.toml").read_text() == '# mine\nmodel = "x"\n[added]\n'


def test_undo_names_the_table_of_mcp_that_it_took_out_of_a_changed_file(codex_home, capsys):
    main(["init", "--yes", "--mcp"])
    with (codex_home / "config.toml").open("a") as file:
        file.write("[added]\n")

    main(["init", "--undo"])

    assert "only openai_base_url and [mcp_servers.codexplus] was taken back" in capsys.readouterr().out
    assert "codexplus" not in (codex_home / "config.toml").read_text()


def test_without_a_terminal_and_without_yes_nothing_is_written(codex_home, monkeypatch, capsys):
    before = (codex_home / "config.toml").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    assert main(["init"]) == 2

    said = capsys.readouterr()
    assert "add --yes" in said.err
    assert f'This will set, in {codex_home / "config.toml"}:\n  openai_base_url = "http://127.0.0.1:3000/' in said.out
    assert (codex_home / "config.toml").read_bytes() == before


def test_without_a_terminal_what_is_there_already_needs_no_answer(codex_home, monkeypatch, capsys):
    main(["init", "--yes"])
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))

    assert main(["init"]) == 0


@pytest.mark.parametrize(("answer", "code", "written"), [(b"y\n", 0, True), (b"\n", 1, False), (b"n\n", 1, False)])
def test_on_a_terminal_it_asks(codex_home, answer, code, written):
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "codexplus_core.cli", "init"], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, answer)
        seen = b""
        try:
            while chunk := os.read(ours, 4096):
                seen += chunk
        except OSError:
            pass
        os.close(ours)

    assert b"Write it? [y/N]" in seen
    assert process.returncode == code
    assert (b"openai_base_url" in (codex_home / "config.toml").read_bytes()) is written


def test_a_configuration_that_is_no_toml_is_named_and_left(codex_home, capsys):
    (codex_home / "config.toml").write_text("model =\n")

    assert main(["init", "--yes"]) == 1

    assert "cannot be read as TOML" in capsys.readouterr().err
    assert (codex_home / "config.toml").read_text() == "model =\n"


def test_an_old_codex_gets_the_export_as_well(codex_home, tmp_path, capsys):
    stand_ins.codex(tmp_path, "0.98.0")

    main(["init", "--yes"])

    assert "export OPENAI_BASE_URL=" in capsys.readouterr().out


def test_a_provider_that_passes_the_proxy_by_is_pointed_out(codex_home, capsys):
    (codex_home / "config.toml").write_text('model_provider = "azure"\n')

    main(["init", "--yes"])

    assert "model_provider is 'azure'" in capsys.readouterr().out


@pytest.mark.abuse("A21")
def test_where_the_user_of_a_connection_is_unknown_the_url_carries_the_token(
    codex_home, private_home, monkeypatch, capsys
):
    monkeypatch.setattr("codexplus_core.cli.init.peer_uid_known", lambda: False)

    main(["init", "--yes"])

    token = (private_home / ".codexplus" / "token").read_text()
    assert f"http://127.0.0.1:3000/{token}/v1" in (codex_home / "config.toml").read_text()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["HTTPS_PROXY", "https_proxy"], "HTTPS_PROXY and https_proxy are set"),
        (["https_proxy"], "https_proxy is set"),
    ],
)
def test_a_network_proxy_in_both_spellings_is_one_finding(codex_home, monkeypatch, capsys, names, said):
    for name in names:
        monkeypatch.setenv(name, "http://proxy.example:8080")

    main(["init", "--yes"])

    [found] = [line for line in capsys.readouterr().out.splitlines() if "Network proxy" in line]
    assert said in found


@pytest.mark.parametrize("option", ["skills", "prompts", "hooks", "mcp"])
@pytest.mark.parametrize(("there", "words"), [([], "beside codex-plus"), (None, "cannot do this; update it")])
def test_what_a_plugin_would_install_names_the_plugin(codex_home, monkeypatch, capsys, option, there, words):
    names = [f"codex-plus-{name}==0.1.0" for name in ("slash", "hooks", "mcp")] if there is None else there
    monkeypatch.setattr("codexplus_core.cli.init_steps.installed", lambda: names)
    monkeypatch.setattr("codexplus_core.loader.load_plugins", lambda selection, **_: Plugins())

    assert main(["init", "--yes", f"--{option}"]) == 2

    said = capsys.readouterr().err
    assert f"--{option}: " in said
    assert words in said
    assert "codex-plus-" in said
    assert "openai_base_url" not in (codex_home / "config.toml").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["--bogus"],
        ["--undo", "--service"],
        ["--undo", "--port", "4000"],
        ["--undo", "--websockets", "off"],
        ["--undo", "--skills"],
    ],
)
def test_options_that_do_not_go_are_usage_errors(codex_home, words, capsys):
    assert main(["init", *words]) == 2


def test_a_file_that_was_not_there_is_not_said_to_be_kept(codex_home, capsys):
    (codex_home / "config.toml").unlink()

    main(["init", "--yes"])

    said = capsys.readouterr().out
    assert "There was no such file before" in said
    assert "is kept in" not in said


def test_an_old_codex_is_told_that_it_ignores_the_key(codex_home, tmp_path, capsys):
    stand_ins.codex(tmp_path, "0.98.0")

    main(["init", "--yes"])

    assert "But Codex 0.98.0 ignores this key" in capsys.readouterr().out


def test_without_codex_it_says_how_to_get_it(codex_home, monkeypatch, capsys):
    monkeypatch.setenv("CODEX_PLUS_CODEX", "no-such-codex")

    main(["init", "--yes"])

    said = capsys.readouterr().out
    assert "Install Codex (npm install -g @openai/codex)" in said
    assert "OPENAI_BASE_URL" not in said


def test_it_says_that_codex_needs_the_proxy_from_now_on(codex_home, capsys):
    main(["init", "--yes"])

    assert "plain codex works only while the proxy runs" in capsys.readouterr().out
