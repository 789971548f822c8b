"""What plugins are told of an answer's figures: tokens, and the account's limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest

from codexplus_core import Exchange, Outcome, hookimpl
from codexplus_core.testing import Harness, status, text

FIGURES = {"primary": {"used_percent": 12.5, "window_minutes": 300, "reset_at": 1700000000}}
SAID = {
    "x-codex-primary-used-percent": "12.5",
    "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": "1700000000",
}


class Listens:
    """Keeps what it is told, and looks at nothing."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        exchange.watch()

    @hookimpl
    def on_exchange_end(self, exchange: Exchange, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


async def test_header_lines_about_limits_are_told_and_pass_as_they_are() -> None:
    plugin = Listens()
    answer = text("ok").with_headers(**{name.replace("-", "_"): value for name, value in SAID.items()})

    async with Harness([plugin], script=[answer]) as proxy:
        reply = await proxy.say("hi")

    assert plugin.outcomes[0].limits == SAID
    assert reply.header("x-codex-primary-used-percent") == "12.5"


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_an_event_about_limits_is_told_and_passes_as_it_is(transport: Literal["http", "websocket"]) -> None:
    plugin = Listens()
    event = {"type": "codex.rate_limits", "rate_limits": FIGURES}
    answer = replace(text("ok"), stops=((1, event),))

    async with Harness([plugin], script=[answer], transport=transport) as proxy:
        reply = await proxy.say("hi")

    assert reply.text == "ok"
    assert "codex.rate_limits" in reply.events
    assert plugin.outcomes[0].limits == SAID
    assert plugin.outcomes[0].error is None


@pytest.mark.parametrize(
    ("body", "total"),
    [
        ({"object": "response", "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}, 7),
        ({"object": "response"}, 0),
        (["no", "object"], 0),
        (b"not JSON at all", 0),
    ],
)
async def test_an_answer_that_is_no_stream_tells_its_tokens(body: Any, total: int) -> None:
    plugin = Listens()

    async with Harness([plugin], script=[status(200, body)]) as proxy:
        request = proxy.codex.say("hi")
        reply = await proxy.request(request.method, request.path, request.headers, request.body)

    assert reply.status == 200
    assert plugin.outcomes[0].usage.total_tokens == total
