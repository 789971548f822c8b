"""The launcher from outside: started with the first order, handed orders, ended with the proxy."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .launcher.order import Order
from .launcher.passing import Passed, kind_of

END_SECONDS = 5.0

# Isolated, without site packages; the directory comes last, so that nothing in it hides a module of Python's own.
_CODE = "import sys; sys.path.append(sys.argv[3]); from launcher.serve import main; main(int(sys.argv[1]), sys.argv[2])"


def command(interpreter: str = sys.executable) -> tuple[str, ...]:
    """The beginning of the launcher's command line; the socket, its directory and where its code lies are added."""
    return (interpreter, "-I", "-S", "-X", "utf8", "-c", _CODE)


class LauncherLost(Exception):
    """The launcher is not there, or ended before it took the order."""


class Launching:
    """Starts the launcher when it is first needed and again after it died."""

    def __init__(self, *, argv: Sequence[str] | None = None, within: Path | None = None) -> None:
        """``argv`` is another command to start it with, ``within`` another directory than that for temporary files."""
        self._argv = tuple(argv) if argv is not None else command()
        self._within = within
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._count = 0
        self._left: list[Path] = []
        self.base: Path | None = None

    @property
    def pid(self) -> int | None:
        """The launcher's, None while there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> Path:
        """Make sure that one runs; the directory in which it keeps what runs need. Raises LauncherLost."""
        if self._process is not None and self._process.poll() is None and self.base is not None:
            return self.base
        self.abandon(self.base)
        try:
            self.base = Path(tempfile.mkdtemp(prefix="codexplus-", dir=self._within)).resolve()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise LauncherLost(str(error)) from error
        ours.setblocking(False)
        # Some builds of Python find their own library only so.
        env = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*self._argv, str(theirs.fileno()), str(self.base), str(Path(__file__).parent)],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env=env,
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise LauncherLost(str(error)) from error
        self._socket = ours
        return self.base

    def scratch(self) -> str:
        """A new name for the directory of one run; the launcher makes it."""
        self._count += 1
        return f"{self.start()}/{self._count}"

    def send(self, order: Order, files: Sequence[int]) -> None:
        """Hand over an order with the program's input, output, errors and the control socket. Raises LauncherLost."""
        if self._socket is None or order["base"] != str(self.base):
            # Another order found it dead meanwhile; what this one says about directories is no longer true.
            raise LauncherLost("it was replaced")
        paper = os.memfd_create("codexplus-order", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(paper), "wb") as file:
                file.write(json.dumps(order).encode())
            Passed(kind_of(order), [paper, *files]).send(self._socket)
        except OSError as error:
            # Also when it takes nothing any more: its queue is longer than we let runs wait side by side.
            raise LauncherLost(str(error)) from error
        finally:
            os.close(paper)

    def abandon(self, base: Path | None) -> None:
        """Do without the one whose directory is ``base``: it is dead or does not answer."""
        if base != self.base:
            return  # somebody else did so before, and this one is new
        self.base = None
        if self._process is not None:
            self._process.kill()
        self._end()
        if base is not None:
            try:
                base.rmdir()
            except OSError:
                # What was started before may still be running in there.
                self._left.append(base)

    def close(self) -> None:
        """End it; the next order starts another. Blocks for the moment that takes."""
        self._end()
        if self.base is not None:
            self._left.append(self.base)
            self.base = None
        while self._left:
            shutil.rmtree(self._left.pop(), ignore_errors=True)

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
