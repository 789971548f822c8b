"""One conversation, whatever it is carried over: the transport changes, or differs on the two sides of the proxy."""

from __future__ import annotations

import pytest
from e2e.codex import NEW, NEWEST, Transport
from e2e.said import calls_in, tool_names, words_of
from e2e.test_tui import SETTINGS

from codexplus_core.testing import call, reasoning, shell, text

pytestmark = pytest.mark.e2e

LOOKED_UP = [("function_call", '{"key": "a"}'), ("function_call_output", "value of a")]


def lookup(version: str):
    return reasoning() + call("lookup", {"key": "a"}, namespace="functions" if version == NEWEST else None)


@pytest.mark.wire("W3", "W11", "W12")
@pytest.mark.parametrize("version", NEW)
async def test_a_session_goes_on_over_the_other_transport(version: str, codex, upstream, proxy) -> None:
    upstream.transport = None
    running = await proxy("upper,tool")
    one = codex(version).point_at(running.url)
    one.in_trouble = True
    upstream.script = [
        lookup(version), text("It is the value of a."), text("Second."),
        lookup(version), text("Third."), text("Fourth."),
    ]  # fmt: skip

    for taken, prompt in ((101, "/up one"), (426, "/up two"), (101, "/up three"), (426, "four")):
        upstream.websocket = taken
        await one.resume(prompt) if one.runs else await one.exec(prompt)
        await running.stop()
        await running.start()

    methods = [got.method for got in upstream.turns]
    assert methods == ["WEBSOCKET", "WEBSOCKET", "POST", "WEBSOCKET", "WEBSOCKET", "POST"]
    assert [ran.trouble for ran in one.runs] == [[]] * 4
    assert words_of(upstream.turns[-1]) == [
        "REWRITTEN: one", "It is the value of a.", "REWRITTEN: two", "Second.", "REWRITTEN: three", "Third.", "four",
    ]  # fmt: skip
    assert [calls_in(got) for got in upstream.turns] == [
        [], LOOKED_UP, LOOKED_UP, LOOKED_UP, LOOKED_UP * 2, LOOKED_UP * 2,
    ]  # fmt: skip
    for before, after in zip(upstream.turns, upstream.turns[1:], strict=False):
        assert words_of(after)[: len(words_of(before))] == words_of(before)


@pytest.mark.wire("W3")
@pytest.mark.parametrize("plugins", ["none", "upper,tool"])
@pytest.mark.parametrize(("version", "transport"), [(version, "http") for version in NEW])
async def test_codex_speaks_websocket_to_the_proxy_before_an_upstream_that_does_not(
    version: str, transport: Transport, plugins: str, codex, upstream, proxy
) -> None:
    one = codex(version).point_at((await proxy(plugins, websockets="bridge")).url)
    upstream.script = [reasoning() + shell("echo x > made.txt; echo done"), text("Written."), text("Later.")]

    ran = await one.exec("write it", json=True)
    await one.resume("and?")

    assert ran.messages == ["Written."]
    assert (one.project / "made.txt").exists()
    assert [ran.websocket_errors for ran in one.runs] == [[], []]
    assert [got.method for got in upstream.requests] == ["POST"] * 3  # no warm-up either
    asked, told, later = upstream.turns
    assert [got.body["input"] == got.conversation for got in upstream.turns] == [True] * 3
    assert words_of(told) == ["write it"]
    assert [kind.removeprefix("custom_tool_").removeprefix("function_") for kind, _ in calls_in(told)] == [
        "call", "call_output",
    ]  # fmt: skip
    assert words_of(later) == ["write it", "Written.", "and?"]
    assert ("lookup" in tool_names(asked)) is (plugins != "none")


@pytest.mark.wire("W3", "W12")
@pytest.mark.parametrize("version", ["0.98.0", "0.60.1", "0.29.0"])
async def test_an_old_codex_before_an_upstream_that_speaks_websocket_only(version: str, codex, upstream, proxy) -> None:
    running = await proxy("upper,tool", url=upstream.url.replace("http://", "ws://"))
    one = codex(version).point_at(running.url)
    upstream.script = [lookup(version), shell("echo x > made.txt; echo done"), text("Written."), text("Later.")]

    ran = await one.exec("/up write it")

    assert "Written." in ran.stdout
    assert (one.project / "made.txt").exists()
    if version != "0.29.0":
        await one.resume("and?")
        assert words_of(upstream.turns[-1])[-3:] == ["REWRITTEN: write it", "Written.", "and?"]
    assert {got.method for got in upstream.requests} == {"WEBSOCKET"}
    assert calls_in(upstream.turns[1]) == LOOKED_UP


@pytest.mark.wire("W3")
@pytest.mark.parametrize("version", NEW)
async def test_websockets_can_be_switched_off(version: str, codex, upstream, proxy) -> None:
    upstream.transport = "http"
    one = codex(version).point_at((await proxy("ping", websockets="off")).url)
    one.in_trouble = True

    ran = await one.exec("hi", json=True)

    assert ran.messages == ["Hello from the script."]
    assert ran.trouble == []
    assert upstream.handshakes == []


@pytest.mark.req("P11")
@pytest.mark.wire("W3")
@pytest.mark.parametrize("plugins", ["none", "upper,tool"])
async def test_a_proxy_that_starts_anew_between_two_prompts_is_not_noticed(
    plugins: str, codex, upstream, proxy, tui
) -> None:
    running = await proxy(plugins)
    one = codex(NEWEST)
    one.configure(SETTINGS)
    # Where Codex connects again before the proxy is back, it goes on over HTTP.
    upstream.transport = None
    upstream.script = [text("The first answer."), text("The second answer.")]
    screen = await tui(one.point_at(running.url))

    await screen.say("one thing")
    await screen.shows("• The first answer.")
    await running.stop()
    await running.start()
    await screen.say("another thing")
    seen = await screen.shows("• The second answer.")

    assert [word for word in ("econnecting", "warning", "■", "rror") if word in seen] == []
    (second,) = (words_of(got) for got in upstream.turns if "another thing" in words_of(got))
    assert second == ["one thing", "The first answer.", "another thing"]
