"""Notifications that the proxy shows: what is shown, in which form, how many, and what is not its business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hook_world import HookWorld
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import Action, ActionDenied, CannotStart, Session
from codexplus_hooks.desktop import MOST, TEXT, TITLE, WITHIN_S, Desktop, Shown
from codexplus_hooks.hook import Hook
from codexplus_hooks.plugin import HooksPlugin

PAYLOAD = {"tool_name": "Bash", "tool_input": {"command": "ls"}, "cwd": "/p"}
PRINTED = Hook(
    "PostToolUse", "*", shell="notify-send 'Tool completed: $tool'", permissions=("run:notify-send",), shape="flat"
)
"""The specification's example."""


@dataclass
class _Result:
    returncode: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    timed_out: bool = False
    truncated: bool = False


@dataclass
class _Core:
    """A core that keeps what it is to run."""

    result: Any = field(default_factory=_Result)
    ran: list[Action] = field(default_factory=list)
    log: Any = field(default_factory=lambda: _Silent())

    async def run(self, action: Action) -> Any:
        self.ran.append(action)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class _Silent:
    def debug(self, event: str, **fields: Any) -> None:
        return


def desktop(core: Any, platform: str = "linux", clock: Callable[[], float] = lambda: 0.0) -> Desktop:
    return Desktop(core, clock=clock, platform=platform, env={"DISPLAY": ":0", "SECRET": "x"})


def understood(text: str, permissions: tuple[str, ...] | None = ("notify",), **more: Any) -> Shown | None:
    hook = Hook("PostToolUse", shell=text, permissions=permissions, **more)
    core: Any = _Core()
    return desktop(core).understood(hook, PAYLOAD)


@pytest.mark.req("H7")
async def test_the_specifications_example_is_shown_as_printed() -> None:
    core: Any = _Core()

    ran = await desktop(core).perform(PRINTED, "", PAYLOAD)

    (action,) = core.ran
    assert ran is not None and (ran.code, ran.problem, ran.started) == (0, "", True)
    assert action.argv == ("notify-send", "--app-name=Codex", "--urgency=normal", "--", "Tool completed: Bash", "")
    assert (
        action.env == {"DISPLAY": ":0"} and action.session == Session(cwd=Path("/p"))
    ) or action.session.cwd == Path("/p")


@pytest.mark.req("H7")
@pytest.mark.parametrize("platform", ["darwin", "win32"])
async def test_words_are_never_part_of_a_script(platform: str) -> None:
    core: Any = _Core()
    evil = '"; do shell script "rm x" --$(x)'
    hook = Hook("PostToolUse", shell="notify-send $tool '<b>'", permissions=("notify",), shape="flat")

    await desktop(core, platform).perform(hook, "", {"tool_name": evil})

    (action,) = core.ran
    scripts = [word for word in action.argv if "rm x" in word]
    if platform == "darwin":
        assert action.argv[-2:] == (evil, "<b>") and scripts == [evil]
    else:
        assert scripts == [] and action.env == {"CODEX_PLUS_TITLE": evil, "CODEX_PLUS_TEXT": "<b>"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("notify-send Done", Shown("Done")),
        ("/usr/bin/notify-send -u critical -t 100 'A b' 'c d'", Shown("A b", "c d", "critical")),
        ("notify-send --urgency=low -i /etc/passwd -A x=y -h string:a:b -- -dash", Shown("-dash", "", "low")),
        ("notify-send -ulow x", Shown("x", "", "low")),
        ("notify-send a 'b\\nc'", Shown("a", "b\nc")),
        ("notify-send a; rm x", None),
        ("notify-send a && true", None),
        ("notify-send $(id)", None),
        ("notify-send $HOME", None),
        ("notify-send a > f", None),
        ("notify-send", None),
        ("echo notify-send", None),
        ("", None),
    ],
)
def test_only_a_plain_call_is_understood(text: str, shown: Shown | None) -> None:
    assert understood(text) == shown


@pytest.mark.parametrize(
    ("permissions", "trusted", "performed"),
    [
        (("notify",), True, True), (("run:notify-send",), False, True), (("run:*",), True, True),
        (None, False, True), (None, True, False), ((), True, False), (("run:echo",), False, False),
    ],
)  # fmt: skip
def test_only_those_who_may_have_it_shown(permissions: tuple[str, ...] | None, trusted: bool, performed: bool) -> None:
    assert (understood("notify-send x", permissions, trusted=trusted) is not None) is performed


async def test_few_are_shown_at_a_time_and_the_same_one_once() -> None:
    core: Any = _Core()
    now = [0.0]
    shows = desktop(core, clock=lambda: now[0])

    for number in range(2 * MOST):
        assert await shows.show(Shown(f"n {number // 2}"), session=Session(), source="test") == ""
    assert len(core.ran) == MOST
    await shows.show(Shown("one more"), session=Session(), source="test")
    assert len(core.ran) == MOST
    now[0] += WITHIN_S
    await shows.show(Shown("later"), session=Session(), source="test")
    assert len(core.ran) == MOST + 1


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (_Result(1, b"", b"no bus\n"), "cannot reach the desktop (no bus)"),
        (_Result(timed_out=True), "took longer"),
        (CannotStart("notify-send: no such program"), "no such program"),
        (ActionDenied("notify-send: denied"), "denied"),
    ],
)
async def test_what_goes_wrong_is_said_and_is_no_denial(result: Any, says: str) -> None:
    core: Any = _Core(result)

    ran = await desktop(core).perform(PRINTED, "", PAYLOAD)

    assert ran is not None and says in ran.problem
    assert (ran.started, ran.code) == (False, None)


async def test_a_system_without_a_way_is_refused() -> None:
    core: Any = _Core()

    assert "plan9" in await desktop(core, "plan9").show(Shown("x"), session=Session(), source="test")
    assert core.ran == []


@given(st.text(max_size=3000), st.text(max_size=9000))
async def test_any_words_are_short_and_plain(title: str, text: str) -> None:
    core: Any = _Core()

    await desktop(core, "darwin").show(Shown(title, text), session=Session(), source="test")

    shown_title, shown_text = core.ran[0].argv[-2:]
    assert 0 < len(shown_title) <= TITLE and shown_title.isprintable()
    assert len(shown_text) <= TEXT and shown_text.replace("\n", "").isprintable()


@given(st.text(max_size=60))
def test_no_command_is_too_odd(text: str) -> None:
    shown = understood(f"notify-send {text}")

    assert shown is None or isinstance(shown, Shown)


@pytest.mark.req("H6")
async def test_a_projects_hook_in_the_sandbox_has_it_shown_by_the_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = HookWorld(tmp_path)
    monkeypatch.setenv("HOME", str(world.home))
    # Stands for the desktop: outside of every sandbox, and it writes down what it was told.
    tool = world.write("bin/notify-send", f'#!/bin/sh\nprintf "%s|" "$@" >> {tmp_path}/shown\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    flat: Mapping[str, Any] = {"matcher": "*", "command": PRINTED.shell, "permissions": ["run:notify-send"]}
    world.hooks("project/.claude/settings.json", {"PostToolUse": [flat]})
    async with world.working() as working:
        plugin = HooksPlugin()
        plugin.on_startup(working.core)
        assert plugin.engine is not None
        world.approvals.allow_now([each async for each in _asked(working)])
        hooks = await working.allowed("PostToolUse", PAYLOAD)

        outcome = await plugin.engine.runner.run(hooks, PAYLOAD, session=world.session, found=working.found)

    assert [ran.problem for ran in outcome.ran] == [""]
    assert (tmp_path / "shown").read_text() == "--app-name=Codex|--urgency=normal|--|Tool completed: Bash||"


async def _asked(working: Any) -> Any:
    for hook in working.found.asking:
        yield await working.trust._proposal(hook, working.found, working.world.session)
