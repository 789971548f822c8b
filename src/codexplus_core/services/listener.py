"""Who listens on a port of this machine, and whether it is our proxy."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

HEALTH_PATH = "/_codexplus/health"
_ANSWER_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Owner:
    """The process behind a listening socket, as far as the system tells; None where it does not."""

    uid: int | None = None
    pid: int | None = None
    program: str = ""

    def __str__(self) -> str:
        known = []
        if self.pid is not None:
            known.append(f"pid {self.pid} ({self.program})" if self.program else f"pid {self.pid}")
        if self.uid is not None:
            known.append(f"uid {self.uid}")
        return ", ".join(known) or "another program"


@dataclass(frozen=True, slots=True)
class Listening:
    """What is found on a port: nothing, our proxy with what it says of itself, or somebody else."""

    state: Literal["free", "ours", "other"]
    owner: Owner | None = None
    health: dict[str, Any] = field(default_factory=dict)


def owner(port: int) -> Owner | None:
    """Who listens on ``port`` (Linux), None where nobody does or the system does not say."""
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            # The local address ends in the port in hex; 0A is the state "listening".
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                pid = _holder(fields[9])
                return Owner(int(fields[7]), pid, _program(pid))
    return None


def _holder(inode: str) -> int | None:
    wanted = f"socket:[{inode}]"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(entry.readlink()) == wanted for entry in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            continue
    return None


def _program(pid: int | None) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip() if pid else ""
    except OSError:
        return ""


def health(port: int, *, token: str = "", timeout: float = 2.0) -> dict[str, Any] | None:
    """What a proxy of ours on ``port`` says of itself, None when there is none that answers like one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", HEALTH_PATH, headers={"x-codexplus-token": token} if token else {})
        answer = connection.getresponse()
        raw = answer.read(_ANSWER_LIMIT)
        # A draining or degraded proxy answers 503 with the same body: still ours.
        found = json.loads(raw) if answer.status in (200, 503) else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if isinstance(found, dict) and found.get("service") == "codex-plus":
        return found
    return None


def is_free(port: int, timeout: float = 2.0) -> bool:
    """Whether nobody accepts connections on the loopback ``port``."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=timeout).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def look(port: int, *, token: str = "") -> Listening:
    """What is on the loopback ``port``. Another user's proxy is somebody else's, whatever it answers."""
    if is_free(port):
        return Listening("free")
    found_owner = owner(port)
    foreign = found_owner is not None and hasattr(os, "getuid") and found_owner.uid != os.getuid()
    found = None if foreign else health(port, token=token)
    return Listening("other", found_owner) if found is None else Listening("ours", found_owner, found)


def wait_until_ours(port: int, *, token: str, seconds: float, ended: Callable[[], int | None]) -> dict[str, Any] | None:
    """Ask until our proxy answers on ``port``; None when ``seconds`` are over or the started process has ended."""
    deadline = time.monotonic() + seconds
    while True:
        gone = ended() is not None
        found = None if is_free(port) else health(port, token=token)
        if found is not None or gone or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


_NETLINK_SOCK_DIAG = 4  # linux/netlink.h


def peer_uid_known(platform: str = sys.platform) -> bool:
    """Whether the proxy can tell which user connects; where it cannot, the base URL carries the token."""
    if platform != "linux":
        return False
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG).close()
    except OSError:
        return False
    return True
