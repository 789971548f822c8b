"""What stands on the screen: a small terminal emulator that knows which cells it does not know.

It follows positions and text only, no colours. What it cannot follow makes the screen unknown until it is drawn again:
a wrong picture would be worse than none.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

UNKNOWN = "\0"
"""Stands in a cell that has not been drawn since the picture was lost."""

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|\x1b\[(?P<private>[<=>?]?)(?P<numbers>[0-9;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|(?P<string>\x1b[\]PX^_])"
    r"|\x1b(?P<escape>(?![\[\]PX^_])[ -/]*[0-~])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f-\x9f])"
)
_STRING_END = re.compile(r"\x07|\x1b\\|\x1b(?=[^\\])|\x18|\x1a")
_LONGEST_SEQUENCE = 256
# Final bytes that change neither text nor position: colours, modes, reports, the cursor's shape.
_HARMLESS = frozenset("mnchlqtgi")
_STEPS = {"A": (-1, 0), "B": (1, 0), "e": (1, 0), "C": (0, 1), "a": (0, 1), "D": (0, -1), "E": (1, 0), "F": (-1, 0)}


class Screen:
    """The text on a terminal of ``rows`` by ``columns``, as far as it is known."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows = max(1, rows)
        self.columns = max(1, columns)
        self.cursor_shown = True
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._in_string = False
        self._other: list[list[str]] | None = None
        self.lose()
        # A program that draws only what is not blank takes the screen to be so when it starts.
        self._blank_all()

    def lose(self) -> None:
        """Forget the picture: every cell is unknown, and the cursor until it is placed."""
        self._cells = [[UNKNOWN] * self.columns for _ in range(self.rows)]
        self._adrift = True
        self._x = self._y = 0
        self._top, self._bottom = 0, self.rows - 1
        self._saved: tuple[int, int] | None = None
        self._wraps = False

    def resize(self, rows: int, columns: int) -> None:
        """Take the new size. How a terminal moves its text then is its own affair, so the picture is lost."""
        self.rows, self.columns = max(1, rows), max(1, columns)
        if self._other is not None:
            self._other = [[UNKNOWN] * self.columns for _ in range(self.rows)]
        self.lose()

    @property
    def cursor(self) -> tuple[int, int] | None:
        """(row, column) of the cursor; None where it is hidden or not known."""
        return None if self._adrift or not self.cursor_shown else (self._y, self._x)

    def row(self, number: int) -> str:
        """The text of one row, `UNKNOWN` for each cell that is not known; a wide character is one character."""
        return "".join(self._cells[number])

    def feed(self, data: bytes) -> None:
        """Follow what the program wrote."""
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        at = 0
        while at < len(text):
            if self._in_string:
                at = self._skip_string(text, at)
                continue
            found = _TOKEN.match(text, at)
            if found is None:
                # A sequence that is not whole yet, or none at all.
                if len(text) - at < _LONGEST_SEQUENCE:
                    self._rest = text[at:]
                    return
                at += 1
                continue
            at = found.end()
            self._follow(found)

    def _skip_string(self, text: str, at: int) -> int:
        end = _STRING_END.search(text, at)
        if end is not None:
            self._in_string = False
            return end.end() if end.group() != "\x1b" else end.start()
        if text.endswith("\x1b"):
            self._rest = "\x1b"
        return len(text)

    def _follow(self, found: re.Match[str]) -> None:
        kind = found.lastgroup
        if kind == "text":
            self._write(found["text"])
        elif kind == "control":
            self._control(found["control"])
        elif kind == "final":
            self._sequence(found["private"], found["numbers"], found["between"], found["final"])
        elif kind == "string":
            self._in_string = True
        else:
            self._escape(found["escape"])

    def _write(self, text: str) -> None:
        if self._adrift:
            return
        if not self._wraps and self._x + len(text) < self.columns and text.isascii():
            self._cells[self._y][self._x : self._x + len(text)] = text
            self._x += len(text)
            return
        for character in text:
            width = width_of(character)
            if width == 0:
                continue
            if self._wraps or self._x + width > self.columns:
                self._x = 0
                self._line_feed()
                self._wraps = False
            row = self._cells[self._y]
            row[self._x] = character
            if width == 2 and self._x + 1 < self.columns:
                row[self._x + 1] = ""
            self._x += width
            if self._x >= self.columns:
                self._x, self._wraps = self.columns - 1, True

    def _control(self, character: str) -> None:
        if self._adrift:
            return
        if character in "\n\v\f":
            self._line_feed()
        elif character == "\r":
            self._x = 0
        elif character == "\b":
            self._x = max(0, self._x - 1)
        elif character == "\t":
            self._x = min(self.columns - 1, (self._x // 8 + 1) * 8)
        elif character in "\x84\x85\x8d\x90\x9b\x9d\x9e\x9f\x0e":
            self.lose()
            return
        else:
            return
        self._wraps = False

    def _escape(self, final: str) -> None:
        if final == "c":
            self.lose()
        elif final == "7":
            self._saved = None if self._adrift else (self._y, self._x)
        elif final == "8":
            self._restore()
        elif self._adrift:
            return
        elif final == "D":
            self._line_feed()
        elif final == "E":
            self._x = 0
            self._line_feed()
        elif final == "M":
            self._reverse_line_feed()
        elif final not in ("=", ">", "\\", "(B", ")B", "H"):
            self.lose()
        self._wraps = False

    def _sequence(self, private: str, numbers: str, between: str, final: str) -> None:
        if private:
            if private == "?" and final in "hl":
                for mode in numbers.split(";"):
                    self._mode(mode, on=final == "h")
            return
        if between or final in _HARMLESS:
            return
        values = [int(number) if number.isdigit() else 0 for number in numbers.split(";")][:16]
        if final in "Hf":
            row, column = (*values, 0)[:2] if len(values) > 1 else (values[0], 1)
            self._place(row - 1, column - 1)
        elif final == "r":
            self._margins(values)
        elif final in "su":
            self._escape("7" if final == "s" else "8")
        elif final == "J" and values[0] >= 2:
            self._blank_all()
        elif not self._adrift:
            self._edit(values[0], final)
        self._wraps = False

    def _edit(self, value: int, final: str) -> None:
        count = max(1, value)
        if final in _STEPS:
            down, right = _STEPS[final]
            # Steps end at a margin, unless they begin beyond it.
            low = self._top if self._y >= self._top else 0
            high = self._bottom if self._y <= self._bottom else self.rows - 1
            row = min(max(low, self._y + down * count), high)
            self._place(row, 0 if final in "EF" else self._x + right * count)
        elif final in "G`":
            self._place(self._y, count - 1)
        elif final == "d":
            self._place(count - 1, self._x)
        elif final == "K":
            self._blank_in_row(value)
        elif final == "J":
            self._blank_in_row(value)
            for other in range(self._y + 1, self.rows) if value == 0 else range(self._y):
                self._cells[other] = [" "] * self.columns
        elif final == "X":
            self._blank(self._x, self._x + count)
        elif final == "P":
            here = self._cells[self._y]
            del here[self._x : self._x + count]
            here.extend(" " * (self.columns - len(here)))
        elif final == "@":
            here = self._cells[self._y]
            here[self._x : self._x] = " " * min(count, self.columns)
            del here[self.columns :]
        elif final in "LMST":
            top = self._y if final in "LM" else self._top
            if self._top <= top <= self._bottom:
                self._scroll(top, count, up=final in "MS")
                self._x = 0 if final in "LM" else self._x
        else:
            self.lose()

    def _place(self, row: int, column: int) -> None:
        self._y = min(max(0, row), self.rows - 1)
        self._x = min(max(0, column), self.columns - 1)
        self._adrift = False

    def _restore(self) -> None:
        if self._saved is None:
            self._adrift = True
        else:
            self._place(*self._saved)

    def _margins(self, values: list[int]) -> None:
        top, bottom = values[0] or 1, (values[1] if len(values) > 1 else 0) or self.rows
        if top < bottom <= self.rows:
            self._top, self._bottom = top - 1, bottom - 1
            self._place(0, 0)

    def _mode(self, mode: str, *, on: bool) -> None:
        if mode == "25":
            self.cursor_shown = on
        elif mode in ("47", "1047", "1049"):
            if on and self._other is None:
                self._other = self._cells
                self._blank_all()
            elif not on and self._other is not None:
                self._cells, self._other = self._other, None
            # Where the cursor is then, terminals disagree.
            self._adrift = True
        elif mode in ("3", "6", "69"):
            self.lose()

    def _blank_all(self) -> None:
        self._cells = [[" "] * self.columns for _ in range(self.rows)]

    def _blank_in_row(self, value: int) -> None:
        start = self._x if value == 0 else 0
        self._blank(start, self.columns if value != 1 else self._x + 1)

    def _blank(self, start: int, end: int) -> None:
        end = min(end, self.columns)
        self._cells[self._y][start:end] = " " * max(0, end - start)

    def _line_feed(self) -> None:
        if self._y == self._bottom:
            self._scroll(self._top, 1, up=True)
        elif self._y < self.rows - 1:
            self._y += 1

    def _reverse_line_feed(self) -> None:
        if self._y == self._top:
            self._scroll(self._top, 1, up=False)
        elif self._y > 0:
            self._y -= 1

    def _scroll(self, top: int, count: int, *, up: bool) -> None:
        count = min(count, self._bottom - top + 1)
        part = self._cells[top : self._bottom + 1]
        empty = [[" "] * self.columns for _ in range(count)]
        self._cells[top : self._bottom + 1] = part[count:] + empty if up else empty + part[: len(part) - count]


def width_of(character: str) -> int:
    """How many columns a character takes: 0, 1 or 2."""
    if character < "\u0300":
        return 1
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
