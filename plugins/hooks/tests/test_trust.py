"""A project's hooks are asked about once, all together; what was not allowed does not run."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from hook_world import HookWorld, nested

from codexplus_core import Core, Exchange, LocalReply, Session, hookimpl
from codexplus_core.testing import Harness, text
from codexplus_core.testing.codex import CodexClient
from codexplus_hooks.settings import Hooks
from codexplus_hooks.trust import Trust, proposals

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a POSIX shell's hooks")
THEIRS = "project/.claude/settings.json"
ALLOW = "Allow? (Y)es/(N)o/(A)lways"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HookWorld:
    world = HookWorld(tmp_path)
    monkeypatch.setenv("HOME", str(world.home))
    monkeypatch.setenv("CODEX_PLUS_HOME", str(world.home / ".codexplus"))
    return world


class Asks:
    """A plugin that asks at each prompt, and keeps which hooks might run then."""

    ORDER = 20

    def __init__(self, world: HookWorld) -> None:
        self.world = world
        self.core: Any = None
        self.trust: Any = None
        self.notes: list[str] = []
        self.ran: list[list[str]] = []

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core
        self.trust = Trust(core)
        self.listed = Hooks(core, env={}, every_s=0.0)

    @hookimpl
    async def on_request(self, exchange: Exchange) -> LocalReply | None:
        if exchange.prompt is None:
            return None
        found = self.listed.of(exchange.session.cwd)
        answer = await self.trust.ask(exchange, found)
        if isinstance(answer, LocalReply):
            return answer
        self.notes += [answer] if answer else []
        allowed = await self.trust.allowed(found.hooks, found, exchange.session)
        self.ran.append([hook.command for hook in allowed])
        return None


def proxy(world: HookWorld, asks: Asks, *, tui: bool = True, **more: Any) -> Harness:
    script = [text("hello")] * 8
    cwd = str(world.project)
    made = Harness([asks], config=world.config(), approvals=world.approvals, cwd=cwd, script=script, **more)
    made.codex = CodexClient("0.169.0", "chatgpt", cwd=cwd, tui=tui)
    return made


@pytest.mark.req("H5", "X5")
@pytest.mark.abuse("B01")
@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_all_hooks_of_a_project_are_one_question_and_a_yes_holds_for_the_session(
    world: HookWorld, transport: Any
) -> None:
    world.hooks("home/.claude/settings.json", {"Stop": nested("mine")})
    world.hooks(THEIRS, {"Stop": nested("first"), "PreToolUse": nested("second", matcher="Bash")})
    asks = Asks(world)
    async with proxy(world, asks, transport=transport) as codex:
        question = await codex.say("hi")
        assert asks.ran == []
        answered = await codex.say("y")
        again = await codex.say("and now")

    assert question.text.count(ALLOW) == 1
    for shown in ("hook Stop[0].hooks[0]", "hook PreToolUse[0].hooks[0]", "first", "second", "settings.json"):
        assert shown in question.text
    assert "mine" not in question.text
    assert (answered.text, again.text) == ("hello", "hello")
    assert [sorted(ran) for ran in asks.ran] == [["first", "mine", "second"]] * 2
    assert asks.notes == []


@pytest.mark.req("H5")
async def test_a_no_leaves_the_users_own_hooks_and_is_said_once(world: HookWorld) -> None:
    world.hooks("home/.claude/settings.json", {"Stop": nested("mine")})
    world.hooks(THEIRS, {"Stop": nested("theirs")})
    asks = Asks(world)
    async with proxy(world, asks) as codex:
        await codex.say("hi")
        assert (await codex.say("n")).text == "Not run."
        for _ in range(2):
            assert (await codex.say("hi")).text == "hello"

    assert asks.ran == [["mine"], ["mine"]]
    assert len(asks.notes) == 1 and "codex-plus approvals allow" in asks.notes[0]


@pytest.mark.req("H5")
async def test_another_prompt_instead_of_an_answer_goes_on_without_the_projects_hooks(world: HookWorld) -> None:
    world.hooks(THEIRS, {"Stop": nested("theirs")})
    asks = Asks(world)
    async with proxy(world, asks) as codex:
        await codex.say("hi")
        assert (await codex.say("never mind, do this")).text == "hello"

    assert asks.ran == [[]]


@pytest.mark.req("H5")
async def test_always_is_not_asked_again_in_another_session_until_the_hook_changes(world: HookWorld) -> None:
    world.hooks(THEIRS, {"Stop": nested("theirs")})
    asks = Asks(world)
    async with proxy(world, asks) as codex:
        await codex.say("hi")
        await codex.say("a")
    later = Asks(world)
    async with proxy(world, later) as codex:
        assert (await codex.say("hi")).text == "hello"
        world.hooks(THEIRS, {"Stop": nested("theirs", "new")}, unrelated={"key": 1})
        changed = await codex.say("again")

    assert later.ran == [["theirs"]]
    assert "new" in changed.text and "hook Stop[0].hooks[0]" not in changed.text


@pytest.mark.parametrize(("command", "looks"), [("read -r event; exit 0", 0), ("no-such-program-here", 1)])
async def test_what_a_hook_starts_is_looked_at_once_where_nothing_can_change_unnoticed(
    command: str, looks: int, world: HookWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.hooks(THEIRS, {"Stop": nested(command)})
    async with world.working() as working:
        hooks = working.found.of("Stop")
        await working.trust.allowed(hooks, working.found, world.session)
        resolved: list[str] = []
        original = type(working.core).resolve

        async def resolve(core: Any, action: Any) -> Any:
            resolved.append(action.argv[0])
            return await original(core, action)

        monkeypatch.setattr(type(working.core), "resolve", resolve)
        await working.trust.allowed(hooks, working.found, world.session)

    assert resolved.count(command) == looks and (looks or not resolved)


@pytest.mark.req("H5")
async def test_a_hook_that_changes_in_a_session_is_asked_about_again(world: HookWorld) -> None:
    world.hooks(THEIRS, {"Stop": nested("theirs")})
    asks = Asks(world)
    async with proxy(world, asks) as codex:
        await codex.say("hi")
        await codex.say("y")
        for changed in ({"command": "theirs", "timeout": 9}, {"command": "theirs", "permissions": ["net"]}):
            world.hooks(THEIRS, {"Stop": nested(changed)})
            assert ALLOW in (await codex.say("next")).text

    assert asks.ran == [["theirs"]]


async def test_a_one_shot_run_goes_on_without_the_projects_hooks_and_says_how_to_allow_them(world: HookWorld) -> None:
    world.hooks(THEIRS, {"Stop": nested("theirs")})
    asks = Asks(world)

    async with proxy(world, asks, tui=False) as codex:
        for _ in range(2):
            assert (await codex.say("hi")).text == "hello"

    assert asks.ran == [[], []]
    (note,) = asks.notes
    assert "do not run" in note and "codex-plus approvals allow" in note


@pytest.mark.req("H5")
@pytest.mark.abuse("B07")
async def test_a_script_that_changes_is_not_what_was_allowed(world: HookWorld) -> None:
    script = world.write("project/.claude/hooks/check.sh", "exit 0\n")
    hooks = nested('sh "$CLAUDE_PROJECT_DIR"/.claude/hooks/check.sh', "sh ${CLAUDE_PROJECT_DIR}/later.sh")
    world.hooks(THEIRS, {"Stop": hooks})
    async with world.working() as working:
        found = working.found
        world.approvals.allow_now([await working.trust._proposal(hook, found, world.session) for hook in found.asking])
        before = await working.trust.allowed(found.asking, found, world.session)
        script.write_text("exit 2\n", encoding="utf-8")
        (world.project / "later.sh").write_text("exit 2\n", encoding="utf-8")
        after = await working.trust.allowed(found.asking, found, world.session)

    assert (len(before), after) == (2, ())


async def test_what_was_withdrawn_runs_no_more_at_once(world: HookWorld) -> None:
    world.hooks(THEIRS, {"Stop": nested("theirs")})
    async with world.working() as working:
        found = working.found
        (hook,) = found.asking
        (grant,) = world.approvals.allow_now([await working.trust._proposal(hook, found, world.session)])
        before = await working.trust.state(hook, found), await working.trust.allowed([hook], found, world.session)
        world.approvals.revoke(grant.id)
        after = await working.trust.state(hook, found), await working.trust.allowed([hook], found, world.session)

    assert before == ("allowed", (hook,))
    assert after == ("asks", ())


@pytest.mark.req("H5")
async def test_a_reviewed_project_is_allowed_as_a_whole(world: HookWorld) -> None:
    world.hooks(THEIRS, {"Stop": nested("sh x.sh", "echo a | cat"), "PreToolUse": [{"command": "echo $file >> log"}]})
    world.write("project/x.sh", "exit 0\n")
    world.write("project/.claude/hooks/pre_input.py", "print('x')\n")
    world.approvals.allow_now(await asyncio.to_thread(proposals, world.project))
    async with world.working() as working:
        found = working.found
        allowed = await working.trust.allowed(found.asking, found, world.session)

    assert len(allowed) == len(found.asking) == 4


@pytest.mark.req("H5")
@pytest.mark.parametrize(
    ("entry", "holds"),
    [
        ({"command": "echo $file >> a.log"}, True),
        ({"hooks": [{"type": "command", "command": "echo x >> ./a.log", "permissions": ["write_repo"]}]}, True),
        ({"command": "echo $file >> a.log; sh ./a.log"}, False),
    ],
)
async def test_always_holds_over_what_the_hook_itself_writes_but_not_where_it_reads_that(
    entry: dict[str, Any], holds: bool, world: HookWorld
) -> None:
    world.hooks(THEIRS, {"Stop": [entry]})
    async with world.working() as working:
        found = working.found
        (hook,) = found.asking
        world.approvals.allow_now([await working.trust._proposal(hook, found, world.session)])
        world.write("project/a.log", "x\n")
        state = await working.trust.state(hook, found)

    assert state == ("allowed" if holds else "asks")


@pytest.mark.req("X5", "H7")
async def test_the_question_names_permissions_writes_and_when_it_runs(world: HookWorld) -> None:
    world.hooks(THEIRS, {"PreToolUse": [{
        "matcher": "Write", "command": "echo $file >> a.log", "permissions": ["run:echo", "notify"],
    }]}, env={"THEIRS": "1"})  # fmt: skip
    async with world.working() as working:
        (hook,) = working.found.asking
        asked = await working.trust._proposal(hook, working.found, world.session)

    assert asked.writes == ("a.log",) and asked.env == (("THEIRS", "1"),) and asked.timeout == 5.0
    assert asked.permissions == ("run:echo", "run:sh", "write:a.log", "notify")
    assert (asked.source, asked.notes[0]) == (".claude/settings.json", "runs at PreToolUse for Write")


async def test_the_question_names_a_script_once_and_what_the_permissions_leave_out(world: HookWorld) -> None:
    script = world.write("project/.claude/hooks/check.sh", "#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    entry = {"command": "cat | .claude/hooks/check.sh && echo ok", "permissions": ["run:./.claude/hooks/check.sh"]}
    world.hooks(THEIRS, {"Stop": [entry]})
    async with world.working() as working:
        (hook,) = working.found.asking
        asked = await working.trust._proposal(hook, working.found, world.session)
        warnings = working.found.warnings
    (same,) = await asyncio.to_thread(proposals, world.project)

    named = [name for name, path, _ in asked.programs if path == str(script)]
    assert named == [".claude/hooks/check.sh"] and same == asked
    assert [note for note in asked.notes if "starts" in note] == [
        "starts cat, which its permissions do not name: it will not run"
    ]
    assert "Stop[0].permissions: do not name cat, which it starts: add run:cat" in warnings[0]


async def test_a_sub_agent_may_do_what_its_session_may(world: HookWorld) -> None:
    world.hooks(THEIRS, {"Stop": nested("theirs")})
    async with world.working() as working:
        found = working.found
        asked = await working.trust._proposal(found.asking[0], found, world.session)
        world.approvals.check([asked])
        (question,) = world.approvals.pending()
        world.approvals.allow(question.id)
        mine = await working.trust.allowed(found.asking, found, world.session)
        agent = Session("session-1", "thread-2", cwd=world.project)
        other = Session("session-2", "thread-3", cwd=world.project)
        told = await working.trust.state(found.asking[0], found, world.session)
        allowed = [await working.trust.allowed(found.asking, found, each) for each in (agent, other)]

    assert len(mine) == 1 and told == "allowed in this session"
    assert [len(each) for each in allowed] == [1, 0]
