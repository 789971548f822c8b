"""The plugins in the documents do what is said of them: each is run in a proxy over a scripted model."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import pytest
from contract.source_tree import ROOT, place, repository_files

from codexplus_core.proxy.upstream import CurlUpstream
from codexplus_core.testing import CodexClient, Harness, Reply, call, custom_call, shell, text

FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (\w+)\.py\n")


def documents() -> dict[str, str]:
    return {place(path): path.read_text(encoding="utf-8") for path in repository_files() if path.suffix == ".md"}


def named_blocks() -> dict[str, str]:
    """The module that each fenced block begins with the name of, by that name."""
    found: dict[str, str] = {}
    for words in documents().values():
        for block in FENCE.findall(words):
            if (name := NAMED.match(block)) is not None:
                assert name[1] not in found, f"{name[1]} is in the documents twice"
                found[name[1]] = block
    return found


BLOCKS = named_blocks()


def module(name: str, source: str) -> ModuleType:
    made = ModuleType(name)
    exec(compile(source, f"{name}.py", "exec"), made.__dict__)
    return made


def plugin(name: str) -> Any:
    made = module(name, BLOCKS[name])
    return getattr(made, "plugin", made)


def sent(proxy: Harness, turn: int = -1) -> str:
    """The input of one request as the model got it."""
    return json.dumps(proxy.upstream.turns[turn].body["input"], ensure_ascii=False)


async def ping(proxy: Harness) -> None:
    assert (await proxy.say("/ping")).text == "pong"
    assert proxy.upstream.turns == []

    await proxy.say("hello")

    assert "/ping" not in sent(proxy) and "pong" not in sent(proxy)


async def shout(proxy: Harness) -> None:
    await proxy.say("/shout be brief")
    await proxy.say("and now?")

    assert "BE BRIEF" in sent(proxy, 0) and "BE BRIEF" in sent(proxy, 1)
    assert "/shout" not in sent(proxy, 1)


async def no_keys(proxy: Harness) -> None:
    answer = await proxy.say("-----BEGIN PRIVATE KEY-----")
    await proxy.say("hello")

    assert answer.error == "there is a private key in your message; take it out"
    assert not answer.seen.retries
    assert len(proxy.upstream.turns) == 1 and "PRIVATE KEY" not in sent(proxy)


async def house_rules(proxy: Harness) -> None:
    answers = [await proxy.say("one"), await proxy.say("two")]

    assert sent(proxy).count("British spelling") == 1
    assert all("British" not in answer.body.decode() for answer in answers)


async def dice(proxy: Harness) -> None:
    proxy.upstream.script[:] = [call("roll_dice", {"sides": 1}), text("It is a one.")]

    answer = await proxy.say("roll a die")

    assert answer.text == "It is a one." and not answer.seen.calls
    assert answer.events.count("response.created") == answer.events.count("response.completed") == 1
    assert [item["output"] for item in proxy.upstream.turns[-1].body["input"] if "output" in item] == ["1"]


async def no_delete(proxy: Harness) -> None:
    proxy.upstream.script[:] = [shell("rm -rf build"), text("I left it alone.")]

    answer = await proxy.say("clean up")

    assert answer.text == "I left it alone." and not answer.seen.calls
    assert "deleting is not allowed here" in sent(proxy)


async def redact(proxy: Harness) -> None:
    proxy.upstream.script[:] = [shell("env"), text("Done.")]
    await proxy.say("show me")

    await proxy.tool_outputs("KEY=sk-abcdefghijklmnopqrstuvwxyz")

    assert "KEY=[key]" in sent(proxy) and "sk-abc" not in sent(proxy)


async def meter(proxy: Harness) -> None:
    proxy.upstream.script[:] = [text("twelve bytes", chunk=4)]

    await proxy.say("hello")

    assert proxy.log.events("measured") == [{"pieces": 3, "rounds": 1}]


async def finish(proxy: Harness) -> None:
    proxy.upstream.script[:] = [text("First."), text("Second.")]

    answer = await proxy.say("hello")

    assert answer.text == "First.Second."
    assert len(proxy.upstream.turns) == 2 and "Check your answer" in sent(proxy)


async def disk(proxy: Harness) -> None:
    [loaded] = proxy.plugins.plugins
    [(_, command)] = proxy.plugins.call_sync("add_cli")
    [(_, check)] = proxy.plugins.call_sync("add_checks")

    answer = await proxy.say("/disk")
    await proxy.say("/tidy src")
    route = await proxy.request("GET", "/_codexplus/disk")

    assert loaded.warnings == []
    assert answer.text.startswith("```") and len(proxy.upstream.turns) == 1
    assert "Look for files in src" in sent(proxy)
    assert (route.status, route.body) == (200, b"ok")
    assert command.run(argparse.Namespace()) == 0
    assert check.run().status in ("ok", "error")


async def machine(proxy: Harness) -> None:
    question = await proxy.say("/machine")
    assert "uname -a" in question.text and proxy.upstream.turns == []

    await proxy.say("y")

    assert "What is this machine? " in sent(proxy) and "Allow?" not in sent(proxy) and '"y"' not in sent(proxy)


EFFECTS: dict[str, Callable[[Harness], Awaitable[None]]] = {
    f"codexplus_{effect.__name__}": effect
    for effect in (ping, shout, no_keys, house_rules, dice, no_delete, redact, meter, finish, disk, machine)
}


@pytest.mark.parametrize("name", sorted(EFFECTS))
async def test_a_documented_plugin_does_what_is_said_of_it(name: str) -> None:
    async with Harness(plugins={name: plugin(name)}) as proxy:
        assert [loaded.error for loaded in proxy.plugins.plugins] == [None]

        await EFFECTS[name](proxy)

        assert [row["errors"] + row["late"] for row in proxy.app.dispatcher.health()] == [0]


def test_every_documented_plugin_is_tried() -> None:
    plugins = {name for name, source in BLOCKS.items() if "@hookimpl" in source}

    assert plugins == set(EFFECTS)


def test_a_block_with_hooks_says_which_module_it_is() -> None:
    unnamed = [
        f"{where}: {block[:60]!r}"
        for where, words in documents().items()
        for block in FENCE.findall(words)
        if "@hookimpl" in block and not NAMED.match(block) and where != "README.md"
    ]

    assert unnamed == []


def test_the_plugin_of_the_readme_is_the_documented_one() -> None:
    _, _, documented = BLOCKS["codexplus_ping"].partition("\n")

    assert documented in FENCE.findall(documents()["README.md"])
    assert documented in (ROOT / "examples/codex-plus-ping/codexplus_ping.py").read_text(encoding="utf-8")


def documented_tests() -> list[tuple[str, str]]:
    return [
        (name, function)
        for name, source in BLOCKS.items()
        if name.startswith("test_")
        for function in re.findall(r"^async def (test_\w+)", source, re.MULTILINE)
    ]


@pytest.mark.parametrize(("name", "function"), documented_tests())
async def test_a_documented_test_passes(name: str, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for needed in re.findall(r"^import (codexplus_\w+)$", BLOCKS[name], re.MULTILINE):
        monkeypatch.setitem(sys.modules, needed, module(needed, BLOCKS[needed]))

    await getattr(module(name, BLOCKS[name]), function)()


def test_there_is_a_documented_test() -> None:
    assert documented_tests()


async def test_the_documented_model_answers_a_codex_behind_a_proxy(capsys: pytest.CaptureFixture[str]) -> None:
    model = asyncio.create_task(module("scripted_model", BLOCKS["scripted_model"]).main())
    shown = ""
    async with asyncio.timeout(30):
        while "--upstream" not in shown and not model.done():
            await asyncio.sleep(0)
            shown += capsys.readouterr().out
    client, url = CurlUpstream(), shown.rpartition("--upstream ")[2].strip().removesuffix("/v1")
    codex = CodexClient("0.169.0", "api")
    try:
        answer = await client.open(codex.say("hi").to(url))
        body = b""
        while chunk := await answer.read():
            body += chunk
    finally:
        await client.aclose()
        model.cancel()
        await asyncio.gather(model, return_exceptions=True)

    assert codex.receive(body, status=answer.status).text == "Hello."


# -- claims about faults, beside the plugins


class Raising:
    """Raises in every request, after it has changed it."""

    def __init__(self, *, closed: bool) -> None:
        self.FAIL_CLOSED = closed

    async def on_request(self, exchange: Any) -> None:
        exchange.prompt = "changed"
        raise ValueError("secret words")


def raising(*, closed: bool) -> Raising:
    from codexplus_core import hookimpl

    hookimpl(Raising.on_request)
    return Raising(closed=closed)


async def test_a_failing_plugin_is_skipped_its_edits_are_undone_and_its_words_are_not_logged() -> None:
    async with Harness(plugins={"bad": raising(closed=False)}) as proxy:
        answer: Reply = await proxy.say("hello")

        assert answer.text == "Hello from the script."
        assert "changed" not in sent(proxy)
        assert [fields["plugin"] for fields in proxy.log.events("plugin_failed")] == ["bad"]
        assert "secret words" not in repr(proxy.log.entries)


async def test_a_failing_plugin_that_must_not_be_skipped_refuses_in_codex() -> None:
    async with Harness(plugins={"bad": raising(closed=True)}) as proxy:
        answer = await proxy.say("hello")

        assert answer.error is not None and "'bad' failed in on_request" in answer.error
        assert not answer.seen.retries and proxy.upstream.turns == []


async def test_codex_0_169_shows_hooks_the_program_text_of_its_one_custom_tool() -> None:
    seen: list[Any] = []
    from codexplus_core import hookimpl

    class Watching:
        @hookimpl
        def on_tool_use(self, call: Any) -> None:
            seen.append(call)

    async with Harness(plugins=[Watching()], script=[shell("ls"), custom_call("exec", "text(1)")]) as proxy:
        await proxy.say("list")

    assert seen[0].name == "exec" and isinstance(seen[0].arguments, str)
