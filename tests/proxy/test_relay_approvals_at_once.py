"""Several questions and several answers at once, or one that was interrupted."""

from __future__ import annotations

import asyncio
import re

import pytest
from proxy.asking import Asks, AsksToo, deploy, hidden, wire
from proxy.made_plugin import sent

from codexplus_core import Exchange, LocalReply, hookimpl
from codexplus_core.testing import Harness

pytestmark = pytest.mark.transports("http", "websocket")


@pytest.mark.abuse("C08")
async def test_two_plugins_that_ask_are_answered_one_after_the_other_and_only_once_each() -> None:
    first, second = Asks("/deploy", deploy("one")), AsksToo("deployed", deploy("two"))
    async with Harness({"a": first, "b": second}) as proxy:
        assert "\none\n" in (await proxy.say("/deploy prod")).text
        assert "\ntwo\n" in (await proxy.say("y")).text
        assert (await proxy.say("y")).text == "Hello from the script."

        # The first one's hook is called again with every answer: its yes is that prompt's, not that request's.
        assert first.ran == ["/deploy prod"] * 2 and second.ran == ["deployed /deploy prod"]
        assert '"deployed deployed /deploy prod"' in sent(proxy.upstream)
        assert proxy.app.approvals.list() == []
        assert hidden(proxy)


class AsksLate(Asks):
    """Waits before it asks, so that two prompts ask at once."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.both = asyncio.Event()

    @hookimpl
    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        if exchange.prompt and exchange.prompt.startswith("/deploy"):
            self.waiting += 1
            if self.waiting == 2:
                self.both.set()
            await self.both.wait()
            self.proposals = (deploy(exchange.prompt),)
        return await Asks.on_request(self, exchange)


@pytest.mark.abuse("C08")
@pytest.mark.transports("http")
@pytest.mark.parametrize("word", ["y", "n"])
async def test_of_two_questions_at_once_the_answer_names_the_one_that_it_means(word: str) -> None:
    asks = AsksLate()
    async with Harness([asks]) as proxy, asyncio.timeout(20):
        one = proxy.codex.say("/deploy one")
        first = asyncio.create_task(proxy.request(*wire(one)))
        proxy.codex.history.append(proxy.codex._said("user", ["/deploy two"], ["user.text"]))
        proxy.codex.thread.turn = proxy.codex.mint.uuid()
        two = proxy.codex._send()
        second = await proxy.send(two)
        await first
        assert second.text.count("Allow?") == 1

        unclear = await proxy.say(word)
        assert "Say which question you answer" in unclear.text and asks.ran == []
        codes = re.findall(r"`Y (\d{4})`", unclear.text)
        answered = await proxy.say(f"{word} {codes[1]}")

        assert len(codes) == 2 and len(set(codes)) == 2
        if word == "n":
            assert answered.text.startswith("Not run.\n\n") and f"`Y {codes[0]}`" in answered.text
            assert (await proxy.say("y")).text == "Hello from the script."
        assert len(asks.ran) == 1


@pytest.mark.abuse("C18")
@pytest.mark.transports("http")
async def test_the_same_answer_on_two_connections_at_once_counts_once() -> None:
    asks = Asks()
    async with Harness([asks]) as proxy:
        await proxy.say("/deploy prod")
        answer = proxy.codex.say("y")

        await asyncio.gather(*(proxy.request(*wire(answer)) for _ in range(3)))

        assert asks.ran == ["/deploy prod"]
        assert hidden(proxy)


@pytest.mark.abuse("C18")
@pytest.mark.transports("http")
async def test_of_two_answers_in_two_turns_at_once_one_counts() -> None:
    asks = Asks()
    async with Harness([asks]) as proxy:
        await proxy.say("/deploy prod")
        one = proxy.codex.say("y")
        del proxy.codex.history[-1]
        two = proxy.codex.say("y")

        await asyncio.gather(proxy.request(*wire(one)), proxy.request(*wire(two)))

        assert asks.ran == ["/deploy prod"]


@pytest.mark.abuse("C05", "C18")
@pytest.mark.transports("http")
async def test_an_answer_whose_work_was_interrupted_holds_for_its_retry() -> None:
    started, leave = asyncio.Event(), asyncio.Event()

    class Interrupted(Asks):
        @hookimpl
        async def on_request(self, exchange: Exchange) -> LocalReply | None:
            reply = await Asks.on_request(self, exchange)
            if self.ran and not started.is_set():
                started.set()
                await asyncio.Event().wait()
            return reply

    asks = Interrupted()
    async with Harness([asks]) as proxy, asyncio.timeout(20):
        await proxy.say("/deploy prod")
        answer = proxy.codex.say("y")
        first = asyncio.create_task(proxy.request(*wire(answer), leave=leave))
        await started.wait()
        leave.set()
        await first
        again = await proxy.send(answer)

        assert again.text == "Hello from the script."
        assert asks.ran == ["/deploy prod"] * 2
        assert hidden(proxy)
