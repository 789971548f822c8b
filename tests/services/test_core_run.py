"""`core.run`: which program is meant, when the sandbox holds it, and what a plugin is told."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from services.config.world import World

from codexplus_core import Action, CannotStart, Core, Session, hookimpl
from codexplus_core.services.config import Config
from codexplus_core.services.sandbox.sandbox import Sandbox, probe_once
from codexplus_core.testing import Harness

posix = pytest.mark.skipif(os.name != "posix", reason="what sh and modes are is POSIX's to say")
TIME = 60.0


class Acts:
    """Keeps the core and sees what is about to be done."""

    core: Any = None

    def __init__(self) -> None:
        self.seen: list[Action] = []

    @hookimpl
    def on_startup(self, core: Core) -> None:
        self.core = core

    @hookimpl
    def on_action(self, action: Action) -> None:
        self.seen.append(action)


@posix
@pytest.mark.abuse("B08")
async def test_those_who_veto_see_the_absolute_path_and_it_is_not_the_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sh").write_text("#!/bin/sh\necho evil")
    (tmp_path / "sh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:.:{os.environ['PATH']}")
    acts = Acts()
    async with Harness([acts]):
        result = await acts.core.run(Action("run", argv=("sh", "-c", "echo $PATH"), cwd=tmp_path, timeout=TIME))

    assert Path(acts.seen[0].argv[0]).is_absolute()
    assert acts.seen[0].argv[1:] == ("-c", "echo $PATH")
    assert str(tmp_path) not in result.stdout.decode().strip().split(":")


@posix
async def test_a_missing_program_is_told_before_anybody_is_asked() -> None:
    acts = Acts()
    async with Harness([acts]):
        with pytest.raises(CannotStart, match=r"^no-such-program: no such program"):
            await acts.core.run(Action("run", argv=("no-such-program",)))

    assert acts.seen == []


@posix
async def test_without_permissions_a_program_of_the_users_runs_as_ever(tmp_path: Path) -> None:
    acts = Acts()
    async with Harness([acts]):
        result = await acts.core.run(
            Action("run", argv=("sh", "-c", "echo x >file; echo $MINE"), cwd=tmp_path, env={"MINE": "1"}, timeout=TIME)
        )

    assert (result.stdout, result.level, (tmp_path / "file").read_text()) == (b"1\n", "process", "x\n")


@posix
@pytest.mark.abuse("F06")
async def test_what_is_passed_to_a_program_changes_neither_what_it_finds_nor_what_it_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".codexplus").mkdir(parents=True)
    (home / ".codexplus/settings.json").write_text('{"env": {"GIT_AUTHOR_NAME": "me", "GIT_PAGER": "evil"}}')
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/mine")
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    passed = {
        "PATH": "/evil", "Path": "/evil", "LD_PRELOAD": "evil.so", "BASH_ENV": "evil", "GIT_CONFIG_COUNT": "0",
        "GIT_CONFIG_PARAMETERS": "'core.pager=evil'", "GIT_PAGER": "evil", "GIT_AUTHOR_NAME": "me",
        "GIT_SSH_COMMAND": "evil", "XDG_RUNTIME_DIR": "/run/mine", "XDG_CONFIG_HOME": "/evil",
        "CLAUDE_PROJECT_DIR": "/its", "MINE": "evil at most to me",
    }  # fmt: skip
    acts = Acts()
    async with Harness([acts], config=Config(home)):
        result = await acts.core.run(Action("run", argv=("env", "-0"), cwd=tmp_path, env=passed, timeout=TIME))

    found = dict(entry.split("=", 1) for entry in result.stdout.decode().split("\0") if entry)
    assert [name for name, value in found.items() if "evil" in value] == ["MINE"]
    assert int(found["GIT_CONFIG_COUNT"]) > 10
    users = {"GIT_AUTHOR_NAME": "me", "XDG_RUNTIME_DIR": "/run/mine", "CLAUDE_PROJECT_DIR": "/its"}
    assert users.items() <= found.items()


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
@pytest.mark.req("H7")
async def test_declared_permissions_are_all_that_a_program_has(tmp_path: Path) -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox on this machine")
    (tmp_path / "read").write_text("content")
    script = "cat read; echo x >>made; echo x >other; id"
    permissions = ("read_repo", "write:made", "run:cat")
    acts = Acts()
    async with Harness([acts]):
        for place in ({"cwd": tmp_path}, {"session": Session(cwd=tmp_path)}):
            result = await acts.core.run(
                Action("run", argv=("sh", "-c", script), permissions=permissions, sandbox="lsm", timeout=TIME, **place)
            )
            assert (result.stdout, result.returncode != 0) == (b"content", True)
            assert result.level in ("lsm", "full")

    assert (tmp_path / "made").read_text() == "x\nx\n"
    assert not (tmp_path / "other").exists()


@posix
@pytest.mark.abuse("F13")
async def test_a_refusal_of_the_sandbox_is_logged_and_nothing_runs(tmp_path: Path) -> None:
    acts = Acts()
    async with Harness([acts]) as proxy:
        acts.core._sandbox = Sandbox(levels=("process",))
        with pytest.raises(CannotStart, match="needs the sandbox level lsm"):
            await acts.core.run(Action("run", argv=("touch", "marker"), cwd=tmp_path, sandbox="lsm"))

        assert len(proxy.log.events("sandbox_refused")) == 1
    assert not (tmp_path / "marker").exists()


@posix
async def test_the_users_minimum_holds_for_whoever_asks_for_less(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".codexplus").mkdir(parents=True)
    (home / ".codexplus/settings.json").write_text('{"sandbox": {"minimum": "lsm"}}')
    acts = Acts()
    async with Harness([acts], config=Config(home)):
        acts.core._sandbox = Sandbox(levels=("process",))
        with pytest.raises(CannotStart, match="needs the sandbox level lsm"):
            await acts.core.run(Action("run", argv=("touch", "marker"), cwd=tmp_path))

    assert not (tmp_path / "marker").exists()


@posix
async def test_a_permission_that_means_nothing_is_told() -> None:
    acts = Acts()
    async with Harness([acts]):
        with pytest.raises(CannotStart, match="permission 'reed_repo': not known"):
            await acts.core.run(Action("run", argv=("true",), permissions=("reed_repo",)))


@posix
async def test_the_launcher_ends_with_the_proxy(tmp_path: Path) -> None:
    acts = Acts()
    async with Harness([acts]):
        await acts.core.run(Action("run", argv=("true",), permissions=("read_repo",), cwd=tmp_path, timeout=TIME))
        sandbox = acts.core._sandbox
        pid = sandbox.launcher_pid

    assert sandbox.launcher_pid is None
    assert pid is None or not Path(f"/proc/{pid}").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
@pytest.mark.abuse("E11")
@pytest.mark.req("H7", "X3")
async def test_what_a_settings_file_denies_is_not_there_for_a_program_in_the_sandbox(tmp_path: Path) -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox on this machine")
    world = World(tmp_path.resolve())
    world.write("project/.env", "CANARY")
    world.write("project/src/a", "fine")
    world.write("project/.claude/settings.json", {"permissions": {"deny": ["Read(./.env)"]}})
    grep = Action(
        "run", argv=("grep", "-r", "-e", "CANARY", "-e", "fine", "."), session=Session("s", "t", cwd=world.project),
        permissions=("read_repo",), sandbox="lsm", timeout=TIME,
    )  # fmt: skip
    acts = Acts()
    async with Harness([acts], config=world.config()):
        found = await acts.core.run(grep)

    assert found.stdout == b"./src/a:fine\n"
