"""Which files a sandboxed program may change, which it may never change, and which it cannot even read."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from services.sandbox.conftest import BOUND, Held, at, linux

from codexplus_core.services.permissions import Layer, RuleSet
from codexplus_core.services.sandbox.denied import AT_ONCE
from codexplus_core.services.sandbox.grants import PROTECTED, grants_for
from codexplus_core.services.sandbox.level import SandboxRefused

pytestmark = linux

WRITE = """
import os, sys
for name in sys.argv[1:]:
    try:
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "a") as file: file.write("new")
        print(name)
    except OSError: pass
"""
READ = """
import os, sys
for name in sys.argv[1:]:
    try:
        with open(name) as file: print(name, file.read())
    except OSError: print(name, "refused")
"""


async def written(held: Held, *names: str, permissions: tuple[str, ...]) -> set[str]:
    """Those of the files that could be written, as the program saw it and as it is."""
    before = {name: content(held.project / name) for name in names}
    result = await held.code(WRITE, *names, permissions=permissions)
    changed = {name for name in names if content(held.project / name) != before[name]}
    assert set(result.stdout.decode().split()) == changed, result
    return changed


def content(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.mark.req("H7")
@at("lsm", "full")
async def test_patterns_say_what_can_be_written(held: Held) -> None:
    for name in ("a.py", "b.txt", "src/deep/c.py", "dist/old", "log"):
        held.put(f"project/{name}")
    names = ("a.py", "b.txt", "src/deep/c.py", "dist/old", "dist/sub/new", "log", "new", "fresh/in/it", "made")

    one = await written(held, *names, permissions=("write:*.py",))
    deep = await written(held, *names, permissions=("write:**/*.py",))
    below = await written(held, *names, permissions=("write:dist/**",))
    absent = await written(held, *names, permissions=("write:fresh/**", "write:made"))

    assert one == {"a.py"}
    assert deep == {"a.py", "src/deep/c.py"}
    assert below == {"dist/old", "dist/sub/new"}
    # What is not there yet is made by the proxy, for the proxy's user.
    assert absent == ({"fresh/in/it", "made"} if held.uid == os.getuid() else set())


@at("lsm", "full")
async def test_what_was_made_to_be_granted_goes_again_unless_it_is_used(held: Held) -> None:
    await held.run("true", permissions=("write:fresh/**", "write:made"))

    assert list(held.project.iterdir()) == []


@pytest.mark.abuse("B14")
@pytest.mark.parametrize("there", [False, True], ids=["absent", "there"])
@pytest.mark.parametrize("permission", ["write_repo", "write:**"])
@at("lsm", "full")
async def test_settings_and_git_are_never_written_there_or_not(held: Held, permission: str, there: bool) -> None:
    inside = [f"{name}/settings.json" if "." not in name[1:] else name for name in PROTECTED]
    ordinary = ["src/a.py", "src/new.py", "file"]
    for name in [*(inside if there else []), "src/a.py", "file", "packages/one/.git/config"]:
        held.put(f"project/{name}")

    found = await written(held, *inside, *ordinary, "packages/one/.git/config", permissions=(permission,))

    assert found == set(ordinary)


@pytest.mark.abuse("B14")
@at("lsm", "full")
async def test_a_protected_directory_cannot_be_moved_away_or_replaced(held: Held) -> None:
    held.put("project/.claude/settings.json")
    code = (
        "import os\n"
        "for action in (lambda: os.rename('.claude', 'src/gone'), lambda: os.rename('src', '.git'),\n"
        "               lambda: os.symlink('src', '.codex'), lambda: os.link('src/a', '.mcp.json')):\n"
        "    try: action(); print('done')\n"
        "    except OSError: pass\n"
    )
    held.put("project/src/a")

    result = await held.code(code, permissions=("write_repo",))

    assert result.stdout == b""
    assert {path.name for path in held.project.iterdir()} == {".claude", "src"}


@pytest.mark.abuse("E11")
@at("lsm", "full")
async def test_denied_files_cannot_be_read_whatever_is_granted(held: Held) -> None:
    for name in (".env", "secrets/key", "src/a", "src/.env"):
        held.put(f"project/{name}", f"content of {name}")
    masked = [held.project / name for name in (".env", "secrets", "src/.env", "absent")]

    result = await held.code(
        READ, ".env", "secrets/key", "src/.env", "src/a",
        permissions=("read_repo", "write_repo", "read:secrets/**", "read:.env"), masked=masked,
    )  # fmt: skip

    lines = result.stdout.decode().splitlines()
    assert lines[-1] == "src/a content of src/a"
    assert [line for line in lines[:-1] if "content" in line] == []


@pytest.mark.abuse("E11")
@pytest.mark.parametrize("held", ["process-me"], indirect=True)
async def test_where_nothing_can_be_hidden_denied_files_mean_no_run(held: Held) -> None:
    with pytest.raises(SandboxRefused, match="denied files cannot be hidden here"):
        await held.run("true", permissions=("read_repo",), masked=[held.project / ".env"])


@pytest.mark.abuse("E11")
@pytest.mark.parametrize("held", ["lsm-me"], indirect=True)
async def test_too_many_files_to_grant_one_by_one_mean_no_run(held: Held) -> None:
    for number in range(2100):
        (held.project / f"{number}").touch()

    with pytest.raises(SandboxRefused, match="too many others to grant one by one"):
        await held.run("true", permissions=("read_repo",), masked=[held.project / "7"])


@at("lsm", "full")
async def test_the_proxys_own_secrets_stay_hidden_where_the_home_is_the_project(held: Held) -> None:
    held.put("home/.codexplus/token", "secret token")
    held.put("home/.codex/auth.json", "secret login")
    held.put("home/notes", "notes")

    result = await held.code(
        READ,
        "notes",
        ".codexplus/token",
        ".codex/auth.json",
        permissions=("read:~/.co*/**", "read:~/n*"),
        cwd=held.home,
    )

    assert b"notes notes" in result.stdout
    assert b"secret" not in result.stdout


@at("lsm", "full")
async def test_the_private_home_and_temporary_directory_are_writable_and_empty(held: Held) -> None:
    code = (
        "import os, tempfile\n"
        "print(os.listdir(os.environ['HOME']), os.listdir(tempfile.gettempdir()))\n"
        "open(os.environ['HOME'] + '/x', 'w').close(); tempfile.mkdtemp()"
    )

    first, second = await held.code(code), await held.code(code)

    assert (first.stdout, second.stdout, second.returncode) == (b"[] []\n", b"[] []\n", 0)


@at("lsm", "full")
async def test_a_script_of_the_project_that_the_command_names_can_be_run(held: Held) -> None:
    held.put("project/scripts/fmt.sh", "#!/bin/sh\necho formatted\n").chmod(0o755)

    by_path = await held.run("./scripts/fmt.sh")
    by_shell = await held.run("sh", "-c", ". ./scripts/fmt.sh")

    assert (by_path.stdout, by_shell.stdout) == (b"formatted\n", b"formatted\n")


@at("lsm", "full")
async def test_a_directory_that_another_run_removes_meanwhile_is_no_trouble(held: Held) -> None:
    (held.project / "dist").mkdir()

    result = await held.run("true", permissions=("write:dist/**", "read:none/**", "run:no-such-program"))

    assert result.returncode == 0


@at("full")
async def test_only_a_large_project_is_looked_through_beside_the_event_loop(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = RuleSet([Layer("settings", True, deny=("Read(./.env)",), root=held.project)])
    grants = grants_for(["read_repo"], held.project, held.home)
    grants = replace(grants, unreadable=rules.unreadable(held.project, held.project))
    beside: list[object] = []
    to_thread = asyncio.to_thread

    async def counted(work: Any, *words: Any, **named: Any) -> Any:
        beside.append(work)
        return await to_thread(work, *words, **named)

    monkeypatch.setattr(asyncio, "to_thread", counted)

    async def read() -> tuple[bytes, int]:
        ran = await held.sandbox.run_sandboxed(["sh", "-c", "cat .env"], grants=grants, timeout=BOUND)
        return ran.stdout, len(beside)

    held.put("project/other")
    small = await read()
    held.put("project/.env", "secret")
    hidden = await read()
    for number in range(AT_ONCE):
        (held.project / f"{number}").touch()
    large = await read()

    assert (small, hidden, large) == ((b"", 0), (b"", 0), (b"", 1))
