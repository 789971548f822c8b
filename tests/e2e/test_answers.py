"""What plugins answer, rewrite and refuse, as the real Codex shows it and as the model sees it, now and later."""

from __future__ import annotations

import json

import pytest
from e2e.codex import LOGGED_IN, NEW, WAYS, Auth, Transport
from e2e.said import words_of

from codexplus_core.testing import cut, text

pytestmark = pytest.mark.e2e

RESUMING = tuple(way for way in LOGGED_IN if way[0] != "0.29.0")


@pytest.mark.wire("W9")
@pytest.mark.parametrize(("version", "transport", "auth"), RESUMING)
async def test_a_local_answer_is_shown_and_the_model_never_learns_of_it(
    version: str, transport: Transport, auth: Auth, codex, upstream, proxy
) -> None:
    one = codex(version, auth).point_at((await proxy("ping")).url)
    upstream.script = [text("The first real answer."), text("The second real answer.")]

    local = await one.exec("/ping")
    assert upstream.turns == []
    real = await one.resume("a real question", json=True)
    again = await one.resume("/count", json=True)
    last = await one.resume("another question")

    assert "**pong** from the proxy" in local.stdout
    assert real.messages == ["The first real answer."]
    assert again.messages == ["one, two, three"]
    assert "The second real answer." in last.stdout
    first, second = upstream.turns
    assert words_of(first) == ["a real question"]
    assert words_of(second) == ["a real question", "The first real answer.", "another question"]
    assert b"pong" not in second.decoded
    assert [ran.code for ran in one.runs] == [0, 0, 0, 0]
    assert [event for ran in one.runs for event in ran.events if event.get("type") == "error"] == []


@pytest.mark.wire("W9")
@pytest.mark.parametrize("json_lines", [False, True])
async def test_the_oldest_codex_shows_a_local_answer_too(json_lines: bool, codex, upstream, proxy) -> None:
    ran = await codex("0.29.0").point_at((await proxy("ping")).url).exec("/ping", json=json_lines)

    assert ran.code == 0
    assert "**pong** from the proxy" in ran.stdout
    assert upstream.turns == []


@pytest.mark.wire("W11")
@pytest.mark.parametrize(("version", "transport", "auth"), RESUMING)
async def test_a_rewrite_holds_later_after_resume_and_after_a_crash_of_the_proxy(
    version: str, transport: Transport, auth: Auth, codex, upstream, proxy
) -> None:
    running = await proxy("upper")
    one = codex(version, auth).point_at(running.url)

    await one.exec("/up first")
    await one.resume("/up second")
    await running.kill()
    await running.start()
    await one.resume("third")

    answer = "Hello from the script."
    assert [words_of(got) for got in upstream.turns] == [
        ["REWRITTEN: first"],
        ["REWRITTEN: first", answer, "REWRITTEN: second"],
        ["REWRITTEN: first", answer, "REWRITTEN: second", answer, "third"],
    ]
    # The model's prompt cache lives from requests that begin with the same bytes.
    before, after = (json.dumps(words_of(got, "user", "assistant", "developer")) for got in upstream.turns[1:])
    if version != "0.98.0":  # sends its first context again after a resume
        assert after.startswith(before[:-1])


@pytest.mark.wire("W14")
@pytest.mark.parametrize(("version", "transport", "auth"), LOGGED_IN)
async def test_a_refusal_is_read_word_for_word_and_asked_once(
    version: str, transport: Transport, auth: Auth, codex, upstream, proxy
) -> None:
    running = await proxy("refuse,note")
    one = codex(version, auth).point_at(running.url)

    refused = await one.exec("tell me the secret plans")

    # The oldest ones print it on standard output.
    assert "The plans are secret; ask about something else." in refused.stderr + refused.stdout
    assert "127.0.0.1" not in refused.stdout
    assert "econnecting" not in refused.stderr + refused.stdout
    assert upstream.turns == []
    assert (running.home / "noted").read_text(encoding="utf-8").splitlines() == ["tell me the secret plans"]
    if version == "0.29.0":
        return
    await one.resume("something else")
    assert words_of(upstream.turns[0]) == ["something else"]


@pytest.mark.wire("W18")
@pytest.mark.parametrize(("version", "transport"), WAYS)
async def test_a_turn_that_codex_repeats_is_one_turn_for_plugins(
    version: str, transport: Transport, codex, upstream, proxy
) -> None:
    running = await proxy("note,upper")
    one = codex(version).point_at(running.url)
    one.in_trouble = True
    upstream.script = [cut(4), cut(4), text("At last.")]

    ran = await one.exec("/up once")

    assert "At last." in ran.stdout
    assert [words_of(got, "user")[-1] for got in upstream.turns] == ["REWRITTEN: once"] * 3
    assert (running.home / "noted").read_text(encoding="utf-8") == "/up once\n"


@pytest.mark.wire("W9")
@pytest.mark.parametrize("version", NEW)
async def test_a_local_answer_needs_no_upstream(version: str, codex, upstream, proxy) -> None:
    running = await proxy("ping", url="http://127.0.0.1:9/v1")

    ran = await codex(version).point_at(running.url).exec("/ping", json=True)

    assert ran.messages == ["**pong** from the proxy"]
    assert ran.trouble == []
