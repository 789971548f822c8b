"""The terminal that we ourselves run on, when its window is closed."""

from __future__ import annotations

import os
import sys
import termios

import pytest

from codexplus_core.terminal.outer import OuterTerminal


def test_a_closed_window_fails_in_reading_and_not_in_setting_its_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    window, ours = os.openpty()
    with os.fdopen(ours, "rb+", buffering=0) as terminal:
        monkeypatch.setattr(sys, "__stdin__", terminal)
        monkeypatch.setattr(sys, "__stdout__", terminal)
        outer = OuterTerminal()
        outer.raw()
        os.close(window)
        with pytest.raises(termios.error):
            termios.tcgetattr(ours)

        outer.raw()
        outer.restore()
        outer.close()

        assert terminal.read(1) == b""
