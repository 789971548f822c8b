"""The launcher's loop: keys go in, output comes out, and the window, suspensions and the end are passed on."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ..services.pty_process import Ended, PtyProcess, Stopped, spawn_on_pty
from .codex_names import names_of_codex
from .gate import Gate
from .modes import Modes
from .names import Ask, Names
from .outer import OuterTerminal
from .screen import Screen
from .watch import Watch

CHUNK = 64 * 1024
"""Bytes read at once, and the most that may wait for the program."""
PIECES = 16
"""Reads whose output is joined, and the most that may wait for the terminal."""
LAST_WORDS_S = 0.1
"""How long the terminal may be silent after the end of the program, for output that is still on its way."""
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
_HANGS_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL


def launch(argv: Sequence[str], env: Mapping[str, str], ask: Ask, *, version: str = "") -> int:
    """Run Codex (``version``) on a terminal of its own between it and ours; its exit code, 128+n after signal n.

    ``ask`` gets the names of our commands. Our terminal is left as it was found, whatever happens.
    Raises CannotStart, and termios.error where standard input is no terminal.
    """
    outer = OuterTerminal()
    try:
        with _signals() as (heard, wake):
            size = outer.size()
            # From before the program is there: it has whatever is typed while it begins, Ctrl-C too.
            outer.raw()
            process = spawn_on_pty(argv, env, modes=outer.before, size=size)
            names = Names(ask, wake)
            names.refresh(time.monotonic())
            return _Launcher(outer, process, names, heard, size, version).run()
    finally:
        outer.restore()
        outer.close()


@contextmanager
def _signals() -> Iterator[tuple[int, Callable[[], None]]]:
    """A descriptor that gives the number of each signal as a byte, and 0 when the function is called."""
    heard, tell = os.pipe()
    os.set_blocking(heard, False)
    os.set_blocking(tell, False)

    def wake() -> None:
        with contextlib.suppress(OSError):
            os.write(tell, b"\0")

    before = {}
    wakeup = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    try:
        for number in (signal.SIGWINCH, signal.SIGCONT, *_PASSED_ON):
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, lambda *_: None)
        yield heard, wake
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        # `tell` stays open where a thread may still write to it: a number that is used again would be worse.
        os.close(heard)


class _Launcher:
    def __init__(
        self, outer: OuterTerminal, process: PtyProcess, names: Names, heard: int, size: bytes, version: str
    ) -> None:
        self._outer = outer
        self._process = process
        self._heard = heard
        self._size = size
        self._modes = Modes()
        self._watch = Watch(Screen(*outer.rows_and_columns(size)))
        self._gate = Gate(
            self._watch.composer,
            names,
            codexs=names_of_codex(version),
            takes_pastes=lambda: self._modes.takes_pastes,
        )
        self._to_program = b""
        self._to_terminal = memoryview(b"")
        self._ended: Ended | None = None

    def run(self) -> int:
        """Pass everything on until the program is over."""
        try:
            while self._ended is None:
                self._turn()
            self._last_words()
        finally:
            # Where the program ended well this is empty: it has switched off itself what it switched on.
            with contextlib.suppress(OSError):
                os.write(self._outer.output, self._modes.undone())
            # Not after the program has been waited for, which may hang.
            self._outer.restore()
            self._process.close()
        return 128 - self._ended.code if self._ended.code < 0 else self._ended.code

    def _turn(self) -> None:
        ready = dict(self._poll().poll(self._patience(time.monotonic())))
        if not ready and self._watch.is_behind:
            self._watch.step()
        heard = self._heard in ready
        if heard:
            self._hear()
        # The screen decides about keys: where we were kept from both, for longer than ECHO_S, it has to be read first.
        if self._process.terminal in ready and not self._to_terminal:
            self._read_output(ready[self._process.terminal])
        if self._to_terminal:
            self._write_output()
        now = time.monotonic()
        if heard or (self._gate.due is not None and self._gate.due <= now):
            self._to_program += self._gate.later(now)
        if self._outer.input in ready:
            self._read_keys()
        if self._to_program:
            self._write_keys()
        if self._process.news in ready and self._ended is None:
            self._learn()

    def _poll(self) -> select.poll:
        waiting = select.poll()
        waiting.register(self._heard, select.POLLIN)
        waiting.register(self._process.news, select.POLLIN)
        # Neither side is read while what it said last has not been delivered: nothing grows.
        if len(self._to_program) < CHUNK:
            waiting.register(self._outer.input, select.POLLIN)
        wanted = select.POLLOUT if self._to_program else 0
        if self._to_terminal:
            waiting.register(self._outer.writer, select.POLLOUT)
        else:
            wanted |= select.POLLIN
        if wanted:
            waiting.register(self._process.terminal, wanted)
        return waiting

    def _patience(self, now: float) -> float | None:
        """Milliseconds to wait, None without end."""
        if self._watch.is_behind:
            return 0
        return None if self._gate.due is None else max(0.0, (self._gate.due - now) * 1000)

    def _read_keys(self) -> None:
        try:
            data = os.read(self._outer.input, CHUNK)
        except OSError:
            data = b""
        if not data:
            # The window was closed; for the program, too, when we hang up.
            self._ended = self._ended or Ended(-signal.SIGHUP)
            return
        self._to_program += self._gate.typed(data, time.monotonic())

    def _write_keys(self) -> None:
        try:
            written = os.write(self._process.terminal, self._to_program)
        except BlockingIOError:
            return
        except OSError:
            written = len(self._to_program)
        self._to_program = self._to_program[written:]

    def _read_output(self, event: int) -> bool:
        pieces: list[bytes] = []
        with contextlib.suppress(BlockingIOError):
            # A terminal gives 4 KiB at a time; they are joined for one write.
            while len(pieces) < PIECES and (piece := self._read_piece()):
                pieces.append(piece)
        data = b"".join(pieces)
        if not data:
            # All have closed it; the program may still run for a moment.
            if event & _HANGS_UP and self._ended is None:
                self._wait_for_news()
            return False
        self._to_terminal = memoryview(data)
        self._write_output()
        self._modes.watch(data)
        self._watch.add(data)
        self._gate.shown()
        return True

    def _read_piece(self) -> bytes:
        try:
            return os.read(self._process.terminal, CHUNK)
        except BlockingIOError:
            raise
        except OSError:
            return b""

    def _write_output(self) -> None:
        try:
            while self._to_terminal and (written := self._outer.write(self._to_terminal)):
                self._to_terminal = self._to_terminal[written:]
        except OSError:
            # Nobody looks any more; the program must not hang for that.
            self._to_terminal = memoryview(b"")

    def _wait_for_news(self) -> None:
        waiting = select.poll()
        waiting.register(self._process.news, select.POLLIN)
        waiting.register(self._heard, select.POLLIN)
        ready = dict(waiting.poll())
        if self._heard in ready:
            self._hear()
        if self._process.news in ready:
            self._learn()

    def _learn(self) -> None:
        news = self._process.state()
        if isinstance(news, Ended):
            self._ended = news
        elif isinstance(news, Stopped):
            self._suspend()

    def _suspend(self) -> None:
        """The program was suspended: so are we, for the shell to have the terminal, and both go on together."""
        self._outer.restore()
        before = signal.getsignal(signal.SIGTSTP)
        if before != signal.SIG_IGN:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            # Our whole group, as the terminal would; where no shell could bring us back, the kernel lets us go on.
            os.killpg(os.getpgrp(), signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, before)
        self._come_back()
        self._process.send(signal.SIGCONT)

    def _come_back(self) -> None:
        self._outer.raw()
        self._take_size()

    def _hear(self) -> None:
        for number in os.read(self._heard, 256):
            if number == signal.SIGWINCH:
                self._take_size()
            elif number == signal.SIGCONT:
                self._come_back()
            elif number:
                self._process.send(number)

    def _take_size(self) -> None:
        with contextlib.suppress(OSError):
            size = self._outer.size()
            if size != self._size:
                self._size = size
                # The kernel tells the program (SIGWINCH) when its terminal's size changes.
                self._process.resize(size)
                self._watch.resize(*self._outer.rows_and_columns(size))

    def _last_words(self) -> None:
        """What the program wrote before its end, and what a child of it still writes at once."""
        waiting = select.poll()
        waiting.register(self._process.terminal, select.POLLIN)
        deadline = time.monotonic() + 10 * LAST_WORDS_S
        while time.monotonic() < deadline:
            while self._to_terminal:
                room = select.poll()
                room.register(self._outer.writer, select.POLLOUT)
                if not room.poll(10_000 * LAST_WORDS_S):
                    return
                self._write_output()
            ready = waiting.poll(1000 * LAST_WORDS_S)
            if not ready or not self._read_output(ready[0][1]):
                return
