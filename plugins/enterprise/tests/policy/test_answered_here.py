"""What codex-plus answers itself is for whoever is refused, too; what goes up is judged, whatever it looked like."""

from __future__ import annotations

from typing import Any

import pytest

from codexplus_core import Command, Exchange, LocalReply, hookimpl
from codexplus_core.testing import Harness

BOTH = pytest.mark.parametrize("transport", ["http", "websocket"])

FORBIDDEN = ["security: {modelAllowlist: [other]}\n", "codex: {versions: '<0.1'}\n"]
KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
EVERYTHING = pytest.mark.parametrize("policy", FORBIDDEN)


class Commands:
    """One command that answers, and one whose words are for the model."""

    @hookimpl
    def add_commands(self) -> list[Command]:
        async def answer(exchange: Exchange, args: str) -> LocalReply:
            return LocalReply(f"this is {exchange.model} {args}: {exchange.barred[:21]}")

        async def expand(exchange: Exchange, args: str) -> str:
            return f"expanded {args}"

        return [Command("look", answer=answer), Command("expand", expand=expand)]


class Rewrites:
    """Puts other words in the place of what was typed."""

    def __init__(self, words: str, order: int) -> None:
        self.words = words
        self.ORDER = order

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        if exchange.prompt is not None:
            exchange.prompt = self.words


def sent(proxy: Harness) -> list[object]:
    return [request for request in proxy.upstream.requests if request.body]


@BOTH
@EVERYTHING
@pytest.mark.req("E1", "E5")
async def test_a_command_that_needs_no_model_answers_whoever_is_refused(
    workspace: Any, transport: Any, policy: str
) -> None:
    workspace.policy(policy)

    async with workspace.proxy(Commands(), transport=transport) as proxy:
        refused = await proxy.say("hello")
        shown = await proxy.say("/look here")
        again = await proxy.say("hello again")

    assert refused.error is not None and refused.error.startswith("This workspace allows")
    assert (shown.error, shown.text) == (None, "this is gpt-6.1-sol here: This workspace allows")
    assert again.error is not None and again.error.startswith("This workspace allows")
    assert sent(proxy) == []


@BOTH
@EVERYTHING
@pytest.mark.req("E1", "E5")
async def test_a_command_whose_words_are_for_the_model_stays_refused(
    workspace: Any, transport: Any, policy: str
) -> None:
    workspace.policy(policy)

    async with workspace.proxy(Commands(), transport=transport) as proxy:
        answer = await proxy.say("/expand this")

    assert answer.error is not None and answer.error.startswith("This workspace allows")
    assert sent(proxy) == []


@BOTH
@pytest.mark.req("E1")
@pytest.mark.parametrize(
    ("words", "order", "typed"),
    [("send this", 40, "/look"), ("send this", 95, "/look"), ("/look", 40, "send this"), ("/look", 95, "send this")],
)
async def test_whatever_a_plugin_makes_of_a_prompt_that_then_goes_up_is_judged(
    workspace: Any, transport: Any, words: str, order: int, typed: str
) -> None:
    workspace.policy(FORBIDDEN[0])

    async with workspace.proxy(Commands(), Rewrites(words, order), transport=transport) as proxy:
        answer = await proxy.say(typed)

    assert answer.error is not None and answer.error.startswith("This workspace allows: other.")
    assert sent(proxy) == []


@BOTH
@pytest.mark.req("E1")
async def test_a_plugin_that_says_something_else_was_typed_gets_nothing_past_the_policy(
    workspace: Any, transport: Any
) -> None:
    class Pretends:
        ORDER = 95

        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            exchange.prompt = exchange.prompt_as_typed = "send this"

    workspace.policy(FORBIDDEN[0])

    async with workspace.proxy(Commands(), Pretends(), transport=transport) as proxy:
        answer = await proxy.say("/look")

    assert answer.error is not None and answer.error.startswith("This workspace allows: other.")
    assert sent(proxy) == []


@pytest.mark.req("E1")
async def test_what_was_answered_here_is_answered_again_for_a_client_that_asks_again(workspace: Any) -> None:
    workspace.policy(FORBIDDEN[0])

    async with workspace.proxy(Commands()) as proxy:
        request = proxy.codex.say("/look here")
        first, again = await proxy.send(request), await proxy.send(request)

    assert first.text == again.text == "this is gpt-6.1-sol here: This workspace allows"


@BOTH
@pytest.mark.req("E5")
async def test_without_the_policy_that_is_to_be_fetched_a_command_answers_and_nothing_goes_up(
    workspace: Any, transport: Any
) -> None:
    workspace.policy(f"policy: {{url: 'http://127.0.0.1:9/policy.yaml', publicKey: {KEY}}}\n")

    async with workspace.proxy(Commands(), transport=transport) as proxy:
        shown, refused = await proxy.say("/look here"), await proxy.say("hello")

    assert shown.text == "this is gpt-6.1-sol here: Nothing is sent: the "
    assert refused.error is not None and refused.error.startswith("Nothing is sent: the policy of this workspace")
    assert sent(proxy) == []


@pytest.mark.req("E1")
async def test_a_command_of_whoever_is_not_refused_is_told_of_no_refusal_and_none_is_in_the_log(workspace: Any) -> None:
    workspace.policy("security: {modelAllowlist: [gpt-6.1-sol]}\naudit: {enabled: true}\n")

    async with workspace.proxy(Commands()) as proxy:
        well = await proxy.say("/look here")
        workspace.policy("security: {modelAllowlist: [other]}\naudit: {enabled: true}\n")
        refused = await proxy.say("/look there")

    assert well.text == "this is gpt-6.1-sol here: "
    assert refused.text == "this is gpt-6.1-sol there: This workspace allows"
    (log,) = (workspace.home / ".codexplus/audit").glob("*.jsonl")
    assert "request.refuse" not in log.read_text("utf-8")
