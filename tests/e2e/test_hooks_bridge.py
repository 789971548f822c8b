"""The bridge from Codex's own hooks: every event once, a no that holds, and no harm where there is no proxy."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from e2e.codex import LIMIT_S, Codex
from e2e.proxies import codex_plus
from e2e.said import calls_in
from ports import held_port

from codexplus_core import hookimpl
from codexplus_core.testing import call, custom_call, reasoning, shell, text
from codexplus_core.testing.script import Answer
from codexplus_hooks.bridge import Bridge
from codexplus_hooks.bridge_files import entries, files, places
from codexplus_hooks.native_hooks import read

pytestmark = pytest.mark.e2e

SETTINGS = 'approval_policy = "never"\nsandbox_mode = "danger-full-access"\ncheck_for_update_on_startup = false'
PATCH = 'text(await tools.apply_patch("*** Begin Patch\\n*** Add File: c.txt\\n+c\\n*** End Patch\\n"))'
ESCALATED = (
    'text(JSON.stringify(await tools.exec_command({cmd: "echo x > a.txt",'
    ' sandbox_permissions: "require_escalated", justification: "to write"})))'
)
BYPASS = ("--dangerously-bypass-hook-trust",)


class Recording:
    """A plugin with the bridge's routes that keeps what comes and says no to what it is told to."""

    def __init__(self, **answers: Mapping[str, Any]) -> None:
        self.seen: list[tuple[str, Mapping[str, Any]]] = []
        self.answers = answers
        self.bridge = Bridge(self)
        self._news = asyncio.Event()

    @hookimpl
    def add_routes(self) -> list[Any]:
        return list(self.bridge.routes())

    async def native(self, event: str, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self.seen.append((event, payload))
        self._news.set()
        return self.answers.get(event)

    @property
    def counts(self) -> Counter[str]:
        return Counter(event for event, _ in self.seen)

    async def once(self, event: str) -> None:
        """Return when this event has come once."""
        async with asyncio.timeout(LIMIT_S):
            while self.counts[event] < 1:
                self._news.clear()
                await self._news.wait()


def installed(one: Codex, url: str) -> Codex:
    """What ``init --hooks`` writes, for this Codex and the proxy of this URL."""
    env = one.env(CODEX_PLUS_BASE_URL=url)
    for path, content in files(env).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    for path, lists in entries(env).items():
        hooks = {name.removeprefix("hooks."): groups for name, groups in lists.items()}
        path.write_text(json.dumps({"hooks": hooks}), encoding="utf-8")
    return one


async def trusted(one: Codex, tui: Any) -> None:
    """What the user does once: start Codex in a terminal and trust the hooks."""
    terminal = await tui(one)
    await terminal.shows("Hooks need review", "12 hooks are new or changed")
    # "2" only moves there.
    await terminal.key_until("2", "› 2. Trust all")
    await terminal.key("Enter")
    await terminal.shows("Ask Codex to do anything")
    await terminal.stop()


@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_each_event_of_a_run_arrives_exactly_once(codex, upstream, serve) -> None:
    seen = Recording()
    running = await serve({"bridge": seen})
    one = installed(codex().point_at(running.url), running.url)
    upstream.script = [
        reasoning() + shell("echo a > a.txt"),
        shell("echo b > b.txt"),
        custom_call("exec", PATCH, "functions"),
        text("Done."),
    ]

    ran = await one.exec("write three files", flags=BYPASS)

    assert "Done." in ran.stdout
    assert sorted(path.name for path in one.project.glob("*.txt")) == ["a.txt", "b.txt", "c.txt"]
    once = dict.fromkeys(("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"), 1)
    assert seen.counts == once | {"PreToolUse": 3, "PostToolUse": 3}
    called = [(payload["tool_name"], payload["tool_use_id"]) for event, payload in seen.seen if event == "PreToolUse"]
    assert [name for name, _ in called] == ["Bash", "Bash", "apply_patch"]
    assert len({id for _, id in called}) == 3
    assert {payload["session_id"] for _, payload in seen.seen} == {upstream.turns[0].header("session-id")}


async def test_a_no_stops_a_shell_call_within_javascript_and_the_model_is_told(codex, upstream, serve) -> None:
    words = "writing there is not allowed here"
    own = {"hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": words}
    seen = Recording(PreToolUse={"hookSpecificOutput": own})
    running = await serve({"bridge": seen})
    one = installed(codex().point_at(running.url), running.url)
    upstream.script = [reasoning() + shell("echo x > denied.txt"), text("I was not allowed.")]

    ran = await one.exec("write it", flags=BYPASS)

    assert "I was not allowed." in ran.stdout
    assert not (one.project / "denied.txt").exists()
    assert [kind for kind, _ in calls_in(upstream.turns[1])] == ["custom_tool_call", "custom_tool_call_output"]
    assert words.encode() in upstream.turns[1].decoded
    assert seen.counts["PreToolUse"] == 1
    assert seen.counts["PostToolUse"] == 0


async def test_a_changed_input_is_what_runs(codex, upstream, serve) -> None:
    own = {
        "hookEventName": "PreToolUse", "permissionDecision": "allow",
        "updatedInput": {"command": "echo x > second.txt"},
    }  # fmt: skip
    running = await serve({"bridge": Recording(PreToolUse={"hookSpecificOutput": own})})
    one = installed(codex().point_at(running.url), running.url)
    upstream.script = [reasoning() + shell("echo x > first.txt"), text("Written.")]

    ran = await one.exec("write it", flags=BYPASS)

    assert "Written." in ran.stdout
    assert [path.name for path in one.project.glob("*.txt")] == ["second.txt"]


async def test_with_the_proxy_of_the_hooks_gone_codex_works_as_without_them(codex, upstream, serve) -> None:
    running = await serve({})
    upstream.script = [reasoning() + shell("echo x > a.txt"), text("Done.")]
    with held_port() as dead:
        one = installed(codex().point_at(running.url), f"http://127.0.0.1:{dead}/v1")

        ran = await one.exec("write it", flags=BYPASS)

    assert "Done." in ran.stdout
    assert (one.project / "a.txt").exists()
    assert [line for line in ran.stderr.splitlines() if "hook" in line and "failed" in line.lower()] == []


async def test_exec_sends_nothing_until_the_hooks_are_trusted_in_the_terminal(codex, upstream, serve, tui) -> None:
    seen = Recording()
    running = await serve({"bridge": seen})
    one = installed(codex().point_at(running.url), running.url)
    one.configure(SETTINGS)
    upstream.script = [text("First."), text("Second.")]

    await one.exec("one")
    before, known = seen.counts, read(places(one.env()))
    await trusted(one, tui)
    await one.exec("two")

    assert before == {}
    assert {hook.trust for hook in known.bridge} == {"untrusted"}
    assert [hook.trust for hook in read(places(one.env())).bridge] == ["trusted"] * 12
    assert seen.counts["UserPromptSubmit"] == 1


async def test_what_happens_in_the_terminal_arrives_once_too(codex, upstream, serve, tui) -> None:
    seen = Recording()
    running = await serve({"bridge": seen})
    one = installed(codex().point_at(running.url), running.url)
    one.configure(SETTINGS)
    upstream.script = [reasoning() + shell("echo x > a.txt"), text("Done."), text("A summary."), text("More.")]
    await trusted(one, tui)
    seen.seen.clear()

    terminal = await tui(one)
    await terminal.say("go")
    await terminal.shows("Done.")
    await terminal.say("/compact")
    await terminal.shows("ompacted")
    await seen.once("PostCompact")

    once = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "PreCompact", "PostCompact")
    # After a compaction Codex begins the session once more, with the source "compact".
    assert {event: seen.counts[event] for event in once} == dict.fromkeys(once, 1)


async def test_a_hook_of_claudes_settings_stops_a_shell_call_within_javascript(codex, upstream, proxy) -> None:
    running = await proxy("hooks")
    one = installed(codex().point_at(running.url), running.url)
    hook = "grep -q denied.txt && { echo not on my watch >&2; exit 2; }; echo ran >> seen.txt"
    settings = {"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": hook}]}]}}
    for home in (one.home, running.home):
        (home / ".claude").mkdir()
        (home / ".claude/settings.json").write_text(json.dumps(settings), encoding="utf-8")
    upstream.script = [reasoning() + shell("echo x > denied.txt"), shell("echo y > free.txt"), text("One of two.")]

    ran = await one.exec("write both", flags=BYPASS)

    assert "One of two." in ran.stdout
    assert sorted(path.name for path in one.project.glob("*.txt")) == ["free.txt", "seen.txt"]
    assert b"not on my watch" in upstream.turns[1].decoded
    assert (one.project / "seen.txt").read_text(encoding="utf-8") == "ran\n"


async def test_init_installs_the_bridge_beside_the_users_hooks_and_takes_it_back(codex, upstream, proxy) -> None:
    running = await proxy("hooks")
    one = codex()
    mine = '{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "true"}]}]}}'
    hooks = one.home / ".codex/hooks.json"
    hooks.write_text(mine, encoding="utf-8")
    config = one.config.read_bytes()

    done = await codex_plus(one, "init", "--yes", "--hooks", "--port", str(running.port))
    found = read(places(one.env()))
    checked = await codex_plus(one, "doctor", "--port", str(running.port))
    undone = await codex_plus(one, "init", "--undo")

    assert (done.code, undone.code) == (0, 0)
    assert "Hooks need review" in done.stdout
    assert len(found.bridge) == 12
    assert [hook.command for hook in found.others] == ["true"]
    assert "12 of 12 hooks are not trusted by Codex yet" in checked.stdout
    assert "the probe arrived in" in checked.stdout
    assert hooks.read_text(encoding="utf-8") == mine
    assert one.config.read_bytes() == config
    assert not (one.home / ".codexplus/bridge").exists()


async def test_a_permission_that_codex_wants_is_given_by_a_hook(codex, upstream, serve, tui) -> None:
    yes = {"hookEventName": "PermissionRequest", "decision": {"behavior": "allow"}}
    seen = Recording(PermissionRequest={"hookSpecificOutput": yes})
    running = await serve({"bridge": seen})
    one = installed(codex().point_at(running.url), running.url)
    one.configure(SETTINGS.replace('"never"', '"on-request"').replace("danger-full-access", "workspace-write"))
    upstream.script = [reasoning() + custom_call("exec", ESCALATED, "functions"), text("Done.")]
    await trusted(one, tui)

    terminal = await tui(one)
    await terminal.say("go")
    await terminal.shows("Done.")

    assert seen.counts["PermissionRequest"] == 1
    assert (one.project / "a.txt").exists()


async def test_an_interrupted_turn_is_reported_once(codex, upstream, serve, tui) -> None:
    seen = Recording()
    running = await serve({"bridge": seen})
    one = installed(codex().point_at(running.url), running.url)
    one.configure(SETTINGS)
    upstream.script = [reasoning() + shell("echo begun; sleep 60"), text("Never said.")]
    await trusted(one, tui)

    terminal = await tui(one)
    await terminal.say("go")
    await seen.once("PreToolUse")
    await terminal.key("Escape")
    await seen.once("Interrupt")

    assert seen.counts["Stop"] == 0


async def test_a_sub_agent_begins_and_ends_once(codex, upstream, serve) -> None:
    seen = Recording()
    running = await serve({"bridge": seen})
    one = installed(codex().point_at(running.url), running.url)
    own = [
        call("spawn_agent", {"task_name": "helper", "message": "help me"}, "collaboration"),
        call("wait_agent", {"timeout_ms": 20_000}, "collaboration"),
        text("All done."),
    ]

    def answer(body: dict[str, Any]) -> Answer:
        of_helper = any(item.get("type") == "agent_message" for item in body["input"])
        return text("Helped.") if of_helper or not own else own.pop(0)

    upstream.script = [answer] * 8

    await one.exec("get help", flags=BYPASS)

    assert {event: count for event, count in seen.counts.items() if not event.endswith("ToolUse")} == {
        "SessionStart": 1, "UserPromptSubmit": 1, "SubagentStart": 1, "SubagentStop": 1, "Stop": 1, "SessionEnd": 1,
    }  # fmt: skip


async def test_a_changed_input_is_no_permission_to_leave_the_sandbox(codex, upstream, serve, tui) -> None:
    own = {
        "hookEventName": "PreToolUse", "permissionDecision": "allow",
        "updatedInput": {"command": "echo y > b.txt"},
    }  # fmt: skip
    seen = Recording(PreToolUse={"hookSpecificOutput": own})
    running = await serve({"bridge": seen})
    one = installed(codex().point_at(running.url), running.url)
    one.configure(SETTINGS.replace('"never"', '"on-request"').replace("danger-full-access", "workspace-write"))
    upstream.script = [reasoning() + custom_call("exec", ESCALATED, "functions"), text("Done.")]
    await trusted(one, tui)

    terminal = await tui(one)
    await terminal.say("go")
    await terminal.shows("Would you like to run", "echo y > b.txt")

    assert seen.counts["PermissionRequest"] == 1
    assert list(one.project.glob("*.txt")) == []
