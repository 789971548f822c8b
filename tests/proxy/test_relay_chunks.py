"""Events that a plugin changes on their way, while the model keeps its own words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from proxy.made_plugin import DONE, PLUS, VERSIONS, plugin, sent

from codexplus_core import Event, Exchange
from codexplus_core.testing import Harness, shell, text

pytestmark = pytest.mark.transports("http", "websocket")


def _chunk_plugin(kind: str, change: Any) -> object:
    return plugin(WATCHES=(kind,), on_chunk=lambda event: change(event))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("how", ["replaced", "dropped", "doubled", "asynchronously"])
async def test_the_model_keeps_its_own_words_whatever_becomes_of_an_item_on_the_way(how: str, version: str) -> None:
    def replaced(event: Event) -> Event:
        item = dict((event.data or {})["item"])
        item["content"] = [{**item["content"][0], "text": "CHANGED"}]
        return event.replace({**(event.data or {}), "item": item})

    async def later(event: Event) -> Event:
        await asyncio.sleep(0)
        return replaced(event)

    changes = {
        "replaced": replaced, "dropped": lambda event: [], "asynchronously": later,
        "doubled": lambda event: [event, replaced(event)],
    }  # fmt: skip
    async with Harness([_chunk_plugin(DONE, changes[how])], script=[text("own words")], codex=version) as proxy:
        reply = await proxy.say("hello")
        await proxy.say("again")

        assert {"dropped": "", "doubled": "own wordsCHANGED"}.get(how, "CHANGED") == reply.text
        assert sent(proxy.upstream).count("own words") == 1
        assert "CHANGED" not in sent(proxy.upstream)


async def test_deltas_are_replaced_dropped_and_multiplied() -> None:
    def on_chunk(event: Event) -> Any:
        delta = (event.data or {})["delta"]
        if delta == "b":
            return []
        return [event, event.replace({**(event.data or {}), "delta": delta.upper()})]

    async with Harness([_chunk_plugin("response.output_text.delta", on_chunk)], script=[text("abc", chunk=1)]) as proxy:
        reply = await proxy.say("hello")

    assert (reply.seen.streamed, reply.text) == ("aAcC", "abc")


async def test_a_call_that_a_plugin_takes_out_of_the_stream_is_answered_so_that_the_model_goes_on() -> None:
    def on_chunk(event: Event) -> Any:
        return [] if "call_id" in (event.data or {})["item"] else None

    async with Harness([_chunk_plugin(DONE, on_chunk)], script=[shell("ls"), text("then not")]) as proxy:
        reply = await proxy.say("hello")
        await proxy.say("again")

        assert (reply.seen.calls, reply.text) == ([], "then not")
        assert "taken out" in sent(proxy.upstream)


async def test_no_plugin_makes_the_client_run_a_call_twice_or_one_that_the_model_did_not_make() -> None:
    def on_chunk(event: Event) -> Any:
        data = event.data or {}
        other = {**data["item"], "call_id": "call_other"}
        return [event, event, event.replace({**data, "item": other})]

    async with Harness([_chunk_plugin(DONE, on_chunk)], script=[shell("ls"), text("fine")]) as proxy:
        reply = await proxy.say("hello")
        await proxy.tool_outputs()

        assert len(reply.seen.calls) == 1


async def test_words_that_a_plugin_puts_before_the_end_are_kept_from_the_model() -> None:
    item = {
        "id": "msg_extra", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "APPENDED", "annotations": []}],
    }  # fmt: skip

    def on_chunk(event: Event) -> Any:
        return [Event(DONE, {"item": item, "output_index": 7}), event]

    async with Harness([_chunk_plugin("response.completed", on_chunk)]) as proxy:
        reply = await proxy.say("hello")
        await proxy.say("again")

        assert reply.text.endswith("APPENDED")
        assert "APPENDED" not in sent(proxy.upstream)


async def test_added_tools_do_not_hide_the_begin_of_items_from_on_chunk() -> None:
    seen: list[str] = []

    def on_request(exchange: Exchange) -> None:
        exchange.add_tool(*PLUS)
        exchange.watch("response.output_item.added")

    watches = plugin(on_request=on_request, on_chunk=lambda event: seen.append(event.type))
    async with Harness([watches]) as proxy:
        await proxy.say("hello")

    assert seen == ["response.output_item.added"]
