"""The door itself: levels and refusals, turns, the launcher's life, and systems that have no sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from services.sandbox.conftest import BOUND, Held, at, linux

from codexplus_core.services.run import CannotStart
from codexplus_core.services.sandbox import probe as probing
from codexplus_core.services.sandbox import probing as attempts
from codexplus_core.services.sandbox.grants import Grants
from codexplus_core.services.sandbox.launcher import kernel
from codexplus_core.services.sandbox.launching import Launching
from codexplus_core.services.sandbox.level import LEVELS, SandboxRefused, is_enough
from codexplus_core.services.sandbox.limits import DEFAULT_SECONDS, MAX_SECONDS, clamped
from codexplus_core.services.sandbox.sandbox import Sandbox

# What an administrator's switch does, done to the launcher alone: no user namespaces below this one.
WITHOUT_NAMESPACES = (
    "import ctypes, os, sys; sys.path.append(sys.argv[3]); from launcher.serve import main\n"
    "uid, gid = os.getuid(), os.getgid()\n"
    "assert ctypes.CDLL(None).unshare(0x10000000) == 0\n"
    "for name, text in (('self/setgroups', 'deny'), ('self/uid_map', f'{uid} {uid} 1'),\n"
    "                   ('self/gid_map', f'{gid} {gid} 1'), ('sys/user/max_user_namespaces', '0')):\n"
    "    open('/proc/' + name, 'w').write(text)\n"
    "main(int(sys.argv[1]), sys.argv[2])"
)


def test_levels_are_ordered() -> None:
    assert [is_enough(level, "lsm") for level in LEVELS] == [False, True, True]


@pytest.mark.abuse("F13")
@pytest.mark.parametrize("held", ["process-me"], indirect=True)
@pytest.mark.parametrize("minimum", ["lsm", "full"])
async def test_below_the_minimum_nothing_is_started(held: Held, minimum: Any) -> None:
    with pytest.raises(SandboxRefused, match=rf"^touch: needs the sandbox level {minimum}, here is process; "):
        await held.run("touch", str(held.project / "marker"), minimum=minimum)

    assert not (held.project / "marker").exists()


@linux
@pytest.mark.abuse("F12")
async def test_where_namespaces_are_blocked_landlock_and_the_filter_hold() -> None:
    launching = Launching(argv=[sys.executable, "-I", "-S", "-X", "utf8", "-c", WITHOUT_NAMESPACES])
    sandbox = Sandbox(launching=launching)
    try:
        found = await sandbox.probe()
        if found.level == "process":
            pytest.skip(f"no Landlock or no namespaces to take away here: {found}")
        result = await sandbox.run_sandboxed(["sh", "-c", "echo $0"], grants=Grants(), minimum="lsm", timeout=BOUND)
        with pytest.raises(SandboxRefused, match="needs the sandbox level full, here is lsm \\(full: "):
            await sandbox.run_sandboxed(["true"], grants=Grants(), minimum="full")
    finally:
        sandbox.close()

    assert (found.level, result.level, result.returncode) == ("lsm", "lsm", 0)
    assert "No space left" in found.reasons[0]


@linux
async def test_a_launcher_that_cannot_be_used_is_a_reason_not_a_crash() -> None:
    sandbox = Sandbox(launching=Launching(argv=["/bin/false"]))
    try:
        found = await sandbox.probe()
        with pytest.raises(SandboxRefused):
            await sandbox.run_sandboxed(["true"], grants=Grants())
    finally:
        sandbox.close()

    assert found.level == "process"
    assert all("the launcher cannot be used" in reason for reason in found.reasons)


@linux
async def test_nothing_is_started_before_the_first_run() -> None:
    sandbox = Sandbox()

    assert sandbox.launcher_pid is None
    sandbox.close()


@pytest.mark.parametrize("held", ["process-me", "lsm-me", "full-me"], indirect=True)
async def test_a_launcher_that_died_is_replaced(held: Held) -> None:
    sandbox = Sandbox(levels=LEVELS[: LEVELS.index(held.level) + 1])
    grants = Grants(project=held.project, home=held.home)
    try:
        await sandbox.run_sandboxed(["true"], grants=grants, minimum=held.level)
        first = sandbox.launcher_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        # As long as it is dying, the process that it made ahead may take one more order.
        await asyncio.to_thread(os.waitid, os.P_PID, first, os.WEXITED | os.WNOWAIT)

        result = await sandbox.run_sandboxed(["true"], grants=grants, minimum=held.level)

        assert result.returncode == 0
        assert sandbox.launcher_pid not in (None, first)
    finally:
        sandbox.close()


@pytest.mark.parametrize("held", ["lsm-me"], indirect=True)
async def test_runs_take_turns_in_the_order_they_came(held: Held, launchers: dict[str, Launching]) -> None:
    sandbox = Sandbox(at_once=1, levels=("process", "lsm"), launching=launchers["me"])
    order: list[int] = []

    async def one(number: int) -> None:
        await sandbox.run_sandboxed(["true"], grants=Grants(), timeout=BOUND)
        order.append(number)

    await sandbox.probe()
    async with asyncio.timeout(BOUND):
        await asyncio.gather(*(one(number) for number in range(8)))

    assert order == list(range(8))


@pytest.mark.parametrize("held", ["full-me"], indirect=True)
async def test_many_runs_at_once_all_come_back(held: Held) -> None:
    async with asyncio.timeout(BOUND):
        results = await asyncio.gather(*(held.run("sh", "-c", f"echo {number}") for number in range(40)))

    assert [int(result.stdout) for result in results] == list(range(40))


def test_the_sandbox_works_on_uvloop_as_well() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def runs() -> tuple[Any, Any]:
        sandbox = Sandbox()
        try:
            level = (await sandbox.probe()).level
            words = ["sh", "-c", "read x; echo $x; exec >&-; read y"]
            echoed = await sandbox.run_sandboxed(words, grants=Grants(), minimum=level, stdin=b"a\n" * 500_000)
            late = await sandbox.run_sandboxed(["sleep", "600"], grants=Grants(), minimum=level, timeout=0.2)
            return echoed, late
        finally:
            await asyncio.to_thread(sandbox.close)

    echoed, late = uvloop.run(runs())

    assert (echoed.returncode, echoed.stdout) == (0, b"a\n")
    assert (late.timed_out, late.returncode) == (True, -signal.SIGKILL)


@at("process", "lsm", "full")
async def test_a_missing_or_unfit_program_is_named(held: Held) -> None:
    held.put("project/plain", "text")
    held.put("project/bad", "#!/no/such/interpreter\n").chmod(0o755)

    for word, why in (
        ("no-such-program", "no such program"),
        ("./plain", "file is executable"),
        ("./bad", "cannot be started"),
    ):
        with pytest.raises(CannotStart, match=f"^{word}: .*{why}"):
            await held.run(word)


@pytest.mark.abuse("F18")
@pytest.mark.parametrize(
    ("asked", "given"),
    [(0, DEFAULT_SECONDS), (-3, DEFAULT_SECONDS), (float("nan"), DEFAULT_SECONDS), (7.5, 7.5), (1e12, MAX_SECONDS),
     (float("inf"), MAX_SECONDS), (None, MAX_SECONDS)],
)  # fmt: skip
def test_times_that_are_none_or_too_long_are_clamped(asked: float | None, given: float) -> None:
    assert clamped(asked) == given


@pytest.mark.parametrize(("platform", "name"), [("darwin", "macOS"), ("win32", "Windows")])
async def test_systems_without_a_sandbox_run_at_process_level_and_refuse_more(
    platform: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in (attempts, probing, kernel):
        monkeypatch.setattr(module.sys, "platform", platform)
    sandbox = Sandbox()
    code = "import os; print(os.listdir(os.environ['HOME']), 'SECRET' in os.environ)"
    monkeypatch.setenv("SECRET", "x")
    grants = Grants(project=tmp_path, home=tmp_path)

    found = await sandbox.probe()
    result = await sandbox.run_sandboxed([sys.executable, "-c", code], grants=grants, minimum="process", timeout=BOUND)
    with pytest.raises(SandboxRefused, match=f"codex-plus has no sandbox on {name} yet.*; run the proxy on Linux"):
        await sandbox.run_sandboxed([sys.executable, "-c", code], grants=grants)

    assert (found.level, found.fix != "") == ("process", True)
    assert (result.level, result.stdout.split()) == ("process", [b"[]", b"False"])
    assert sandbox.launcher_pid is None


@linux
@pytest.mark.parametrize(
    ("switch", "value"),
    [("kernel/apparmor_restrict_unprivileged_userns", "1"), ("kernel/unprivileged_userns_clone", "0"),
     ("user/max_user_namespaces", "0")],
)  # fmt: skip
def test_the_switch_that_blocks_namespaces_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str, value: str
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    (tmp_path / "sys" / switch).parent.mkdir(parents=True)
    (tmp_path / "sys" / switch).write_text(f"{value}\n")

    found = probing.explained("full", "[Errno 1] clone", proc=tmp_path)

    assert found == f"user namespaces are blocked: {switch.rpartition('/')[2]}={value}"


def test_a_probe_that_got_out_anywhere_does_not_count() -> None:
    escapes = ("network", "unix", "read", "write", "create", "metadata", "signal")
    held = json.dumps({"works": True} | dict.fromkeys(escapes, False))

    assert probing.judged("lsm", held.encode(), False) == ""
    assert "daemon" in probing.judged("lsm", held.encode(), True)
    assert "no answer" in probing.judged("lsm", b"", False)
    assert "own directory" in probing.judged("lsm", json.dumps(dict.fromkeys(escapes, False)).encode(), False)
    for name in escapes:
        out = json.loads(held) | {name: True}
        silent = {key: value for key, value in json.loads(held).items() if key != name}
        assert probing.judged("full", json.dumps(out).encode(), False)
        assert probing.judged("full", json.dumps(silent).encode(), False)


@pytest.mark.parametrize("held", ["lsm-me", "full-me"], indirect=True)
async def test_when_the_launcher_dies_runs_under_way_go_on_and_new_ones_share_one_new_launcher(held: Held) -> None:
    sandbox = Sandbox(levels=LEVELS[: LEVELS.index(held.level) + 1], at_once=20)
    fifo = held.fifo("project/go")
    grants = Grants(project=held.project, home=held.home, read_repo=True, write=("go",))
    try:
        words = ["sh", "-c", "echo ready >go; read x <go; echo $x"]
        under_way = asyncio.create_task(sandbox.run_sandboxed(words, grants=grants, minimum=held.level, timeout=BOUND))
        assert await asyncio.to_thread(fifo.read_text) == "ready\n"
        first = sandbox.launcher_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)

        others = await asyncio.gather(
            *(sandbox.run_sandboxed(["true"], grants=grants, minimum=held.level, timeout=BOUND) for _ in range(8))
        )
        await asyncio.to_thread(fifo.write_text, "done\n")
        result = await under_way

        assert [other.returncode for other in others] == [0] * 8
        assert (result.returncode, result.stdout) == (0, b"done\n")
    finally:
        sandbox.close()
