"""A whole session with hooks for every event: each event exactly once, counted in a file that the hooks append to."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.codex import LIMIT_S, NEWEST
from e2e.test_hooks_bridge import SETTINGS, installed, trusted
from e2e.test_hooks_wire import home_hooks, noted

from codexplus_core.testing import call, custom_call, reasoning, shell, text
from codexplus_core.testing.script import Answer
from codexplus_hooks.hook import EVENTS

pytestmark = pytest.mark.e2e

PATCH = "*** Begin Patch\n*** Add File: e.txt\n+five\n*** End Patch\n"


def counted(told: Path) -> Counter[str]:
    """How often each event came to the hooks."""
    return Counter(each["hook_event_name"] for each in noted(told))


class Told:
    """A file that the hooks append to, and a bell that each of them rings."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "told.jsonl"
        bell = folder / "bell"
        os.mkfifo(bell)
        self.hook = f"cat >> {self.path}; echo >> {bell}"
        """The command of every hook."""
        # Open for both, so that nobody waits for the other end.
        self._bell = os.open(bell, os.O_RDWR | os.O_NONBLOCK)
        self._rung = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._bell, self._ring)

    def _ring(self) -> None:
        os.read(self._bell, 4096)
        self._rung.set()

    async def until(self, **wanted: int) -> None:
        """Return when these events have come so often."""
        async with asyncio.timeout(LIMIT_S):
            while any(counted(self.path)[event] < count for event, count in wanted.items()):
                self._rung.clear()
                await self._rung.wait()

    def close(self) -> None:
        """Hear no more."""
        asyncio.get_running_loop().remove_reader(self._bell)
        os.close(self._bell)


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    """Where the hooks of a test tell what they were told."""
    found = Told(tmp_path)
    yield found
    found.close()


def played(own: list[Answer], helpers: list[Answer], is_helper: Callable[[dict[str, Any]], bool]) -> Any:
    """The model's side: answers for the root thread in order, and those for a sub-agent's requests."""

    def answer(body: dict[str, Any]) -> Answer:
        script = helpers if is_helper(body) else own
        return script.pop(0) if script else text("Nothing is left to say.")

    return [answer] * 20


@pytest.mark.req("H1")
@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_a_session_with_all_that_happens_in_one_tells_each_event_once(
    codex, upstream, proxy, tui, told: Told, tmp_path: Path
) -> None:
    home_hooks(tmp_path / "proxy", dict.fromkeys(EVENTS, told.hook))
    command = tmp_path / "proxy/.claude/commands/go.md"
    command.parent.mkdir()
    command.write_text("Go on.", encoding="utf-8")
    running = await proxy("hooks,slash")
    one = installed(codex(NEWEST).point_at(running.url), running.url)
    one.configure(SETTINGS)
    five = [shell(f"echo {name} > {name}.txt") for name in "abcd"]
    five.append(custom_call("exec", f"text(await tools.apply_patch({json.dumps(PATCH)}))", "functions"))
    spawn = call("spawn_agent", {"task_name": "helper", "message": "help me"}, "collaboration")
    wait = call("wait_agent", {"timeout_ms": 20_000}, "collaboration")
    upstream.script = played(
        [reasoning() + five[0], *five[1:], spawn, wait, text("All done."), text("And more.")],
        [shell("echo help"), text("Helped.")],
        lambda body: "subagent_kind" in json.dumps(body.get("client_metadata")),
    )
    await trusted(one, tui)
    terminal = await tui(one)

    await terminal.say("write five files and get help")
    await terminal.shows("All done.", "A scripted title")
    await terminal.say("/compact")
    await terminal.shows("ompacted")
    await terminal.say(" /go")
    await terminal.shows("And more.")
    await told.until(Stop=2, MessageDisplay=2, Notification=2)
    await terminal.stop()
    await running.stop()

    assert sorted(path.name for path in one.project.glob("*.txt")) == [f"{name}.txt" for name in "abcde"]
    assert counted(told.path) == {
        "SessionStart": 2, "UserPromptSubmit": 2, "UserPromptExpansion": 1, "PreToolUse": 8, "PostToolUse": 8,
        "PostToolBatch": 8, "SubagentStart": 1, "SubagentStop": 1, "MessageDisplay": 2,
        "Stop": 2, "Notification": 2, "PreCompact": 1, "PostCompact": 1, "SessionEnd": 1,
    }  # fmt: skip
    seen = noted(told.path)
    of = {event: [each for each in seen if each["hook_event_name"] == event] for event in EVENTS}
    assert [each["source"] for each in of["SessionStart"]] == ["startup", "compact"]
    assert [each["prompt"] for each in of["UserPromptSubmit"]] == ["write five files and get help", "/go"]
    (helped,) = [each for each in of["PreToolUse"] if "agent_id" in each]
    assert helped["tool_input"]["command"] == "echo help"
    assert helped["agent_id"] == of["SubagentStart"][0]["agent_id"] == of["SubagentStop"][0]["agent_id"]
    before = [each["tool_use_id"] for each in of["PreToolUse"]]
    after = [each["tool_use_id"] for each in of["PostToolUse"]]
    batched = [tool["tool_use_id"] for each in of["PostToolBatch"] for tool in each["tool_calls"]]
    assert len(set(before)) == 8 and sorted(before) == sorted(after) == sorted(batched)


@pytest.mark.req("H1")
@pytest.mark.parametrize("version", ["0.98.0", "0.60.1"])
async def test_a_session_of_an_older_codex_tells_each_event_once_without_installation(
    version: str, codex, upstream, proxy, tui, told: Told, tmp_path: Path
) -> None:
    home_hooks(tmp_path / "proxy", dict.fromkeys(EVENTS, told.hook))
    running = await proxy("hooks")
    one = codex(version).point_at(running.url)
    # Codex 0.60 has no sub-agents that the model starts, in 0.98 they are an experiment.
    agents = int(version == "0.98.0")
    one.configure(SETTINGS + ("\n[features]\ncollab = true" if agents else ""))
    five = [shell(f"echo {name} > {name}.txt") for name in "abcde"]
    upstream.script = played(
        [*five, *[call("spawn_agent", {"message": "help me"})] * agents, text("All done."), text("And more.")],
        [shell("echo help"), text("Helped.")],
        # A sub-agent of 0.98 starts none itself.
        lambda body: bool(agents) and all(tool.get("name") != "spawn_agent" for tool in body["tools"]),
    )
    terminal = await tui(one)

    await terminal.say("write five files and get help")
    await terminal.shows("All done.")
    await told.until(SubagentStop=agents)
    await terminal.say("/compact")
    await told.until(PostCompact=1)
    await terminal.shows("Context compacted" if agents else "Compact task completed")
    await terminal.say("go on")
    await terminal.shows("And more.")
    await told.until(Stop=2, MessageDisplay=2, Notification=2)
    await terminal.stop()
    await running.stop()

    assert sorted(path.name for path in one.project.glob("*.txt")) == [f"{name}.txt" for name in "abcde"]
    calls, of_agents = 5 + 2 * agents, {"SubagentStart": 1, "SubagentStop": 1} if agents else {}
    assert counted(told.path) == of_agents | {
        "SessionStart": 2, "UserPromptSubmit": 2, "PreToolUse": calls, "PostToolUse": calls, "PostToolBatch": calls,
        "MessageDisplay": 2, "Stop": 2, "Notification": 2, "PreCompact": 1, "PostCompact": 1, "SessionEnd": 1,
    }  # fmt: skip
    (compaction,) = [each for each in noted(told.path) if each["hook_event_name"] == "PreCompact"]
    assert compaction["trigger"] == "auto"
