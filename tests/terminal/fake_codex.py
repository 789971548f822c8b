"""A program with a composer in the manner of Codex: run on a terminal, it notes what it gets in the file it is told.

Its last arguments choose: ``kitty`` asks for the kitty keyboard, ``mute`` shows nothing of what is typed, ``slow``
shows it late, ``hidden`` is no composer at all.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import time
import tty
from pathlib import Path

KEYS = re.compile(
    rb"\x1b\[200~(?P<paste>.*?)\x1b\[201~|(?P<up>\x1b\[A)|(?P<home>\x1b\[H|\x01)|(?P<left>\x1b\[D)|(?P<back>\x7f)"
    rb"|(?P<enter>\r|\x1b\[13(?:;1)?u)|(?P<tab>\t)|(?P<suspend>\x1a)|(?P<quit>\x04)|(?P<other>\x1b\[[0-?]*[@-~]|\x1b.|[\x00-\x1f])"
    rb"|(?P<text>[^\x00-\x1f\x7f]+)",
    re.DOTALL,
)
COMMANDS = ("archive", "hooks", "review", "status")


class Composer:
    def __init__(self, log: str, options: list[str]) -> None:
        self.log, self.options = log, options
        self.text, self.at, self.shown = "", 0, ""
        self.history: list[str] = []
        self.notes: list[tuple[str, str]] = []

    def note(self, what: str, value: str = "") -> None:
        self.notes.append((what, value))

    def write_notes(self) -> None:
        write_notes(self.log, self.notes)
        self.notes.clear()

    def start(self) -> None:
        tty.setraw(0)
        kitty = "\x1b[>7u\x1b[?u" if "kitty" in self.options else ""
        self.write(f"\x1b[?2004h{kitty}\x1b[?1049h\x1b[?1003h\x1b[2J")
        self.draw()

    def stop(self) -> None:
        kitty = "\x1b[<1u" if "kitty" in self.options else ""
        self.write(f"\x1b[?1003l\x1b[?1049l{kitty}\x1b[?2004l\x1b[?25h")

    def write(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(1, data) :]

    def draw(self) -> None:
        if "mute" in self.options:
            return
        if "slow" in self.options:
            time.sleep(0.05)
        if "hidden" in self.options:
            self.write("\x1b[2J\x1b[3;1H› /foo is asked about\x1b[?25l")
            return
        rows = (self.text or "Ask anything").split("\n")
        out = ["\x1b[?2026h\x1b[2J"]
        if re.fullmatch(r"/\w*", self.text):
            offers = [name for name in COMMANDS if name.startswith(self.text[1:])]
            out += [f"\x1b[{2 + at};1H{'›' if not at else ' '} /{name}  does it" for at, name in enumerate(offers)]
        out += [f"\x1b[{10 + at};1H{'  ' if at else '› '}{row}\x1b[K" for at, row in enumerate(rows)]
        out.append(f"\x1b[{10 + len(rows) + 1};1H  some model · {self.shown}")
        before = self.text[: self.at].split("\n")
        out.append(f"\x1b[{9 + len(before)};{3 + len(before[-1])}H\x1b[?25h\x1b[?2026l")
        self.write("".join(out))

    def insert(self, text: str) -> None:
        self.text = self.text[: self.at] + text + self.text[self.at :]
        self.at += len(text)

    def press(self, kind: str, found: re.Match[bytes]) -> bool:
        if kind in ("text", "paste"):
            self.insert(found[kind].decode(errors="replace"))
        elif kind == "back" and self.at:
            self.text, self.at = self.text[: self.at - 1] + self.text[self.at :], self.at - 1
        elif kind == "left":
            self.at = max(0, self.at - 1)
        elif kind == "up" and self.history:
            self.text = self.history[-1]
            self.at = len(self.text)
        elif kind == "home":
            # As Ctrl-A does in Codex: at the start of a line it goes on to the one before.
            line = self.text.rfind("\n", 0, self.at) + 1
            self.at = line if self.at > line or found[0] != b"\x01" else self.text.rfind("\n", 0, max(0, line - 1)) + 1
        elif kind == "enter":
            self.enter()
        elif kind == "suspend":
            self.stop()
            os.kill(0, signal.SIGTSTP)
            self.start()
            self.note("continued")
        elif kind == "quit":
            return False
        return True

    def enter(self) -> None:
        name = re.match(r"/([^\s/]+)(?:\s|$)", self.text)
        if name and name[1] in COMMANDS:
            self.note("own", name[1])
        elif name:
            self.note("rejected", name[1])
            return
        else:
            self.note("sent", self.text.strip())
            self.history.append(self.text.strip())
        self.shown = f"{len(self.history)} sent"
        self.text, self.at = "", 0


def write_notes(log: str, notes: list[tuple[str, str]]) -> None:
    with Path(log).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(note) + "\n" for note in notes)


def main(log: str, *options: str) -> int:
    composer = Composer(log, list(options))

    def size_changed(*_: object) -> None:
        write_notes(log, [("size", str(tuple(os.get_terminal_size(0))))])

    signal.signal(signal.SIGWINCH, size_changed)
    composer.start()
    composer.note("ready")
    composer.write_notes()
    rest = b""
    while True:
        select.select([0], [], [])
        data = rest + os.read(0, 65536)
        rest = b""
        composer.note("got", data.decode("latin-1"))
        at = 0
        while at < len(data):
            found = KEYS.match(data, at)
            if found is None:
                rest = data[at:]
                break
            at = found.end()
            if not composer.press(found.lastgroup or "", found):
                composer.write_notes()
                composer.stop()
                return 3
        # What is noted is on the terminal already: whoever waits for a note need not be quicker than we draw.
        if "slow" not in options:
            composer.draw()
        composer.write_notes()
        if "slow" in options:
            composer.draw()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
