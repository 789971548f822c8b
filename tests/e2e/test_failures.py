"""What goes wrong upstream reaches Codex as it is, and what the user stops is stopped upstream."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.codex import ALL, NEWEST, Ran
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
    ("version", "plugins", "how"),
    [
        *((NEWEST, plugins, how) for plugins in ("none", "calls,upper") for how in ("reset", "close")),
        *((version, "calls,upper", "close") for version in ALL[1:]),
    ],
)
async def test_an_answer_that_breaks_off_is_asked_for_again(
    version: str, plugins: str, how: Any, codex, upstream, proxy
) -> None:
    one = codex(version).point_at((await proxy(plugins)).url)
    upstream.script = [text("Half of it is lost.").cut(8, how), text("Here it is whole.")]

    ran = await one.exec("hi", json=True)

    assert ran.code == 0
    assert ran.messages == ["Here it is whole."]
    assert [got.answer[-1] for got in upstream.turns] == ["cut", "response.completed"]
    assert upstream.turns[0].body["input"][-1] == upstream.turns[1].body["input"][-1]


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
    ("version", "plugins"),
    [
        pytest.param(NEWEST, {}, id="newest-plain"),
        pytest.param(NEWEST, PLUGINS, id="newest-plugins"),
        pytest.param("0.60.1", PLUGINS, id="0.60.1-plugins"),
    ],
)
async def test_an_upstream_failure_is_the_same_with_and_without_the_proxy(
    version: str, answer: str, plugins: dict[str, Any], codex, upstream, serve
) -> None:
    alone, behind = codex(version, name="one"), codex(version, name="two")
    upstream.script = list(ANSWERS[answer])
    plain = StrictUpstream(ANSWERS[answer])
    async with plain.listen() as url, Tap().open() as below:
        proxy = await serve(plugins, seen_port=below.port)
        below.to = proxy.port

        expected = await alone.point_at(f"{url}/v1").exec("hi")
        ran = await behind.point_at(f"http://127.0.0.1:{below.port}/v1").exec("hi")

    assert ran.code == expected.code
    assert told(ran, str(behind.home)) == told(expected, str(alone.home))
    assert [got.answer[-1] for got in upstream.turns] == [got.answer[-1] for got in plain.turns]
    first = ANSWERS[answer][0]
    _, given = below.exchanges()[0]
    assert int(given.start.split(b" ")[1]) == first.status
    if first.status != 200:
        assert given.body == first.body
        assert (given.header(b"retry-after") or b"").decode() == dict(first.headers).get("retry-after", "")
