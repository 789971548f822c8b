"""The ping plugin, driven through an in-process proxy."""

import codexplus_ping

from codexplus_core.testing import Harness


async def test_ping_is_answered_locally() -> None:
    async with Harness(plugins=[codexplus_ping]) as proxy:
        answer = await proxy.say("/ping")

    assert answer.text == "pong"


async def test_the_space_that_is_typed_first_does_not_matter() -> None:
    async with Harness(plugins=[codexplus_ping]) as proxy:
        answer = await proxy.say(" /ping")

    assert answer.text == "pong"


async def test_another_prompt_goes_to_the_model() -> None:
    async with Harness(plugins=[codexplus_ping]) as proxy:
        answer = await proxy.say("hello")

    assert answer.text != "pong"
