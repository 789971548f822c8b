"""Notification comes with a permission request, at a turn's end and after a minute without a prompt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from hook_world import HookWorld, nested

from codexplus_core import Session
from codexplus_core.testing import Harness, call
from codexplus_hooks.firing import Firing, Where
from codexplus_hooks.joining import Joining
from codexplus_hooks.notification import AT_ONCE, IDLE_S, WAITING, Notifications
from codexplus_hooks.plugin import HooksPlugin

RECORDED = {"message": "Claude needs your permission", "notification_type": "permission_prompt"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HookWorld:
    world = HookWorld(tmp_path)
    monkeypatch.setenv("HOME", str(world.home))
    return world


class Clock:
    """Time that passes when it is told to: ``sleep`` waits, ``pass_by`` wakes all who wait."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._waiting: list[asyncio.Event] = []

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        event = asyncio.Event()
        self._waiting.append(event)
        await event.wait()

    def pass_by(self) -> None:
        for event in self._waiting:
            event.set()
        self._waiting.clear()


def recorder(world: HookWorld, matcher: str | None = None, **settings: Any) -> Path:
    """A hook that keeps what it is told, a line a time."""
    told = world.root / "told"
    world.hooks("home/.claude/settings.json", {"Notification": nested(f"cat >> {told}", matcher=matcher)}, **settings)
    return told


@asynccontextmanager
async def notifying(world: HookWorld, clock: Clock) -> AsyncIterator[tuple[Notifications, Where]]:
    async with world.working() as working:
        firing = Firing(working.core, working.listed, working.trust, working.runner, Joining())
        notifications = Notifications(firing, sleep=clock.sleep)
        try:
            yield notifications, Where(world.session, "prompt-1")
        finally:
            await notifications.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.005)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kinds(path: Path) -> list[str]:
    return [line["notification_type"] for line in lines(path)]


@pytest.mark.req("H1")
async def test_a_permission_request_is_told_as_recorded(world: HookWorld) -> None:
    told = recorder(world, compatibility="claude-code")

    async with notifying(world, Clock()) as (notifications, where):
        notifications.permission(where, "Bash")
        await until(lambda: bool(lines(told)))

    assert lines(told) == [
        {
            "session_id": "session-1", "transcript_path": "", "cwd": str(world.project), "prompt_id": "prompt-1",
            "hook_event_name": "Notification", **RECORDED,
        }
    ]  # fmt: skip


async def test_it_names_the_tool_in_the_default_profile(world: HookWorld) -> None:
    told = recorder(world, "permission_prompt")

    async with notifying(world, Clock()) as (notifications, where):
        notifications.permission(where, "Bash")
        await until(lambda: bool(lines(told)))

    assert lines(told)[0]["message"] == "Codex needs your permission to use Bash"


async def test_a_minute_after_the_turns_end_it_comes_again(world: HookWorld) -> None:
    told, clock = recorder(world), Clock()

    async with notifying(world, clock) as (notifications, where):
        notifications.turn_ended(where)
        await until(lambda: kinds(told) == ["turn_complete"] and clock.asked == [IDLE_S])
        clock.pass_by()
        await until(lambda: len(lines(told)) == 2)

    assert kinds(told) == ["turn_complete", "idle_prompt"]


async def test_the_strict_profile_knows_no_end_of_a_turn(world: HookWorld) -> None:
    told, clock = recorder(world, compatibility="claude-code"), Clock()

    async with notifying(world, clock) as (notifications, where):
        notifications.turn_ended(where)
        await until(lambda: clock.asked == [IDLE_S])
        clock.pass_by()
        await until(lambda: bool(lines(told)))

    assert lines(told)[0]["message"] == "Claude is waiting for your input" and kinds(told) == ["idle_prompt"]


async def test_a_prompt_in_between_calls_it_off(world: HookWorld) -> None:
    told, clock = recorder(world, "idle_prompt"), Clock()

    async with notifying(world, clock) as (notifications, where):
        notifications.turn_ended(where)
        await until(lambda: clock.asked == [IDLE_S])
        notifications.prompted(where.session)
        notifications.turn_ended(where)
        await until(lambda: len(clock.asked) == 2)
        clock.pass_by()
        await until(lambda: bool(lines(told)))

    assert kinds(told) == ["idle_prompt"]


async def test_only_so_many_sessions_are_waited_for(world: HookWorld) -> None:
    recorder(world, "idle_prompt")
    clock = Clock()

    async with notifying(world, clock) as (notifications, _):
        for number in range(WAITING + 3):
            notifications.turn_ended(Where(Session(f"s{number}", f"t{number}", cwd=world.project)))
            await asyncio.sleep(0)

        assert len(notifications._waiting) == WAITING
        assert "t0" not in notifications._waiting and "t3" in notifications._waiting


async def test_it_costs_nothing_where_nobody_wants_it(world: HookWorld) -> None:
    clock = Clock()

    async with notifying(world, clock) as (notifications, where):
        notifications.turn_ended(where)
        notifications.permission(where)
        await asyncio.sleep(0)

        assert not notifications._waiting and not notifications._running and not clock.asked


async def test_a_hanging_hook_holds_nobody_up_and_ends_with_the_proxy(world: HookWorld) -> None:
    began = world.root / "began"
    hanging = {"command": f"echo x >> {began}; exec sleep 100", "timeout": 90}
    world.hooks("home/.claude/settings.json", {"Notification": nested(hanging)})

    async with notifying(world, Clock()) as (notifications, where):
        for _ in range(2 * AT_ONCE):
            notifications.permission(where)
        # A process that is only just being started cannot be ended yet.
        await until(lambda: began.exists() and len(began.read_text().splitlines()) == AT_ONCE)

        assert len(notifications._running) == AT_ONCE
        async with asyncio.timeout(30):
            await notifications.close()


@pytest.mark.req("H1")
@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_the_end_of_a_turn_is_told_once_in_a_conversation(
    world: HookWorld, transport: Literal["http", "websocket"]
) -> None:
    told = recorder(world, "turn_complete")
    script = [call("update_plan", {"plan": []})]
    plugins = {"hooks": HooksPlugin()}

    async with Harness(
        plugins, config=world.config(), cwd=str(world.project), script=script, transport=transport
    ) as proxy:
        await proxy.say("hello")
        await proxy.tool_outputs("ok")
        await until(lambda: bool(lines(told)))

    assert [line["message"] for line in lines(told)] == ["Codex has finished its turn"]
    assert lines(told)[0]["session_id"]


@pytest.mark.req("H1")
async def test_codexs_own_permission_request_is_told_unless_a_hook_decided(world: HookWorld) -> None:
    told = world.root / "told"
    allow = json.dumps(
        {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": {"behavior": "allow"}}}
    )
    world.hooks(
        "home/.claude/settings.json",
        {
            "Notification": nested(f"cat >> {told}"),
            "PermissionRequest": nested(f"echo '{allow}'", matcher="Read"),
        },
    )
    common = {"session_id": "s1", "cwd": str(world.project), "turn_id": "t1"}
    plugin = HooksPlugin()

    async with Harness({"hooks": plugin}, config=world.config(), cwd=str(world.project)):
        for tool in ("Read", "Bash"):
            await plugin.native("PermissionRequest", {**common, "tool_name": tool, "tool_input": {"command": "ls"}})
        await until(lambda: bool(lines(told)))

    assert [line["message"] for line in lines(told)] == ["Codex needs your permission to use Bash"]
    assert lines(told)[0]["session_id"] == "s1"
