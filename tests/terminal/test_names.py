"""The names of our commands, as the proxy gives them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from cli import stand_ins
from ports import held_port

from codexplus_core.terminal.names import AGAIN_S, FIRST_WAIT_S, FRESH_S, WAIT_S, Names, of_proxy


def test_the_proxy_is_asked_for_the_folders_names() -> None:
    with stand_ins.listening([{"name": "foo"}, {"name": "team:bar"}, {"name": 7}, "x", {}]) as port:
        assert of_proxy(port, Path("/a b"))() == frozenset({"foo", "team:bar"})


def test_the_other_names_of_a_command_are_ours_too() -> None:
    with stand_ins.listening([{"name": "team:bar", "aliases": ["bar", "a b"]}, {"name": "x", "aliases": None}]) as port:
        assert of_proxy(port, Path("/"))() == frozenset({"team:bar", "bar", "x"})


def test_a_name_that_would_press_other_keys_is_none_of_ours() -> None:
    names = ["fix\x1b[201~\r!rm", "two words", "", "a\x07", "a\u202eb", "a\x9bc", "ünï"]
    with stand_ins.listening([{"name": name} for name in names]) as port:
        assert of_proxy(port, Path("/"))() == frozenset({"ünï"})


@pytest.mark.parametrize(("body", "status"), [({}, 200), ([{"name": "foo"}], 404), ([{"name": "foo"}], 503)])
def test_an_answer_of_another_kind_is_none(body: object, status: int) -> None:
    with stand_ins.listening(body, status) as port:
        assert of_proxy(port, Path("/"))() is None


def test_no_proxy_is_no_answer() -> None:
    with held_port() as port:
        assert of_proxy(port, Path("/"))() is None


class Asked:
    def __init__(self, *answers: frozenset[str] | None) -> None:
        self.answers = list(answers)
        self.go = threading.Event()
        self.woken = threading.Semaphore(0)
        self.names = Names(self.ask, self.woken.release)

    def ask(self) -> frozenset[str] | None:
        assert self.go.wait(10)
        return self.answers.pop(0)


def test_asking_keeps_nobody_waiting_and_happens_once_at_a_time() -> None:
    asked = Asked(frozenset({"foo"}))

    asked.names.refresh(1.0)
    asked.names.refresh(1.0 + 2 * FRESH_S)

    assert asked.names.known == frozenset()
    assert asked.names.due(1.0) == 1.0 + FIRST_WAIT_S
    assert asked.names.due(1.0 + FIRST_WAIT_S) is None
    asked.go.set()
    assert asked.woken.acquire(timeout=10)
    assert asked.names.known == {"foo"}
    assert asked.names.due(1.0) is None


def test_where_an_answer_is_known_the_next_one_is_waited_for_less() -> None:
    asked = Asked(frozenset({"foo"}), frozenset({"bar"}))
    asked.go.set()
    asked.names.refresh(1.0)
    assert asked.woken.acquire(timeout=10)
    asked.go.clear()

    asked.names.refresh(10.0)

    assert asked.names.due(10.0) == 10.0 + WAIT_S
    assert asked.names.known == {"foo"}
    asked.go.set()
    assert asked.woken.acquire(timeout=10)


def test_a_missing_answer_is_asked_for_again_soon() -> None:
    asked = Asked(None, frozenset({"foo"}))
    asked.go.set()
    asked.names.refresh(1.0)
    assert asked.woken.acquire(timeout=10)

    asked.names.refresh(1.0 + 2 * AGAIN_S)

    assert asked.woken.acquire(timeout=10)
    assert asked.names.known == {"foo"}


def test_an_answer_counts_for_a_while_and_a_missing_one_takes_nothing_away() -> None:
    asked = Asked(frozenset({"foo"}), None, frozenset())
    asked.go.set()
    for now in (1.0, 1.1, 1.0 + FRESH_S, 1.0 + 2 * FRESH_S):
        before = len(asked.answers)
        asked.names.refresh(now)
        if now != 1.1:
            assert asked.woken.acquire(timeout=10)
        assert len(asked.answers) == (before if now == 1.1 else before - 1)
        assert asked.names.known == (frozenset() if now == 1.0 + 2 * FRESH_S else {"foo"})
