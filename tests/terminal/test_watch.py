"""The emulator behind the output: it catches up where that is cheap, and gives up where it is not."""

from __future__ import annotations

from codexplus_core.terminal.screen import UNKNOWN, Screen
from codexplus_core.terminal.watch import BACKLOG, STEP, Watch


def test_looking_catches_up() -> None:
    watch = Watch(Screen(5, 40))
    watch.add("\x1b[2J\x1b[2;1H› /foo".encode())

    found = watch.composer()

    assert found is not None
    assert found.name == "foo"
    assert not watch.is_behind


def test_a_flood_is_given_up_and_what_is_drawn_after_it_counts() -> None:
    watch = Watch(Screen(5, 40))
    watch.add("\x1b[2J\x1b[2;1H› /foo".encode())
    for _ in range(20):
        watch.add(b"y\r\n" * (BACKLOG // 6))

    assert len(watch._backlog) <= BACKLOG
    assert watch.composer() is None
    assert set(watch.screen.row(1)) == {UNKNOWN}
    watch.add("\x1b[2J\x1b[2;1H› /bar".encode())
    found = watch.composer()
    assert found is not None
    assert found.name == "bar"


def test_one_step_is_a_small_one() -> None:
    watch = Watch(Screen(5, 40))
    watch.add(b"x" * (STEP + 1))

    watch.step()

    assert watch.is_behind
    watch.step()
    assert not watch.is_behind
