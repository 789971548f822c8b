"""Hooks run side by side, held as their origin demands, and nothing that one of them does harms anything."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hook_world import TIME, HookWorld, nested
from processes import until_gone

from codexplus_core.services.sandbox.sandbox import probe_once
from codexplus_hooks.hook import Hook, Ran

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what sh, signals and the sandbox do")
PRE = "home/.claude/settings.json"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HookWorld:
    world = HookWorld(tmp_path)
    monkeypatch.setenv("HOME", str(world.home))
    return world


def mine(world: HookWorld, *commands: str | Mapping[str, Any], event: str = "PreToolUse") -> None:
    hooks = [{"timeout": TIME, **({"command": each} if isinstance(each, str) else each)} for each in commands]
    world.hooks(PRE, {event: nested(*hooks)})


def flat(world: HookWorld, **hook: Any) -> None:
    world.hooks(PRE, {"PreToolUse": [{"timeout": TIME, **hook}]})


async def sandboxed() -> None:
    if (await probe_once()).level == "process":
        pytest.skip("there is no sandbox on this machine")


@pytest.mark.req("H4")
async def test_a_hook_gets_one_line_of_json_and_its_surroundings(world: HookWorld) -> None:
    mine(world, "cat >seen.json; pwd >where; echo $0 $CLAUDE_PROJECT_DIR $CLAUDECODE $CLAUDE_CODE_SESSION_ID $A >env")
    world.write("home/.codexplus/settings.json", {"env": {"A": "mine"}})
    async with world.working() as working:
        await working.bash("echo 'é\n'")

    line = (world.project / "seen.json").read_text(encoding="utf-8")
    assert (line.count("\n"), line[-1]) == (1, "\n")
    assert json.loads(line)["tool_input"] == {"command": "echo 'é\n'"}
    assert (world.project / "where").read_text().strip() == str(world.project)
    assert (world.project / "env").read_text() == f"/bin/sh {world.project} 1 session-1 mine\n"


@pytest.mark.req("H4")
async def test_exit_code_2_says_no_and_the_command_is_named(world: HookWorld) -> None:
    mine(world, "echo 'not here' >&2; exit 2")
    async with world.working() as working:
        outcome = await working.bash()

    assert (outcome.decision, outcome.reason) == ("deny", "[echo 'not here' >&2; exit 2]: not here\n")


@pytest.mark.req("H4")
async def test_the_exec_form_needs_no_shell(world: HookWorld) -> None:
    mine(world, {"command": "printf", "args": ['{"decision": "block", "reason": "%s"}', "$HOME; a"]})
    async with world.working() as working:
        outcome = await working.bash()

    assert outcome.reason == "$HOME; a"


@pytest.mark.req("H4")
async def test_all_hooks_of_an_event_run_at_once(world: HookWorld) -> None:
    # Each waits for the other, so neither would end if they ran one after the other.
    wait = "touch {0}; while [ ! -e {1} ]; do read -t 1 x </dev/zero 2>/dev/null; :; done"
    mine(world, wait.format("a", "b"), wait.format("b", "a"))
    async with asyncio.timeout(TIME), world.working() as working:
        outcome = await working.bash()

    assert [ran.code for ran in outcome.ran] == [0, 0]


@pytest.mark.req("H6")
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ({"command": "sleep 600; exit 2", "timeout": 0.2}, "took longer than 0.2 s"),
        ({"command": "trap '' TERM; exec sleep 600", "timeout": 0.2}, "took longer than 0.2 s"),
        ({"command": "no-such-program-here"}, "exit code 127"),
        ({"command": "./not-executable"}, "exit code 126"),
        ({"command": "no-such-program-here", "args": []}, "did not start: no-such-program-here: no such program"),
        ({"command": "./not-executable", "args": ["x"]}, "did not start: ./not-executable: cannot be started"),
        ({"command": "kill -9 $$"}, "signal 9"),
        ({"command": "kill -SEGV $$"}, "signal 11"),
        ({"command": "exit 255"}, "exit code 255"),
        ({"command": "echo a\0b"}, "did not start"),
        ({"command": "echo \ud800"}, "did not start"),
        ({"command": "true", "permissions": ["fly:moon"]}, "did not start: permission 'fly:moon': not known"),
    ],
)
async def test_a_hook_that_cannot_do_its_work_harms_nothing_and_is_named(
    world: HookWorld, command: dict[str, Any], said: str
) -> None:
    (world.project / "not-executable").write_text("#!/bin/sh\nexit 2\n")
    mine(world, command, "echo fine; exit 0")
    async with asyncio.timeout(TIME), world.working() as working:
        outcome = await working.bash()

    assert outcome.decision is None
    assert len(outcome.ran) == 2
    assert any(said in error for error in outcome.errors), outcome.errors


@pytest.mark.req("H6")
async def test_a_flood_is_cut_and_the_hook_that_made_it_ends(world: HookWorld) -> None:
    mine(world, "head -c 20000000 /dev/zero | tr '\\0' x", event="UserPromptSubmit")
    async with asyncio.timeout(TIME), world.working() as working:
        outcome = await working.fire("UserPromptSubmit", prompt="hi")

    assert len(outcome.context[0].text) == 65536
    assert "printed too much" in outcome.errors[0]


async def test_a_large_payload_is_no_matter_for_a_hook_that_reads_nothing(world: HookWorld) -> None:
    mine(world, "exit 0")
    async with asyncio.timeout(TIME), world.working() as working:
        outcome = await working.bash("x" * 5_000_000)

    assert outcome.errors == ()


@pytest.mark.req("H6")
async def test_without_a_timeout_of_its_own_a_hook_has_5_seconds_or_claude_codes(world: HookWorld) -> None:
    from codexplus_hooks.grants import seconds_of

    hook, end = Hook("PreToolUse", shell="x"), Hook("SessionEnd", shell="x")

    assert [seconds_of(each, strict=False) for each in (hook, end)] == [5.0, 5.0]
    assert [seconds_of(each, strict=True) for each in (hook, end)] == [600.0, 1.5]
    assert seconds_of(Hook("UserPromptSubmit", shell="x"), strict=True) == 30.0
    assert seconds_of(Hook("Stop", shell="x", timeout=0.5), strict=True) == 0.5


@pytest.mark.req("H7")
async def test_a_hook_of_the_users_that_declares_what_it_needs_gets_no_more(world: HookWorld) -> None:
    await sandboxed()
    (world.project / "data").write_text("data")
    mine(
        world,
        {"command": "cat data; echo x >made", "permissions": ["run:cat", "read_repo"]},
        {"command": "cat $PWD/data", "permissions": []},
    )
    async with world.working() as working:
        outcome = await working.bash()

    first, second = sorted(outcome.ran, key=lambda ran: len(ran.hook.permissions or ()), reverse=True)
    assert first.stdout == "data" and not (world.project / "made").exists()
    assert second.stdout == ""


@pytest.mark.req("H7")
async def test_a_hook_of_the_users_without_permissions_is_a_program_like_any_other(world: HookWorld) -> None:
    mine(world, "echo x >made")
    async with world.working() as working:
        await working.bash()

    assert (world.project / "made").read_text() == "x\n"


@pytest.mark.req("H3", "H7")
async def test_the_specifications_writing_hook_runs_as_printed(world: HookWorld) -> None:
    await sandboxed()
    flat(world, matcher="Write", command="echo 'Writing to: $file' >> .codex-plus.log", permissions=["run:echo"])
    async with world.working() as working:
        for file in ("/src/a.py", "it's $(touch evil)"):
            outcome = await working.fire("PreToolUse", tool_name="Write", tool_input={"file_path": file})
            assert outcome.errors == ()
        await working.fire("PreToolUse", tool_name="Bash", tool_input={"command": "x"})

    log = (world.project / ".codex-plus.log").read_text()
    assert log == "Writing to: /src/a.py\nWriting to: it's $(touch evil)\n"
    assert not (world.project / "evil").exists()


async def test_the_writes_that_a_command_shows_are_all_that_it_may_write(world: HookWorld) -> None:
    await sandboxed()
    flat(world, command="echo x >> shown.log; cp shown.log other.log", permissions=["run:cp"])
    async with world.working() as working:
        await working.bash()

    assert (world.project / "shown.log").read_text() == "x\n"
    assert not (world.project / "other.log").exists()


async def test_a_name_that_would_be_read_as_a_program_is_not_handed_to_one(world: HookWorld) -> None:
    flat(world, command='sh -c "cat $file"')
    async with world.working() as working:
        outcome = await working.fire("PreToolUse", tool_name="Write", tool_input={"file_path": "a;touch evil"})

    assert "did not start: $file would be read as a program" in outcome.errors[0]
    assert not (world.project / "evil").exists()


@pytest.mark.req("H4")
async def test_nobody_waits_for_an_async_hook_and_its_no_does_not_count(world: HookWorld) -> None:
    mine(world, {"command": "while [ ! -e go ]; do sleep 0.01; done; touch went; exit 2", "async": True})
    async with asyncio.timeout(TIME), world.working() as working:
        outcome = await working.bash()
        (world.project / "go").touch()
        while working.runner.last(working.found.of("PreToolUse")[0]) is None:
            await asyncio.sleep(0.005)

    assert outcome.decision is None and outcome.ran == ()
    assert (world.project / "went").exists()


async def test_async_hooks_are_bounded_and_end_with_the_proxy(world: HookWorld) -> None:
    mine(world, {"command": "sleep 600", "async": True, "timeout": 600})
    async with asyncio.timeout(TIME), world.working() as working:
        outcomes = [await working.bash() for _ in range(33)]

    assert [len(outcome.errors) for outcome in outcomes] == [0] * 32 + [1]


async def test_a_cancelled_event_ends_its_hooks(world: HookWorld) -> None:
    mine(world, "echo $$ >pid; exec sleep 600", "exec sleep 601")
    async with asyncio.timeout(TIME), world.working() as working:
        firing = asyncio.create_task(working.bash())
        while not (world.project / "pid").exists() or not (world.project / "pid").read_text():
            await asyncio.sleep(0.005)
        firing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await firing
        await until_gone((world.project / "pid").read_text().strip())


@pytest.mark.req("X3")
async def test_a_deny_rule_of_the_settings_holds_for_hooks_too(world: HookWorld) -> None:
    world.hooks(PRE, {"PreToolUse": nested("rm -f x")}, permissions={"deny": ["Bash(rm:*)"]})
    async with world.working() as working:
        outcome = await working.bash()

    assert "did not start" in outcome.errors[0] and outcome.decision is None


async def test_how_a_hook_fared_is_remembered(world: HookWorld) -> None:
    mine(world, "exit 2", "exit 0", {"command": "no-such", "args": []})
    async with world.working() as working:
        for _ in range(2):
            await working.bash()
        results = [working.runner.last(hook) for hook in working.found.of("PreToolUse")]

    assert [result and (result.count, result.result[:12]) for result in results] == [
        (2, "blocked"), (2, "ok"), (2, "did not star"),
    ]  # fmt: skip
    assert len(working.proxy.log.events("hook_did_not_start")) == 2


async def test_a_hook_may_be_performed_by_the_proxy_itself(world: HookWorld) -> None:
    flat(world, command="notify-send 'Tool: $tool'", permissions=["run:notify-send"])
    seen = []

    async def perform(hook: Hook, text: str, payload: Mapping[str, Any]) -> Ran | None:
        seen.append((text, payload["tool_name"]))
        return Ran(hook, 0)

    async with world.working(perform=perform) as working:
        outcome = await working.bash()

    assert (seen, outcome.errors) == ([("notify-send 'Tool: '\"$tool\"''", "Bash")], ())


async def test_an_event_that_nobody_hooks_starts_nothing(world: HookWorld) -> None:
    mine(world, "exit 2")

    async def unexpected(*_: Any) -> None:
        raise AssertionError("nothing is to be run")

    async with world.working() as working:
        working.core.run = unexpected
        outcome = await working.fire("Stop")

    assert outcome.ran == ()


@pytest.mark.req("H3")
async def test_a_python_hook_gets_its_payload_and_makes_the_prompt(world: HookWorld) -> None:
    world.write("home/.claude/hooks/pre_input.py", f"TIMEOUT = {TIME}\nimport json, sys\n"
                "print(json.load(sys.stdin)['prompt'].upper())\n")  # fmt: skip
    async with world.working() as working:
        (hook,) = working.found.of("pre_input")
        outcome = await working.runner.run([hook], {"prompt": "hi"}, session=world.session, found=working.found)

    assert (outcome.prompt, outcome.errors) == ("HI", ())
