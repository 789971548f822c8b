"""Who listens on a port."""

from __future__ import annotations

import os
import socket
import sys

import pytest
from cli.stand_ins import HEALTHY, listening

from codexplus_core.services.listener import Owner, health, look, owner, wait_until_ours


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_without_a_listener_is_free():
    assert look(free_port()).state == "free"


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
    assert wait_until_ours(free_port(), token="", seconds=60, ended=lambda: 1) is None


def test_waiting_ends_with_the_first_answer():
    with listening(HEALTHY) as port:
        assert wait_until_ours(port, token="", seconds=60, ended=lambda: None) == HEALTHY
