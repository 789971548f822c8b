"""The units that keep the proxy running."""

from __future__ import annotations

import configparser
import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from codexplus_core.services import background
from codexplus_core.services.problem import Problem

ARGV = ("/opt/my python/bin/python", "-P", "-m", "codexplus_core.cli", "serve", "--port", "3000")


def made(tmp_path: Path, platform: str = "linux", argv: tuple[str, ...] = ARGV, **env: str) -> background.Service:
    return background.service(
        argv,
        port=3000,
        home=tmp_path / "state",
        env={"PATH": "/usr/bin:/bin", **env},
        platform=platform,
        user_home=tmp_path,
        uid=1000,
    )


def test_the_service_knows_the_way_to_the_backend_that_init_knew(tmp_path):
    service = made(tmp_path, HTTPS_PROXY="http://proxy.example:3128", SSL_CERT_FILE="/etc/ssl/company.pem", EDITOR="vi")

    _, unit = (text.decode() for text in service.files.values())
    assert 'Environment="HTTPS_PROXY=http://proxy.example:3128"' in unit
    assert 'Environment="SSL_CERT_FILE=/etc/ssl/company.pem"' in unit
    assert "EDITOR" not in unit


def test_the_service_finds_the_settings_where_they_were_moved_to(tmp_path):
    service = made(tmp_path, CLAUDE_CONFIG_DIR="/data/claude", CODEX_HOME="/data/codex")

    _, unit = (text.decode() for text in service.files.values())
    assert 'Environment="CLAUDE_CONFIG_DIR=/data/claude"' in unit and 'Environment="CODEX_HOME=/data/codex"' in unit


def test_systemd_listens_on_loopback_and_starts_the_proxy_on_demand(tmp_path):
    service = made(tmp_path)

    socket, unit = (text.decode() for text in service.files.values())
    assert "ListenStream=127.0.0.1:3000" in socket
    assert 'ExecStart="/opt/my python/bin/python" "-P"' in unit
    assert "Requires=codex-plus.socket" in unit
    assert service.start[-1] == ("systemctl", "--user", "enable", "--now", "codex-plus.socket")


def test_paths_with_signs_that_mean_something_to_systemd_are_taken_literally(tmp_path):
    service = made(tmp_path, argv=('/a "b"/$HOME/%h/\\x',), PATH="/100%/$x")

    unit = list(service.files.values())[1].decode()
    assert 'ExecStart="/a \\"b\\"/$$HOME/%%h/\\\\x"' in unit
    assert 'Environment="PATH=/100%%/$x"' in unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path):
    service = made(tmp_path, argv=(shutil.which("true") or "true", "a b", "100%"))
    background.write(service)

    names = [str(path) for path in service.files]
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", *names], capture_output=True, text=True, timeout=60
    )

    assert "codex-plus" not in checked.stderr


def test_launchd_gets_a_valid_property_list(tmp_path):
    service = made(tmp_path, "darwin")

    ((path, text),) = service.files.items()
    agent = plistlib.loads(text)
    assert path == tmp_path / "Library/LaunchAgents/io.codexplus.proxy.plist"
    assert agent["ProgramArguments"] == list(ARGV)
    assert agent["KeepAlive"] is True
    assert service.start == (("launchctl", "bootstrap", "gui/1000", str(path)),)


def test_a_platform_without_a_known_service_manager_is_told_the_command(tmp_path):
    with pytest.raises(Problem, match=r"win32; start it at login yourself: .*serve --port 3000"):
        made(tmp_path, "win32")


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_what_is_written_is_ours_and_writing_twice_changes_nothing(tmp_path, platform):
    service = made(tmp_path, platform)

    assert background.write(service)
    assert not background.write(service)
    assert background.ours(service) == list(service.files)

    background.remove(background.ours(service))
    assert background.ours(service) == []


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.abuse("A21")
@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_password_of_a_network_proxy_is_for_the_users_eyes_only(tmp_path, platform):
    service = made(tmp_path, platform, HTTPS_PROXY="http://me:secret@proxy.example:3128")
    background.write(service)
    # As an earlier version left them.
    for path in service.files:
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)

    background.write(service)

    assert {path.stat().st_mode & 0o777 for path in service.files} == {0o600}


def test_the_folders_that_will_be_made_are_known_beforehand(tmp_path):
    service = made(tmp_path)
    (tmp_path / ".config").mkdir()

    assert background.missing_folders(service) == [tmp_path / ".config/systemd", tmp_path / ".config/systemd/user"]

    background.write(service)
    assert background.missing_folders(service) == []


def test_a_unit_of_somebody_else_is_neither_overwritten_nor_removed(tmp_path):
    service = made(tmp_path)
    socket, unit = service.files
    socket.parent.mkdir(parents=True)
    unit.write_text("[Unit]\n")

    with pytest.raises(Problem, match=r"codex-plus\.service: was not written by codex-plus"):
        background.write(service)

    assert not socket.exists()
    assert background.ours(service) == []


def test_a_failing_command_is_reported_with_what_it_said():
    assert background.carry_out((("/bin/sh", "-c", "echo 'no bus' >&2; exit 1"),)).endswith(": no bus")
    assert background.carry_out((("no-such-program",),)).startswith("no-such-program: no such program")
    assert background.carry_out((("/bin/sh", "-c", ":"),)) == ""


def test_the_units_are_what_an_ini_reader_sees(tmp_path):
    for text in made(tmp_path).files.values():
        reader = configparser.RawConfigParser(strict=False)
        reader.read_string(text.decode())
        assert "Unit" in reader.sections()
