"""Who enforces a policy judges a request as it goes up: once more where a plugin behind it has made it another one."""

from __future__ import annotations

from typing import Any

import pytest
from dispatch.stage import dispatcher
from hypothesis import example, given
from hypothesis import strategies as st

from codexplus_core import Exchange, Refusal, Session, Turn, hookimpl
from codexplus_core.exchange import current_plugin

EDITS = st.sampled_from([None, None, "model", "back", "prompt", "typed", "tool", "context", "watch"])


def plugin(name: str, place: int, enforces: bool, edit: str | None, asked: list[tuple[str, str, str | None]]) -> object:
    class Made:
        ORDER = place
        ENFORCES_POLICY = FAIL_CLOSED = enforces
        done = False

        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            asked.append((name, exchange.model, exchange.prompt))
            if not self.done:
                self.done = True
                change(exchange, edit, name)

    return Made()


def change(exchange: Exchange, edit: str | None, name: str) -> None:
    if edit in ("model", "back"):
        exchange.model = name if edit == "model" else "m"
    elif edit in ("prompt", "typed"):
        exchange.prompt = name if edit == "prompt" else "hi"
    elif edit == "tool":
        exchange.add_tool(name, "", {})
    elif edit == "context":
        exchange.add_context(name)
    elif edit == "watch":
        exchange.watch("x")


@pytest.mark.req("E1")
@given(st.lists(st.tuples(st.booleans(), EDITS), max_size=5), st.booleans())
@example([(True, None), (False, "prompt")], True)
@example([(True, None), (False, "prompt"), (False, "typed")], True)
@example([(True, None), (False, "model"), (True, None)], False)
async def test_it_is_asked_again_where_model_or_answer_differ_from_what_the_last_one_saw(
    plan: list[tuple[bool, str | None]], answerable: bool
) -> None:
    asked: list[tuple[str, str, str | None]] = []
    made: dict[str, Any] = {
        f"p{place}": plugin(f"p{place}", place, enforces, edit, asked) for place, (enforces, edit) in enumerate(plan)
    }
    exchange = Exchange(session=Session("s", "t"), turn=Turn("1", "user"), prompt="hi", model="m")
    exchange._answerable = answerable

    assert await dispatcher(**made).request(exchange) is None

    model, prompt, expected, seen = "m", "hi", [], None
    for name, (enforces, edit) in zip(made, plan, strict=True):
        expected.append((name, model, prompt))
        model = {"model": name, "back": "m"}.get(edit or "", model)
        prompt = {"prompt": name, "typed": "hi"}.get(edit or "", prompt)
        seen = (model, answerable and prompt == "hi") if enforces else seen
    if seen not in (None, (model, answerable and prompt == "hi")):
        expected += [(name, model, prompt) for name, (enforces, _) in zip(made, plan, strict=True) if enforces]
    assert asked == expected
    assert exchange.watched.keys() == {name for name, (_, edit) in zip(made, plan, strict=True) if edit == "watch"}


async def test_what_a_plugin_watched_stays_where_a_later_one_fails() -> None:
    class Watches:
        ORDER = 1

        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            exchange.watch("x")

    class Fails:
        ORDER = 2

        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            exchange.prompt = "lost"
            exchange.watch("lost")
            raise ValueError

    exchange = Exchange(session=Session("s", "t"), turn=Turn("1", "user"), prompt="hi", model="m")

    await dispatcher(watches=Watches(), fails=Fails()).request(exchange)

    assert (exchange.prompt, exchange.watched) == ("hi", {"watches": {"x"}})


async def test_what_a_plugin_watched_stays_where_one_that_is_gone_refuses() -> None:
    class Watches:
        ORDER = 1

        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            exchange.watch("x")

    class Gone:
        ORDER = 2
        FAIL_CLOSED = True

        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            """Never called."""

    stage = dispatcher(watches=Watches(), gone=Gone())
    stage.disable("gone", "for a test")
    exchange = Exchange(session=Session("s", "t"), turn=Turn("1", "user"), prompt="hi", model="m")

    assert isinstance(await stage.request(exchange), Refusal)
    assert exchange.watched == {"watches": {"x"}}
    assert stage.stopwatch.holder is None
    assert current_plugin.get() == ""


@pytest.mark.parametrize("tool", [True, False])
async def test_what_no_request_can_carry_is_undone(tool: bool) -> None:
    class Adds:
        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            if tool:
                exchange.add_tool("\ud800", "", {})
            else:
                exchange.add_context("\ud800")

    exchange = Exchange(session=Session("s", "t"), turn=Turn("1", "user"), prompt="hi", model="m")

    assert await dispatcher(adds=Adds()).request(exchange) is None
    assert (exchange.added_tools, exchange.context) == ({}, [])


async def test_what_is_watched_adds_up_and_nothing_takes_none_of_it_away() -> None:
    class Watches:
        @hookimpl
        def on_request(self, exchange: Exchange) -> None:
            exchange.watch("x")
            exchange.watch()
            exchange.watch("y")

    exchange = Exchange(session=Session("s", "t"), turn=Turn("1", "user"), prompt="hi", model="m")
    await dispatcher(watches=Watches()).request(exchange)

    assert exchange.watched == {"watches": {"x", "y"}}
