"""`codex-plus stop`: ends our proxy and nobody else's process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cli import stand_ins
from ports import held_port

from codexplus_core.cli.main import main


def test_where_nobody_listens_there_is_nothing_to_stop(private_home, capsys):
    with held_port() as port:
        assert main(["stop", "--port", str(port)]) == 0
    assert "nothing to stop" in capsys.readouterr().out


@pytest.mark.abuse("A22")
@pytest.mark.parametrize("body", [{}, stand_ins.HEALTHY, stand_ins.HEALTHY | {"pid": -1}])
def test_a_program_that_is_no_proxy_of_ours_is_left_alone(private_home, monkeypatch, capsys, body):
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a signal was sent"))
    with stand_ins.listening(body) as port:
        assert main(["stop", "--port", str(port)]) == 1

    assert "nothing was stopped" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_running_proxy_ends_and_is_gone_when_the_command_returns(private_home, capsys):
    words = [sys.executable, "-m", "codexplus_core.cli", "serve", "--plugins", "none", "--port"]
    with held_port() as port, subprocess.Popen([*words, str(port)], stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        assert "listening" in proxy.stdout.readline()

        assert main(["stop", "--port", str(port)]) == 0

        assert proxy.wait(30) == 0
    assert "The proxy has stopped." in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_a_socket_that_its_service_keeps_is_not_connected_to_again(private_home, monkeypatch, capsys):
    monkeypatch.setattr("codexplus_core.cli.stop.stop", lambda pid, seconds: True)
    with stand_ins.listening(stand_ins.HEALTHY | {"pid": os.getpid()}) as port:
        assert main(["stop", "--port", str(port)]) == 0

    assert "its service starts it anew when Codex connects" in capsys.readouterr().out
