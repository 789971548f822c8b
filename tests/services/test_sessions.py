"""Threads and their sessions: when they begin, what they inherit, when they end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codexplus_core.conversation.reading import read_request
from codexplus_core.conversation.record import Key, MemoryStore, Record
from codexplus_core.conversation.speaker import Speaker
from codexplus_core.conversation.view import ClientView
from codexplus_core.exchange import Phase
from codexplus_core.protocol.body import RequestBody
from codexplus_core.protocol.items import message
from codexplus_core.services.sessions import IDLE_S, Sessions

USER = message("user", "hello")
SAID = message("assistant", "hi")
SUMMARY = {"type": "compaction", "encrypted_content": "E"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def speaker(thread: str = "t", *, parent: str | None = None, origin: Any = "user", began: str = "") -> Speaker:
    return Speaker("s", thread, parent, "turn", origin, "0.169.0", True, began, None)


def phase(sessions: Sessions, who: Speaker, *items: dict[str, Any]) -> Phase | None:
    thread = sessions.thread(who)
    body = RequestBody(json.dumps({"input": items}).encode())
    return sessions.phase(thread, read_request(thread.ledger, who, body))


@pytest.mark.parametrize(
    ("began", "items", "expected"),
    [
        ("new", [USER], "start"),
        ("", [USER], "start"),
        ("", [USER, SAID, USER], "resume"),
        ("new", [USER, SAID, USER], "resume"),
        ("cold_resume", [USER], "resume"),
        ("cold_fork", [USER, SAID, USER], "start"),
        ("", [USER, SUMMARY, USER], "resume"),
    ],
)
def test_the_first_request_of_a_thread_starts_or_resumes_it(
    began: str, items: list[dict[str, Any]], expected: Phase
) -> None:
    sessions = Sessions(MemoryStore(), Clock())

    first = phase(sessions, speaker(began=began), *items)
    second = phase(sessions, speaker(began=began), *items)

    assert (first, second) == (expected, None)


def test_an_idle_thread_ends_once_and_is_resumed_when_it_goes_on() -> None:
    clock = Clock()
    sessions = Sessions(MemoryStore(), clock)
    phase(sessions, speaker(began="new"), USER)

    clock.now = IDLE_S + 1
    ended, again = sessions.ended(), sessions.ended()

    assert ([session.thread_id for session in ended], again) == (["t"], [])
    assert phase(sessions, speaker(began="new"), USER, SAID, USER) == "resume"


def test_a_thread_that_is_forgotten_for_others_ends_too() -> None:
    sessions = Sessions(MemoryStore(), Clock(), keep=2)

    for name in ("a", "b", "c"):
        phase(sessions, speaker(name), USER)

    assert [session.thread_id for session in sessions.ended()] == ["a"]
    assert len(sessions) == 2


def test_forks_and_sub_agents_inherit_edits_and_titles_do_not() -> None:
    store = MemoryStore()
    store.save("t", Record(Key(None, "msg:user:1"), "prompt", replace=()))
    sessions = Sessions(store, Clock())

    for name, origin in (("fork", "user"), ("agent", "subagent"), ("title", "title")):
        sessions.thread(speaker(name, parent="t", origin=origin))

    assert [store.edited(name) for name in ("fork", "agent", "title")] == [True, True, False]


def test_clients_that_name_no_thread_share_nothing() -> None:
    sessions = Sessions(MemoryStore(), Clock())

    one, two = sessions.thread(speaker("")), sessions.thread(speaker(""))

    assert one is not two
    assert one.session is not two.session


def test_a_session_learns_where_it_works_and_that_it_moved() -> None:
    sessions = Sessions(MemoryStore(), Clock())
    there = [message("user", f"<environment_context><cwd>{path}</cwd></environment_context>") for path in ("/a", "/b")]

    phase(sessions, speaker(), there[0], USER)
    before = sessions.thread(speaker()).session.cwd
    phase(sessions, speaker(), there[0], USER, SAID, there[1], USER)

    assert (str(before), str(sessions.thread(speaker()).session.cwd)) == ("/a", "/b")


@pytest.mark.req("P9")
def test_a_thread_that_never_says_where_it_works_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    item = ClientView.item

    def counted(view: ClientView, index: int) -> dict[str, Any]:
        read.append(index)
        return item(view, index)

    sessions = Sessions(MemoryStore(), Clock())
    talk = [message("user", f"prompt {number}") for number in range(200)]
    phase(sessions, speaker(), *talk)
    monkeypatch.setattr(ClientView, "item", counted)
    phase(sessions, speaker(), *talk, SAID, USER)

    assert min(read) >= len(talk) - 1
