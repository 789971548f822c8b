"""Who listens on a port of this machine, and whether it is our proxy."""

from __future__ import annotations

import http.client
import json
import os
import signal
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


def owner(port: int, host: str = "127.0.0.1") -> Owner | None:
    """Who gets the connections to ``host``:``port``, None where nobody does or the system does not say."""
    if sys.platform == "darwin":
        return _owner_by_lsof(port, host)
    places = [("tcp", host), ("tcp6", host), ("tcp6", f"::ffff:{host}"), ("tcp", "0.0.0.0"), ("tcp6", "::")]
    wanted = [(table, f"{_in_hex(name, six=table == 'tcp6')}:{port:04X}") for table, name in places]
    rows = []
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            # 0A is the state "listening"; somebody else may listen on the same port of another address.
            if fields[3] == "0A" and (table, fields[1]) in wanted:
                rows.append((wanted.index((table, fields[1])), int(fields[7]), fields[9]))
    if not rows:
        return None
    # The kernel gives a connection to the listener with the most exact address.
    _, uid, inode = min(rows)
    pid = _holder(inode)
    return Owner(uid, pid, _program(pid))


def _in_hex(host: str, *, six: bool) -> str:
    """An address as /proc/net writes it: words of 32 bits in the machine's byte order."""
    try:
        packed = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, host.strip("[]"))
    except OSError:
        return ""
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


def _owner_by_lsof(port: int, host: str) -> Owner | None:
    from .run import CannotStart, capture  # it brings asyncio, which `--help` does without

    try:
        result = capture(["/usr/sbin/lsof", "-nP", f"-iTCP@{host}:{port}", "-sTCP:LISTEN", "-Fpuc"], 5.0)
    except CannotStart:
        return None
    return lsof_owner(result.stdout.decode("utf-8", "replace"))


def lsof_owner(said: str) -> Owner | None:
    """The first process in the output of ``lsof -Fpuc``, which lists only our own where we are not root."""
    found = {line[0]: line[1:] for line in reversed(said.splitlines()) if line}
    if not (found.get("p", "").isdigit() and found.get("u", "").isdigit()):
        return None
    return Owner(int(found["u"]), int(found["p"]), found.get("c", ""))


def is_us(found: Owner | None) -> bool:
    """Whether a listener is known to be of this user; where no system could say so (Windows), it is believed."""
    if not hasattr(os, "getuid"):
        return True
    return found is not None and found.uid == os.getuid()


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


def health(port: int, *, token: str = "", timeout: float = 2.0, host: str = "127.0.0.1") -> dict[str, Any] | None:
    """What a proxy of ours on ``port`` says of itself, None when there is none that answers like one."""
    connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=timeout)
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


def is_free(port: int, host: str = "127.0.0.1", timeout: float = 2.0) -> bool:
    """Whether nobody accepts connections on ``port`` of ``host``."""
    try:
        socket.create_connection((host.strip("[]"), port), timeout=timeout).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def look(port: int, *, token: str = "", host: str = "127.0.0.1") -> Listening:
    """What is on ``port`` of the loopback ``host``. Another user's proxy is somebody else's, whatever it answers.

    ``token`` is shown only to a listener that is known to be this user's.
    """
    if is_free(port, host):
        return Listening("free")
    found_owner = owner(port, host)
    found = health(port, token=token, host=host) if is_us(found_owner) else None
    return Listening("other", found_owner) if found is None else Listening("ours", found_owner, found)


def wait_until_ours(
    port: int, *, token: str, seconds: float, ended: Callable[[], int | None], pid: int | None = None
) -> dict[str, Any] | None:
    """Ask until the started proxy answers on ``port``; None when ``seconds`` are over or it has ended.

    An answer counts only from this user's process ``pid`` and while that runs: anybody may have taken the port first.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = look(port, token=token).health
        gone = ended() is not None
        # Windows starts Python through a launcher, so the process that answers has another number there.
        if found and not gone and (pid is None or os.name != "posix" or found.get("pid") == pid):
            return found
        if gone or time.monotonic() > deadline:
            return None
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()
    except OSError:
        return True
    return state[:1] != ["Z"]


def stop(pid: int, *, seconds: float) -> bool:
    """Tell the process to end, and wait; False when it still runs after ``seconds``. Raises OSError if it may not."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    deadline = time.monotonic() + seconds
    while is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


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
