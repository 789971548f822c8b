"""What goes wrong upstream reaches Codex as it is, and what the user stops is stopped upstream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e.codex import ALL, NEWEST, Ran, Transport
from e2e.normal import normal
from e2e.plugins import e2e_calls, e2e_upper
from e2e.wire import Tap

from codexplus_core.testing import StrictUpstream, failed, incomplete, status, text

pytestmark = pytest.mark.e2e

PLUGINS: dict[str, Any] = {"calls": e2e_calls, "upper": e2e_upper}
LIMIT = {"error": {"type": "usage_limit_reached", "message": "no more", "plan_type": "pro", "resets_in_seconds": 7200}}


def told(ran: Ran, home: str) -> list[str]:
    """What the user reads, without log lines (they come when they come)."""
    return [line for line in normal(ran.stdout + ran.stderr, home).splitlines() if not line.startswith("TIME")]


@pytest.mark.wire("W7")
@pytest.mark.parametrize(
    ("version", "transport", "plugins", "how"),
    [
        *((NEWEST, "websocket", plugins, how) for plugins in ("none", "calls,upper") for how in ("reset", "close")),
        (NEWEST, "http", "none", "close"),
        (NEWEST, "http", "calls,upper", "reset"),
        ("0.120.0", "websocket", "calls,upper", "close"),
        *((version, "http", "calls,upper", "close") for version in ALL[1:]),
    ],
)
async def test_an_answer_that_breaks_off_is_asked_for_again(
    version: str, transport: Transport, plugins: str, how: Any, codex, upstream, proxy
) -> None:
    one = codex(version).point_at((await proxy(plugins)).url)
    one.in_trouble = True
    upstream.script = [text("Half of it is lost.").cut(8, how), text("Here it is whole.")]

    ran = await one.exec("hi", json=True)

    assert ran.code == 0
    assert ran.messages == ["Here it is whole."]
    assert [got.answer[-1] for got in upstream.turns] == ["cut", "response.completed"]
    assert upstream.turns[0].conversation[-1] == upstream.turns[1].conversation[-1]


ANSWERS = {
    "400 text": [status(400, "no such model for you")],
    "400 JSON": [status(400, {"error": {"message": "bad", "type": "invalid_request_error"}})],
    "429": [status(429, {"error": {"message": "slow down"}}, {"retry-after": "1"}), text("Now then.")],
    "usage limit": [status(429, LIMIT)],
    "503": [status(503, {"error": {"message": "busy"}}), text("Now then.")],
    "failed": [failed("context_length_exceeded", "too long")],
    "incomplete": [incomplete()],
}


@pytest.mark.wire("W8")
@pytest.mark.parametrize("answer", sorted(ANSWERS))
@pytest.mark.parametrize(
    ("version", "transport", "plugins"),
    [
        pytest.param(NEWEST, "websocket", {}, id="newest-websocket-plain"),
        pytest.param(NEWEST, "websocket", PLUGINS, id="newest-websocket-plugins"),
        pytest.param(NEWEST, "http", PLUGINS, id="newest-http-plugins"),
        pytest.param("0.120.0", "websocket", PLUGINS, id="0.120.0-websocket-plugins"),
        pytest.param("0.60.1", "http", {}, id="0.60.1-http-plain"),
        pytest.param("0.60.1", "http", PLUGINS, id="0.60.1-http-plugins"),
    ],
)
async def test_an_upstream_failure_is_the_same_with_and_without_the_proxy(
    version: str, transport: Transport, answer: str, plugins: dict[str, Any], codex, upstream, serve
) -> None:
    alone, behind = codex(version, name="one"), codex(version, name="two")
    alone.in_trouble = behind.in_trouble = True
    upstream.script = list(ANSWERS[answer])
    plain = StrictUpstream(ANSWERS[answer], websocket=upstream.websocket)
    async with plain.listen() as url, Tap().open() as above, Tap().open() as below:
        above.to = int(upstream.url.removesuffix("/v1").rpartition(":")[2])
        proxy = await serve(plugins, targets=f"http://127.0.0.1:{above.port}/v1", seen_port=below.port)
        below.to = proxy.port

        expected = await alone.point_at(f"{url}/v1").exec("hi")
        ran = await behind.point_at(f"http://127.0.0.1:{below.port}/v1").exec("hi")

    assert ran.code == expected.code
    assert told(ran, str(behind.home)) == told(expected, str(alone.home))
    assert [got.answer[-1] for got in upstream.turns] == [got.answer[-1] for got in plain.turns]
    assert (error := the_first_error(below)) == the_first_error(above)
    first = ANSWERS[answer][0]
    assert (error["status"] if error else 200) == first.status


def the_first_error(tap: Tap) -> dict[str, Any] | None:
    """What the first answer says of an error, by its status over HTTP or by a message of its own."""
    for _, given in tap.exchanges()[:1]:
        status = int(given.start.split(b" ")[1])
        if status == 200:
            return None
        return {"status": status, "error": given.body, "retry-after": given.header(b"retry-after")}
    heard = [json.loads(message) for message in tap.sockets()[0].heard]
    return next((message for message in heard if message["type"] == "error"), None)
