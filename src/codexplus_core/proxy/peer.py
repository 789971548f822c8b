"""Which local user is at the other end of a loopback TCP connection (Linux)."""

from __future__ import annotations

import itertools
import os
import socket
import struct
import sys
from ipaddress import IPv4Address, ip_address

from .guard import NOBODY, Address

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBxI")
_ENDPOINTS = struct.Struct("!HH16s16s")
_ANY_INTERFACE_AND_COOKIE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
_REPLY = struct.Struct("=BBxx48sIIIII")
_ALL_STATES = 0xFFFFFFFF


class PeerUid:
    """Asks the kernel for the owner of a peer's socket; one netlink socket, opened once. For one thread.

    A kernel that does not know its own connection here, tried at the beginning, is not asked again.
    """

    __slots__ = ("_netlink", "_sequence")

    def __init__(self) -> None:
        self._netlink = _open()
        self._sequence = itertools.count(1)
        if self._netlink is not None and not self._knows_itself():
            self.close()

    @property
    def works(self) -> bool:
        """Whether there is anybody to ask."""
        return self._netlink is not None

    def __call__(self, client: Address, server: Address) -> int | None:
        """The uid that owns the client's end, NOBODY where it is closed or unknown, None where the kernel cannot tell.

        It can for every loopback connection, if at all.
        """
        if self._netlink is None:
            return None
        found = _packed(client[0]), _packed(server[0])
        if found[0] is None or found[1] is None or len(found[0]) != len(found[1]):
            return None
        sequence = next(self._sequence) & 0xFFFFFFFF
        # Seen from the client's end: its own address is the source.
        endpoints = _ENDPOINTS.pack(client[1], server[1], found[0].ljust(16, b"\0"), found[1].ljust(16, b"\0"))
        family = socket.AF_INET if len(found[0]) == 4 else socket.AF_INET6
        payload = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _ALL_STATES) + endpoints + _ANY_INTERFACE_AND_COOKIE
        head = _HEADER.pack(_HEADER.size + len(payload), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, sequence, 0)
        try:
            self._netlink.send(head + payload)
            return self._answer(sequence, client[1], server[1])
        except OSError:
            return NOBODY

    def _knows_itself(self) -> bool:
        try:
            with socket.create_server(("127.0.0.1", 0)) as server:
                here = server.getsockname()
                with socket.create_connection(here) as client:
                    return self(client.getsockname(), here) == os.getuid()
        except OSError:
            return False

    def _answer(self, sequence: int, client_port: int, server_port: int) -> int:
        assert self._netlink is not None
        while True:
            # The kernel queues its answer before send() returns, so this never waits.
            data = self._netlink.recv(4096)
            if len(data) < _HEADER.size:
                return NOBODY
            _, kind, _, answered, _ = _HEADER.unpack_from(data)
            if answered == sequence:
                break
        if kind != _SOCK_DIAG_BY_FAMILY or len(data) < _HEADER.size + _REPLY.size:
            return NOBODY
        _, _, endpoints, _, _, _, uid, inode = _REPLY.unpack_from(data, _HEADER.size)
        # A socket whose owner has closed it (inode 0) is reported as root's; a client could claim to be root by
        # sending and closing. For a connection that the kernel does not know, a listener on the client's port is found.
        if inode == 0 or struct.unpack_from("!HH", endpoints) != (client_port, server_port):
            return NOBODY
        return int(uid)

    def close(self) -> None:
        """Release the netlink socket; later questions are answered None."""
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None


def peer_uid() -> PeerUid | None:
    """Somebody to ask, None where no kernel tells."""
    found = PeerUid()
    return found if found.works else None


def _open() -> socket.socket | None:
    if sys.platform != "linux":
        return None
    try:
        found = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG)
        found.setblocking(False)
        found.connect((0, 0))
    except OSError:
        return None
    return found


def _packed(host: str) -> bytes | None:
    if host == "127.0.0.1":
        return b"\x7f\0\0\1"
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    if isinstance(mapped, IPv4Address):
        address = mapped
    return address.packed if address.is_loopback else None
