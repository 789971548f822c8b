"""How shell commands are started and what of their output is shown."""

from __future__ import annotations

from codexplus_slash.inclusions import shell_argv
from codexplus_slash.stops import shown


def test_windows_gets_its_own_shell() -> None:
    assert shell_argv("dir /b", "cmd") == ("cmd", "/d", "/s", "/c", "dir /b")
    assert shell_argv("ls -l", "bash") == ("bash", "-c", "ls -l")


def test_what_is_shown_moves_no_cursor_and_has_an_end() -> None:
    assert shown("a\x1b[31mb\x9b\tc\nd") == "a\ufffd[31mb\ufffd\tc\nd"
    assert len(shown("x" * 10_000)) < 4100
