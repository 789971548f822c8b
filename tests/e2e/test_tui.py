"""The interactive Codex behind the proxy: what is on its screen, and what it sends."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from e2e.codex import NEWEST, WAYS, Auth, Codex, Transport
from e2e.proxies import codex_plus
from e2e.said import words_of

from codexplus_core.testing import StrictUpstream, reasoning, shell, text

pytestmark = pytest.mark.e2e

# Without these the screen speaks of what the machine lacks: a sandbox, helper programs.
SETTINGS = 'approval_policy = "never"\nsandbox_mode = "danger-full-access"\ncheck_for_update_on_startup = false'
BOTH: tuple[Transport, ...] = ("websocket", "http")
TROUBLE = ("econnecting", "warning", "⚠", "■", "rror")


def calm(screen: str) -> bool:
    """True where nothing on the screen speaks of trouble."""
    assert [word for word in TROUBLE if word in screen] == [], screen
    return True


async def set_up(one: Codex, port: int) -> Codex:
    """What a user does: ``codex-plus init --yes``."""
    one.configure(SETTINGS)
    done = await codex_plus(one, "init", "--yes", "--port", str(port))
    assert done.code == 0
    assert f'openai_base_url = "http://127.0.0.1:{port}/v1"' in one.config.read_text(encoding="utf-8")
    return one


@pytest.mark.req("P16")
@pytest.mark.parametrize("transport", BOTH)
async def test_the_screen_is_the_same_with_and_without_the_proxy(
    transport: Transport, codex, upstream, proxy, tui
) -> None:
    def script() -> list[Any]:
        return [text("A *first* answer."), reasoning() + shell("echo x > made.txt; echo well done"), text("All done.")]

    running = await proxy("none")
    upstream.script = script()
    plain = StrictUpstream(script(), websocket=upstream.websocket)
    screens = []
    async with plain.listen() as url:
        for name, base in (("one", f"{url}/v1"), ("two", running.url)):
            one = codex(NEWEST, name=name)
            one.configure(SETTINGS)
            screen = await tui(one.point_at(base))
            await screen.say("say hello")
            await screen.shows("• A first answer.", "· A scripted title")
            await screen.say("make it")
            await screen.shows("• All done.", "Ask Codex")
            # The line under an answer comes a moment after it.
            seen = await screen.shows("Worked for", times=2)
            screens.append([re.sub(r"Worked for \S+ • \d\d:\d\d", "Worked", line) for line in seen.splitlines()])

    assert calm("\n".join(screens[1]))
    assert screens[1] == screens[0]
    assert [got.answer for got in upstream.turns] == [got.answer for got in plain.turns]


@pytest.mark.req("P16")
@pytest.mark.parametrize("transport", BOTH)
async def test_turns_tools_and_rewrites_in_the_terminal(transport: Transport, codex, upstream, proxy, tui) -> None:
    running = await proxy("upper,ping,calls")
    one = await set_up(codex(NEWEST), running.port)
    upstream.script = [
        text("A first *answer*."), reasoning() + shell("echo x > made.txt; echo well done"), text("All done."),
        text("I read it."), text("And again."),
    ]  # fmt: skip
    screen = await tui(one)

    await screen.say("say hello")
    await screen.shows("• A first answer.")
    await screen.say("make it")
    seen = await screen.shows("• Ran echo x > made.txt; echo well done", "└ well done", "• All done.")
    assert calm(seen)
    await screen.say(" /up read this")
    await screen.shows("› /up read this", "• I read it.")
    await screen.say("once more")
    seen = await screen.shows("• And again.")

    assert calm(seen)
    assert (one.project / "made.txt").exists()
    assert [words_of(got, "user")[-1] for got in upstream.turns[-2:]] == ["REWRITTEN: read this", "once more"]
    assert "REWRITTEN: read this" in words_of(upstream.turns[-1])
    assert b"/up read this" not in b"".join(got.decoded for got in upstream.turns)


@pytest.mark.wire("W9")
@pytest.mark.parametrize("transport", BOTH)
async def test_nothing_about_a_local_answer_leaves_the_machine(
    transport: Transport, codex, upstream, proxy, tui
) -> None:
    running = await proxy("ping")
    one = await set_up(codex(NEWEST), running.port)
    upstream.script = [text("A real answer.")]
    screen = await tui(one)

    await screen.say(" /ping")
    # The title of the thread, for which Codex asks the model in a request of its own, comes from the proxy too.
    await screen.shows("• pong from the proxy", "· /ping")
    assert upstream.turns == []
    await screen.say("a real question")
    seen = await screen.shows("• A real answer.")

    assert calm(seen)
    assert [words_of(got) for got in upstream.turns] == [["a real question"]]


@pytest.mark.wire("W6")
@pytest.mark.parametrize("plugins", ["none", "upper,calls"])
@pytest.mark.parametrize("transport", BOTH)
async def test_esc_stops_the_upstream_and_the_next_turn_works(
    transport: Transport, plugins: str, codex, upstream, proxy, tui
) -> None:
    running = await proxy(plugins)
    one = await set_up(codex(NEWEST), running.port)
    upstream.script = [text("A first answer."), text("This one will not end.").stall("half", after_events=6)]
    screen = await tui(one)
    await screen.say("begin")
    await screen.shows("• A first answer.")

    await screen.say("go on for ever")
    async with asyncio.timeout(20):
        await upstream.standing_at("half")
    await screen.shows("• This one")
    await screen.key("Escape")
    stuck = next(got for got in upstream.turns if got.answer[-1] == "gate:half")
    await upstream.until(lambda: stuck.aborted)
    await screen.shows("interrupted")
    await screen.say("are you there?")
    seen = await screen.shows("• Hello from the script.")

    assert "econnecting" not in seen
    assert "are you there?" in words_of(upstream.turns[-1])


# What the older ones need so that they begin with their composer and not with an advertisement for another model.
FIRST = {
    "0.120.0": 'model = "gpt-5.4"',
    "0.60.1": 'model = "gpt-5.1-codex-max"',
    "0.29.0": 'preferred_auth_method = "apikey"',
}


# With a ChatGPT login the terminal of 0.169 ends unless chatgpt.com tells it where its workspace is, and that question
# goes past the base URL; 0.29 wants to be trusted with the login first.
LOGINS: list[tuple[str, Transport, Auth]] = [(*way, "api") for way in WAYS]
LOGINS += [("0.120.0", "websocket", "chatgpt"), ("0.98.0", "http", "chatgpt"), ("0.60.1", "http", "chatgpt")]


@pytest.mark.req("P16")
@pytest.mark.parametrize(("version", "transport", "auth"), LOGINS)
async def test_a_plain_turn_and_a_local_one_in_every_terminal(
    version: str, transport: Transport, auth: Auth, codex, upstream, proxy, tui
) -> None:
    running = await proxy("ping")
    one = codex(version, auth)
    one.configure("\n".join((FIRST.get(version, ""), SETTINGS)))
    screen = await tui(one.point_at(running.url))

    await screen.say("say hello")
    await screen.shows("Hello from the script.")
    await screen.say(" /ping")
    seen = await screen.shows("pong from the proxy")

    assert "econnecting" not in seen
    assert b"/ping" not in b"".join(got.decoded for got in upstream.turns)
