"""`codex-plus init --service`, and the gateway that it stands before."""

from __future__ import annotations

import sys

import pytest

from codexplus_core.cli.main import main

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the URL carries the token")


@linux
def test_a_service_is_written_and_the_commands_are_printed_without_a_user_bus(codex_home, private_home, capsys):
    assert main(["init", "--yes", "--service", "--port", "4321"]) == 1

    said = capsys.readouterr().out
    units = private_home / ".config" / "systemd" / "user"
    assert "ListenStream=127.0.0.1:4321" in (units / "codex-plus.socket").read_text()
    assert "systemctl --user enable --now codex-plus.socket" in said

    assert "openai_base_url" in (codex_home / "config.toml").read_text()
    assert "Start the proxy with" not in said

    assert main(["init", "--undo"]) == 0
    assert not (private_home / ".config").exists()
    assert not (private_home / ".codexplus" / "init.json").exists()


@linux
def test_a_service_that_is_started_is_a_success(codex_home, tmp_path, capsys):
    (tmp_path / "systemctl").write_text("#!/bin/sh\n")

    assert main(["init", "--yes", "--service"]) == 0

    assert "The proxy now runs as a service." in capsys.readouterr().out


@linux
def test_undo_leaves_the_folders_that_it_found_or_that_somebody_uses(codex_home, private_home, capsys):
    (private_home / ".config" / "systemd").mkdir(parents=True)
    units = private_home / ".config" / "systemd" / "user"
    main(["init", "--yes", "--service"])
    main(["init", "--yes", "--service", "--port", "4321"])

    main(["init", "--undo"])

    assert not units.exists() and units.parent.exists()

    main(["init", "--yes", "--service"])
    (units / "mine.service").write_text("[Unit]\n")
    main(["init", "--undo"])

    assert [path.name for path in units.iterdir()] == ["mine.service"]


GATEWAY = "https://corp.example/v1"


def test_a_gateway_that_is_replaced_is_warned_about(codex_home, capsys):
    (codex_home / "config.toml").write_text(f'openai_base_url = "{GATEWAY}"\n')

    main(["init", "--yes", "--port", "4000"])

    said = capsys.readouterr().out
    assert f"Warning: Codex uses {GATEWAY} now" in said
    assert f"Start the proxy with: codex-plus serve --port 4000 --upstream {GATEWAY}" in said


def test_a_gateway_that_the_settings_name_as_the_upstream_is_no_warning(codex_home, capsys):
    (codex_home / "config.toml").write_text(f'openai_base_url = "{GATEWAY}"\n')
    (codex_home / "settings.json").write_text(f'{{"upstream": {{"url": "{GATEWAY}"}}}}')

    main(["init", "--yes", "--port", "4000"])

    said = capsys.readouterr().out
    assert "Warning" not in said and "--upstream" not in said


@linux
def test_a_service_gets_the_upstream_and_the_plugins(codex_home, private_home, capsys):
    (codex_home / "config.toml").write_text(f'openai_base_url = "{GATEWAY}"\n')
    words = ["--upstream", f"{GATEWAY}/", "--plugins", "none", "--websockets", "bridge"]

    main(["init", "--yes", "--service", *words])

    unit = (private_home / ".config" / "systemd" / "user" / "codex-plus.service").read_text()
    assert f'"--upstream" "{GATEWAY}" "--plugins" "none" "--websockets" "bridge"' in unit
    assert "Warning" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--upstream", GATEWAY], "only with --service"),
        (["--websockets", "off"], "only with --service"),
        (["--service", "--upstream", "ftp://x"], "give an http, https, ws or wss URL"),
        (["--service", "--upstream", "http://127.0.0.1:3000/v1"], "is this proxy itself"),
        (["--service", "--plugins", "nope"], "nope"),
        (["--service", "--plugins", "list"], "stands alone"),
    ],
)
def test_options_for_the_service_are_judged_before_anything_is_written(codex_home, capsys, words, said):
    before = (codex_home / "config.toml").read_bytes()

    assert main(["init", "--yes", *words]) == 2

    assert said in capsys.readouterr().err
    assert (codex_home / "config.toml").read_bytes() == before
