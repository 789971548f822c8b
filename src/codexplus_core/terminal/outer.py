"""The terminal that we ourselves run on: raw while Codex has it, as it was afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
import termios
import tty

_SIZE = struct.Struct("HHHH")


class OuterTerminal:
    """Reads from standard input, writes to standard output. Raises termios.error where that is no terminal."""

    def __init__(self) -> None:
        self.input = sys.__stdin__.fileno() if sys.__stdin__ else 0
        self.output = sys.__stdout__.fileno() if sys.__stdout__ else 1
        self.before = termios.tcgetattr(self.input)
        self._writer = self._open_writer()

    def _open_writer(self) -> int | None:
        # Another open file on the same terminal: O_NONBLOCK on the one we were given would be the shell's, too.
        try:
            return os.open(os.ttyname(self.output), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            return None

    @property
    def writer(self) -> int:
        """The descriptor to wait for before `write`."""
        return self.output if self._writer is None else self._writer

    def write(self, data: bytes | memoryview) -> int:
        """Write as much as there is room for, and say how much that was. Raises OSError when the terminal is gone."""
        try:
            return os.write(self.writer, data)
        except BlockingIOError:
            return 0

    def size(self) -> bytes:
        """Rows, columns and pixels as the kernel keeps them (struct winsize)."""
        return fcntl.ioctl(self.output, termios.TIOCGWINSZ, bytes(_SIZE.size))

    @staticmethod
    def rows_and_columns(size: bytes) -> tuple[int, int]:
        """The first two numbers of a size."""
        rows, columns, *_ = _SIZE.unpack(size)
        return rows or 24, columns or 80

    def raw(self) -> None:
        """Every key as it is pressed, nothing echoed, nothing translated."""
        # The kernel says that we may go on (SIGCONT) when the window is closed, too: then reading tells of it.
        with contextlib.suppress(termios.error):
            tty.setraw(self.input, termios.TCSANOW)

    def restore(self) -> None:
        """The modes as they were."""
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self.input, termios.TCSANOW, self.before)

    def close(self) -> None:
        """Close what was opened here."""
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None
