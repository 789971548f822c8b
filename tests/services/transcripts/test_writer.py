"""The writer works on what has gathered, settles some time later, and at once for who waits for it."""

from __future__ import annotations

import threading

import pytest

from codexplus_core.services.transcripts.writer import MANY, Writer

LONG = 3600.0


class Log:
    """What a writer did, in order."""

    def __init__(self, *, gather_s: float = 0.0, settle_s: float = LONG) -> None:
        self.done: list[list[int] | str] = []
        self.worked, self.settled = threading.Event(), threading.Event()
        self.writer = Writer(self.work, settle=self.settle, name="test", gather_s=gather_s, settle_s=settle_s)

    def work(self, things: list[int]) -> None:
        self.done.append(things)
        self.worked.set()
        if 0 in things:
            raise ZeroDivisionError

    def settle(self) -> None:
        self.done.append("settled")
        self.settled.set()


def test_what_gathers_is_worked_on_together() -> None:
    log = Log(gather_s=LONG)

    for thing in (1, 2, 3):
        log.writer.put(thing)
    log.writer.flush().result(10)
    log.writer.close()

    assert log.done == [[1, 2, 3], "settled"]


def test_nobody_waits_and_it_is_settled_all_the_same() -> None:
    log = Log(settle_s=0.01)

    log.writer.put(1)

    assert log.settled.wait(10)
    assert log.done == [[1], "settled"]
    log.writer.close()


def test_what_comes_while_something_has_to_be_settled_is_worked_on_with_that() -> None:
    log = Log()
    log.writer.put(1)
    assert log.worked.wait(10)

    for thing in (2, 3):
        log.writer.put(thing)
    log.writer.flush().result(10)
    log.writer.close()

    assert log.done == [[1], [2, 3], "settled"]


def test_what_comes_after_all_was_settled_wakes_it_again() -> None:
    log = Log(settle_s=0.01)
    log.writer.put(1)
    assert log.settled.wait(10)
    log.worked.clear()

    log.writer.put(2)

    assert log.worked.wait(10)
    log.writer.close()
    assert log.done == [[1], "settled", [2], "settled"]


def test_who_waits_gets_it_done_however_long_the_others_would_gather() -> None:
    log = Log(gather_s=LONG)
    gathering = waits_with(log, "_must_not_wait")

    log.writer.put(1)
    assert gathering.wait(10)
    log.writer.flush().result(10)
    log.writer.close()

    assert log.done == [[1], "settled"]


@pytest.mark.parametrize("gather_s", [0.0, LONG], ids=["while something is to be settled", "at first"])
def test_so_much_does_not_wait_for_more(gather_s: float) -> None:
    log = Log(gather_s=gather_s)
    if not gather_s:
        log.writer.put(-1)
        assert log.worked.wait(10)
        log.worked.clear()

    for thing in range(1, MANY + 1):
        log.writer.put(thing)

    assert log.worked.wait(10)
    assert log.done[-1] == [*range(1, MANY + 1)]
    log.writer.close()


def waits_with(log: Log, predicate: str) -> threading.Event:
    """Set once the writer's thread looks whether it may go on gathering."""
    asked, looks = threading.Event(), getattr(log.writer, predicate)

    def look() -> bool:
        asked.set()
        return bool(looks())

    setattr(log.writer, predicate, look)
    return asked


def test_the_end_settles_what_was_done_and_what_waits() -> None:
    log = Log()
    log.writer.put(1)
    assert log.worked.wait(10)

    log.writer.put(2)
    assert log.writer.close()

    assert log.done == [[1], [2], "settled"]
    assert not log.writer.put(3)
    log.writer.flush().result(10)


def test_flushing_what_is_settled_does_nothing() -> None:
    log = Log()
    log.writer.flush().result(10)
    log.writer.put(1)
    log.writer.flush().result(10)

    log.writer.flush().result(10)
    log.writer.close()

    assert log.done == [[1], "settled"]


def test_a_fault_does_not_keep_what_was_done_before_from_being_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    log = Log()
    log.writer.put(1)
    assert log.worked.wait(10)

    log.writer.put(0)
    log.writer.flush().result(10)
    log.writer.flush().result(10)
    log.writer.close()

    assert log.done == [[1], [0], "settled"]
