"""What programs see in their environment, and what a hostile repository's git configuration no longer does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.sandbox.conftest import Held, at

from codexplus_core.services.run import run_program
from codexplus_core.services.sandbox.environment import defused, is_loader, names_diff_program, sandbox_environment

needs_git = pytest.mark.skipif(
    shutil.which("git", path="/usr/bin:/usr/local/bin") is None, reason="git is not installed"
)


def made(given: dict[str, str] | None = None, declared: tuple[str, ...] = (), **environ: str) -> dict[str, str]:
    return sandbox_environment(
        path=["/usr/bin"],
        scratch="/s",
        cwd=Path("/"),
        project=Path("/p"),
        given=given or {},
        declared=declared,
        environ=environ,
    )


def test_only_what_is_declared_or_given_comes_besides_the_fixed_names() -> None:
    found = made({"CODEX_PLUS_ARGUMENTS": "a"}, ("GITHUB_TOKEN", "ABSENT"), GITHUB_TOKEN="t", OPENAI_API_KEY="k")

    assert set(found) - set(defused()) == {
        "CODEX_PLUS_ARGUMENTS", "GITHUB_TOKEN", "LANG", "PATH", "HOME", "TMPDIR", "CLAUDE_PROJECT_DIR",
    }  # fmt: skip
    assert (found["HOME"], found["TMPDIR"], found["PATH"], found["CLAUDE_PROJECT_DIR"]) == (
        "/s/home",
        "/s/tmp",
        "/usr/bin",
        "/p",
    )


@pytest.mark.abuse("F06")
@pytest.mark.parametrize(
    "name",
    ["LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "PYTHONSTARTUP", "NODE_OPTIONS", "NODE_PATH",
     "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "BASH_ENV", "ENV", "BASH_FUNC_ls%%", "PERL5OPT", "RUBYOPT",
     "JAVA_TOOL_OPTIONS", "PATH", "HOME", "IFS", "SSH_AUTH_SOCK", "npm_config_script_shell", "GCONV_PATH", "EDITOR",
     "PAGER", "ld_preload"],
)  # fmt: skip
def test_names_of_loaders_never_come_through(name: str) -> None:
    found = made({name: "evil"}, (name,), **{name: "evil"})

    assert is_loader(name)
    assert "evil" not in found.values()


@given(st.dictionaries(st.text(min_size=1, max_size=12), st.just("evil")))
def test_whatever_is_given_the_fixed_values_stay(given: dict[str, str]) -> None:
    fixed = made()

    found = made(given, tuple(given), **{name: value for name, value in given.items() if name != "LANG"})

    assert {name: found[name] for name in fixed if name != "LANG"} == {n: v for n, v in fixed.items() if n != "LANG"}


@pytest.mark.req("H7")
@pytest.mark.abuse("F06")
@at("process", "lsm", "full")
async def test_a_program_sees_declared_variables_and_no_others(held: Held) -> None:
    code = "import os; print(*sorted(os.environ))"

    without = await held.code(code)
    declared = await held.code(code, permissions=("read_env:SECRET_KEY",), env={"CODEX_PLUS_X": "1", "LD_PRELOAD": "x"})

    names = set(without.stdout.decode().split()) - {"LC_CTYPE"}
    assert names == {*defused(), "LANG", "PATH", "HOME", "TMPDIR", "CLAUDE_PROJECT_DIR"}
    assert set(declared.stdout.decode().split()) - {"LC_CTYPE"} == {*names, "SECRET_KEY", "CODEX_PLUS_X"}


def hostile(directory: Path, marker: Path) -> None:
    """A repository as it comes out of an archive: `git status`, `diff` and `log` run its programs."""
    env = {"PATH": os.environ["PATH"], "HOME": str(directory), "GIT_CONFIG_NOSYSTEM": "1"}
    env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    (directory / "file").write_text("one\n")
    for words in (["init", "-q"], ["add", "file"], [*who, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *words], cwd=directory, env=env, check=True, timeout=60)
    (directory / "file").write_text("two\n")
    hook = directory / ".git/hooks/post-index-change"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    run = f"touch {marker}; true"
    for key in ("core.fsmonitor", "diff.external", "core.pager", "core.editor", "sequence.editor", "core.sshCommand",
                "core.askPass", "gpg.program", "credential.helper", "core.alternateRefsCommand"):  # fmt: skip
        subprocess.run(["git", "config", key, run], cwd=directory, env=env, check=True, timeout=60)
    subprocess.run(["git", "config", "log.showSignature", "true"], cwd=directory, env=env, check=True, timeout=60)


COMMANDS = ("status", "diff", "log", "add file", "stash list", "fetch ssh://localhost:1/x")


@needs_git
@pytest.mark.abuse("B21")
@at("lsm", "full")
async def test_a_hostile_repository_runs_nothing_through_git(held: Held) -> None:
    marker = held.project / "src/marker"
    marker.parent.mkdir()
    hostile(held.project, marker)
    held.own()

    for command in COMMANDS:
        result = await held.run("git", *command.split(), permissions=("read_repo", "write_repo", "run:git", "run:*"))
        # A diff program of the repository's own cannot be taken out of its configuration, only be made to fail.
        assert result.returncode == 0 or command.startswith(("add", "fetch", "diff")), result

    assert not marker.exists()


@needs_git
@pytest.mark.abuse("B21")
async def test_a_hostile_repository_runs_nothing_through_git_without_a_sandbox_either(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    hostile(tmp_path, marker)
    free = await run_program(["git", "status"], cwd=tmp_path, timeout=60)
    assert (free.returncode, marker.exists()) == (0, True), "the trap does not work, so the test shows nothing"
    marker.unlink()

    for command in COMMANDS:
        await run_program(["git", *command.split()], cwd=tmp_path, env=defused(tmp_path), timeout=60)

    assert not marker.exists()


def partial(root: Path, marker: Path, allow: str) -> Path:
    """A clone without its files' contents, which fetches them with a program of its own choice once they are shown."""
    env = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
    origin, clone = root / "origin", root / "clone"
    origin.mkdir()
    (origin / "file").write_text("one\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    made = (["init", "-q"], ["config", "uploadpack.allowFilter", "true"], ["add", "file"],
            [*who, "commit", "-q", "-m", "one"],
            ["clone", "-q", "--no-checkout", "--filter=blob:none", origin.as_uri(), str(clone)])  # fmt: skip
    for words in made:
        subprocess.run(["git", *words], cwd=origin, env=env, check=True, timeout=60)
    for key, value in (("remote.origin.uploadpack", f"touch {marker}; git-upload-pack"), (allow, "always")):
        subprocess.run(["git", "config", key, value], cwd=clone, env=env, check=True, timeout=60)
    return clone


@needs_git
@pytest.mark.abuse("B21")
@pytest.mark.parametrize("allow", ["protocol.allow", "protocol.file.allow"])
async def test_a_partial_clone_fetches_nothing_with_a_program_of_its_own(tmp_path: Path, allow: str) -> None:
    marker = tmp_path / "marker"
    clone = partial(tmp_path, marker, allow)

    shown = await run_program(["git", "show", "HEAD:file"], cwd=clone, env=defused(clone), timeout=60)

    assert shown.returncode != 0
    assert not marker.exists()
    await run_program(["git", "show", "HEAD:file"], cwd=clone, timeout=60)
    assert marker.exists(), "the trap does not work, so the test shows nothing"


@needs_git
@at("lsm", "full")
async def test_git_works_as_ever_in_an_honest_repository(held: Held) -> None:
    hostile(held.project, held.project / "marker")
    (held.project / ".git/config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = false\n")
    held.own()

    status = await held.run("git", "status", "--short", permissions=("read_repo", "run:git"))
    diff = await held.run("git", "diff", permissions=("read_repo", "run:git"))
    log = await held.run("git", "log", "--format=%s", permissions=("read_repo", "run:git"))

    assert status.stdout.startswith(b" M file\n"), status
    assert b"-one\n+two\n" in diff.stdout, diff
    assert log.stdout == b"one\n", log


@pytest.mark.parametrize(
    ("config", "worktree", "named"),
    [
        ("[core]\n\tbare = false\n", "", False),
        ("[diff]\n\texternal = x\n", "", True),
        ("[DIFF]\n\tExternal=x\n", "", True),
        ("[include]\n\tpath = ../x\n", "", True),
        ("[core]\n", "[diff]\n\texternal = x\n", True),
    ],
)
def test_a_repositorys_own_diff_program_is_noticed(tmp_path: Path, config: str, worktree: str, named: bool) -> None:
    (tmp_path / ".git/worktrees/w").mkdir(parents=True)
    (tmp_path / ".git/config").write_text(config)
    (tmp_path / ".git/config.worktree").write_text(worktree)
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git/worktrees/w/commondir").write_text("../..\n")
    (tmp_path / ".git/worktrees/w/config.worktree").write_text(worktree)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/.git").write_text(f"gitdir: {tmp_path}/.git/worktrees/w\n")

    for place in (tmp_path, tmp_path / "sub", tmp_path / "linked"):
        assert names_diff_program(place) is named
        assert ("diff.external" in defused(place).values()) is named


def test_a_configuration_that_cannot_be_read_counts_as_hostile(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git/config")

    assert names_diff_program(tmp_path)


def test_a_repository_whose_link_leads_nowhere_names_nothing(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere\n")

    assert not names_diff_program(tmp_path)
