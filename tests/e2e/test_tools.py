"""Tool calls between the model and the real Codex: answered here, denied, changed."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.codex import NEWEST, WAYS, Transport
from e2e.said import calls_in, tool_names

from codexplus_core.testing import call, reasoning, shell, text

pytestmark = pytest.mark.e2e

# 0.169 with its default model has all tools in the input's first item; its gpt-5.5, and older versions, in `tools`.
OTHER = "0.169.0 gpt-5.5"
ROWS = (*WAYS, (OTHER, "websocket"))
RESUMING = tuple(way for way in ROWS if way[0] != "0.29.0")


def installed(codex: Any, kind: str, url: str) -> Any:
    version, _, model = kind.partition(" ")
    one = codex(version).point_at(url)
    if model:
        one.configure(f'model = "{model}"')
    return one


@pytest.mark.wire("W12")
@pytest.mark.parametrize(("kind", "transport"), RESUMING)
async def test_a_hidden_tool_round_is_one_answer_for_codex_and_stays_in_the_models_history(
    kind: str, transport: Transport, codex, upstream, proxy
) -> None:
    one = installed(codex, kind, (await proxy("tool")).url)
    lookup = reasoning() + call("lookup", {"key": "a"}, namespace="functions" if kind == NEWEST else None)
    upstream.script = [lookup, text("It is the value of a."), text("Still so."), text("And in the end.")]

    ran = await one.exec("what is a?", json=True)
    await one.resume("and now?")
    await one.resume("and then?")

    assert ran.messages == ["It is the value of a."]
    usage = ran.events[-1]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (200, 20)
    asked, hidden, later, last = upstream.turns
    assert "lookup" in tool_names(asked)
    round_ = [("function_call", '{"key": "a"}'), ("function_call_output", "value of a")]
    assert calls_in(asked) == []
    assert [calls_in(got) for got in (hidden, later, last)] == [round_, round_, round_]


@pytest.mark.wire("W12")
async def test_the_oldest_codex_gets_one_answer_from_a_hidden_tool_round(codex, upstream, proxy) -> None:
    one = codex("0.29.0").point_at((await proxy("tool")).url)
    upstream.script = [call("lookup", {"key": "a"}), text("It is the value of a.")]

    ran = await one.exec("what is a?")

    assert "It is the value of a." in ran.stdout
    assert len(upstream.turns) == 2


@pytest.mark.wire("W13")
@pytest.mark.parametrize(("kind", "transport"), ROWS)
async def test_a_denied_call_never_runs_and_the_model_is_told(
    kind: str, transport: Transport, codex, upstream, proxy
) -> None:
    one = installed(codex, kind, (await proxy("calls")).url)
    upstream.script = [reasoning() + shell("echo x > denied.txt"), text("I was not allowed."), text("Later.")]

    ran = await one.exec("write it")

    assert "I was not allowed." in ran.stdout
    assert not (one.project / "denied.txt").exists()
    told = calls_in(upstream.turns[1])
    assert "denied.txt" in told[0][1]
    assert told[1][1].endswith("writing denied.txt is not allowed here")
    assert len(upstream.turns) == 2
    if kind != "0.29.0":
        await one.resume("and?")
        assert calls_in(upstream.turns[2]) == told


@pytest.mark.parametrize(("kind", "transport"), RESUMING)
async def test_a_changed_call_runs_changed_and_the_model_keeps_its_own_words(
    kind: str, transport: Transport, codex, upstream, proxy
) -> None:
    one = installed(codex, kind, (await proxy("calls")).url)
    upstream.script = [reasoning() + shell("echo x > first.txt; echo done"), text("Written.")]

    ran = await one.exec("write it")
    await one.resume("and?")

    assert "Written." in ran.stdout
    assert sorted(path.name for path in one.project.glob("*.txt")) == ["second.txt"]
    for got in upstream.turns[1:]:
        assert "first.txt" in calls_in(got)[0][1]
        assert b"second.txt" not in got.decoded


@pytest.mark.parametrize(("version", "transport"), WAYS)
async def test_a_call_nobody_minds_runs_as_it_is(version: str, transport: Transport, codex, upstream, proxy) -> None:
    one = codex(version).point_at((await proxy("calls,tool")).url)
    upstream.script = [reasoning() + shell("echo x > free.txt; echo done"), text("Written.")]

    ran = await one.exec("write it")

    assert "Written." in ran.stdout
    assert (one.project / "free.txt").exists()
    assert len(upstream.turns) == 2


@pytest.mark.wire("W12")
@pytest.mark.parametrize("first", ["hidden", "visible"])
@pytest.mark.parametrize(("kind", "transport"), ROWS)
async def test_a_hidden_call_beside_one_that_codex_runs(
    kind: str, transport: Transport, first: str, codex, upstream, proxy
) -> None:
    one = installed(codex, kind, (await proxy("tool")).url)
    hidden = call("lookup", {"key": "a"}, namespace="functions" if kind == NEWEST else None)
    visible = shell("echo x > made.txt; echo done")
    both = (hidden, visible) if first == "hidden" else (visible, hidden)
    upstream.script = [reasoning() + both[0] + both[1], text("Both are done."), text("Later.")]

    ran = await one.exec("look it up and write it")

    assert "Both are done." in ran.stdout
    assert (one.project / "made.txt").exists()
    assert len(upstream.turns) == 2
    outputs = [words for kind_, words in calls_in(upstream.turns[1]) if kind_.endswith("_output")]
    assert "value of a" in outputs
    assert len(outputs) == 2
    if kind != "0.29.0":
        await one.resume("and?")
        assert calls_in(upstream.turns[2]) == calls_in(upstream.turns[1])
