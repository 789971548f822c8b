from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from codexplus_core.proxy.guard import NOBODY
from codexplus_core.proxy.peer import PeerUid

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked through Linux's sock_diag")

V4, V6 = "127.0.0.1", "::1"


@pytest.fixture
def uid_of() -> Iterator[PeerUid]:
    with closing(PeerUid()) as found:
        yield found


def ends(connection: socket.socket) -> tuple[tuple[str, int], tuple[str, int]]:
    client, server = connection.getpeername(), connection.getsockname()
    return (client[0], client[1]), (server[0], server[1])


def listening(family: int, host: str) -> socket.socket:
    found = socket.socket(family)
    try:
        found.bind((host, 0))
    except OSError:
        found.close()
        pytest.skip(f"no {host} here")
    found.listen()
    found.settimeout(20)
    return found


@pytest.mark.abuse("A20")
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, V4), (socket.AF_INET6, V6)])
def test_the_owner_of_the_clients_end_is_told(uid_of: PeerUid, family: int, host: str) -> None:
    with listening(family, host) as server, socket.create_connection(server.getsockname()[:2]):
        connection, _ = server.accept()
        with connection:
            client, here = ends(connection)

            assert [uid_of(client, here) for _ in range(3)] == [os.getuid()] * 3


@pytest.mark.abuse("A20")
def test_an_ipv4_client_of_a_dual_stack_socket_is_told(uid_of: PeerUid) -> None:
    with listening(socket.AF_INET6, "::") as server:
        if server.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
            pytest.skip("IPv6 sockets take no IPv4 here")
        with socket.create_connection((V4, server.getsockname()[1])):
            connection, _ = server.accept()
            with connection:
                client, here = ends(connection)

                assert client[0] == "::ffff:127.0.0.1"
                assert uid_of(client, here) == os.getuid()


CONNECT_AS = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
s = socket.socket()
s.connect(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"x")
if sys.argv[3] == "close":
    s.close()
    print("closed", flush=True)
sys.stdin.read()
"""


@pytest.mark.abuse("A20")
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize(("how", "expected"), [("stay", 65533), ("close", NOBODY)])
def test_another_user_is_told_and_cannot_pass_for_root_by_closing(uid_of: PeerUid, how: str, expected: int) -> None:
    with listening(socket.AF_INET, V4) as server:
        argv = [sys.executable, "-c", CONNECT_AS, str(server.getsockname()[1]), "65533", how]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(1) == b"x"
                if how == "close":
                    assert other.stdout is not None
                    assert other.stdout.readline() == b"closed\n"
                client, here = ends(connection)

                found = uid_of(client, here)

                assert found == expected
                assert other.stdin is not None
                other.stdin.close()


@pytest.mark.abuse("A20")
def test_a_connection_that_is_gone_is_nobodys(uid_of: PeerUid) -> None:
    with listening(socket.AF_INET, V4) as server:
        with socket.create_connection(server.getsockname()):
            connection, _ = server.accept()
        with connection:
            assert uid_of(*ends(connection)) == NOBODY


@pytest.mark.abuse("A20")
def test_a_listener_does_not_answer_for_a_connection_that_does_not_exist(uid_of: PeerUid) -> None:
    with listening(socket.AF_INET, V4) as server:
        assert uid_of(server.getsockname(), (V4, 9)) == NOBODY


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (("192.0.2.1", 1), (V4, 2)),
        ((V4, 1), (V6, 2)),
        (("name.example", 1), (V4, 2)),
        (("", 1), (V4, 2)),
    ],
)
def test_of_what_is_no_loopback_connection_nothing_is_known(
    uid_of: PeerUid, client: tuple[str, int], server: tuple[str, int]
) -> None:
    assert uid_of(client, server) is None


def test_where_the_kernel_does_not_tell_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with closing(PeerUid()) as found:
        assert found((V4, 1), (V4, 2)) is None


def test_a_kernel_that_does_not_know_its_own_connection_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As a kernel without the module behind it answers: every connection is unknown.
    monkeypatch.setattr(PeerUid, "_answer", lambda *_: NOBODY)

    with closing(PeerUid()) as found:
        assert found((V4, 1), (V4, 2)) is None
        assert not found.works


def test_after_closing_nobody_is_told() -> None:
    found = PeerUid()
    found.close()
    found.close()

    assert found((V4, 1), (V4, 2)) is None
