"""Who listens on a port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from cli.stand_ins import HEALTHY, listening
from ports import held_port

from codexplus_core.services.listener import Owner, health, look, lsof_owner, owner, stop, wait_until_ours


def test_a_port_without_a_listener_is_free():
    with held_port() as port:
        assert look(port).state == "free"


def test_our_proxy_is_known_by_what_it_says():
    with listening(HEALTHY) as port:
        found = look(port)

    assert (found.state, found.health["version"]) == ("ours", "0.1.0")


@pytest.mark.abuse("A22")
@pytest.mark.parametrize("body", [{}, [], "ok", {"service": "other"}, {"status": "ok"}])
def test_another_server_is_not_taken_for_ours(body):
    with listening(body) as port:
        assert look(port).state == "other"


def test_an_answer_of_refusal_is_not_ours():
    with listening(HEALTHY, status=401) as port:
        assert look(port).state == "other"


def test_a_listener_that_says_nothing_is_not_ours(monkeypatch):
    monkeypatch.setitem(health.__kwdefaults__, "timeout", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.listen()
        assert look(mute.getsockname()[1]).state == "other"


@pytest.mark.skipif(sys.platform != "linux", reason="the owner is read from /proc")
@pytest.mark.abuse("A22")
def test_the_owner_is_named():
    with socket.create_server(("127.0.0.1", 0)) as mine:
        found = owner(mine.getsockname()[1])

    assert found is not None
    assert (found.uid, found.pid) == (os.getuid(), os.getpid())
    assert f"pid {os.getpid()}" in str(found)


@pytest.mark.abuse("A22")
def test_another_users_proxy_is_somebody_elses_whatever_it_says(monkeypatch):
    monkeypatch.setattr("codexplus_core.services.listener.owner", lambda *_: Owner(12345, 1, "x"))
    with listening(HEALTHY) as port:
        assert look(port).state == "other"


def test_waiting_ends_when_the_started_process_has_ended():
    with held_port() as port:
        assert wait_until_ours(port, token="", seconds=60, ended=lambda: 1) is None


@pytest.mark.abuse("A22")
def test_an_answer_counts_only_from_the_process_that_was_started():
    with listening(HEALTHY | {"pid": os.getpid()}) as port:
        started = wait_until_ours(port, token="", seconds=0, ended=lambda: None, pid=os.getpid())
        squatted = wait_until_ours(port, token="", seconds=0, ended=lambda: None, pid=1)

    assert started is not None
    assert squatted is None


@pytest.mark.abuse("A22")
def test_an_answer_counts_for_nothing_once_the_started_process_has_ended():
    with listening(HEALTHY) as port:
        assert wait_until_ours(port, token="", seconds=60, ended=lambda: 1) is None


@pytest.mark.abuse("A22")
@pytest.mark.parametrize("found", [Owner(12345, 1, "x"), None])
def test_the_token_is_not_shown_to_a_listener_of_somebody_else(monkeypatch, found):
    asked = []
    monkeypatch.setattr("codexplus_core.services.listener.owner", lambda *_: found)
    monkeypatch.setattr("codexplus_core.services.listener.health", lambda *_, **__: asked.append(1))
    with listening(HEALTHY) as port:
        assert look(port, token="secret").state == "other"
        assert wait_until_ours(port, token="secret", seconds=0, ended=lambda: None) is None

    assert asked == []


@pytest.mark.skipif(sys.platform != "linux", reason="the owner is read from /proc")
@pytest.mark.abuse("A22")
def test_a_listener_on_another_address_is_not_taken_for_the_one_on_ours():
    with socket.create_server(("127.0.0.2", 0)) as elsewhere:
        port = elsewhere.getsockname()[1]

        assert owner(port) is None
        assert owner(port, "127.0.0.2") is not None


@pytest.mark.skipif(sys.platform != "linux", reason="the owner is read from /proc")
@pytest.mark.parametrize(("family", "bound"), [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
def test_a_listener_on_every_address_is_the_one_on_ours(family, bound):
    if family == socket.AF_INET6 and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    with socket.create_server((bound, 0), family=family, dualstack_ipv6=family == socket.AF_INET6) as server:
        assert owner(server.getsockname()[1]) is not None


def test_what_lsof_says_of_a_listener_is_understood():
    assert lsof_owner("p42\ncpython3.12\nu501\nf7\np43\ncother\nu501\n") == Owner(501, 42, "python3.12")
    assert lsof_owner("") is None


def started(program: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_stopping_waits_for_the_end_and_gives_up_in_time():
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with started("print(flush=True); input()") as process:
        assert stop(process.pid, seconds=30)
    with started(stubborn) as process:
        assert not stop(process.pid, seconds=0)
        process.kill()
    assert stop(process.pid, seconds=0)


def test_waiting_ends_with_the_first_answer():
    with listening(HEALTHY) as port:
        assert wait_until_ours(port, token="", seconds=60, ended=lambda: None) == HEALTHY
