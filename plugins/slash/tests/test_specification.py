"""Every slash example that the specifications print, run as printed.

Elsewhere are `ResearchModule` (test_modules.py), `/mcp__github__list_prs` and `@github:issue://123` (the plugin mcp's),
and what `/save`, `/status` and the other built-ins answer (builtins/test_answers.py).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from slash_folders import ALLOW, own_command, prompt_at, proxy_in, whole, write

from codexplus_core.services.sandbox.sandbox import probe_once

posix = pytest.mark.skipif(sys.platform == "win32", reason="what a POSIX shell makes of a line")
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")

COMMIT = """---
allowed-tools: Bash(git add:*), Bash(git status:*), Bash(git commit:*)
argument-hint: [message]
description: Create a git commit with staging
model: claude-3-5-haiku-20241022
---

Stage all changes and create commit with message: $ARGUMENTS

Current status:
!`git status --porcelain`

Review changes:
!`git diff --cached`
"""
BRANCH = """module.exports = (args) => {
  const branch = args[0] || 'main';
  return `Analyze the diff for branch ${branch}: !`git diff ${branch}...HEAD``;
};
"""
SETUP = (
    "echo \"---\\nallowed-tools: Bash(git:*)\\n---\\n!`git status`\\n!`git add -A`\\n!`git commit -m '$ARGUMENTS'`\""
    " > ~/.claude/commands/commit.md"
)
AS_MEANT = "---\nallowed-tools: Bash(git:*)\n---\n!`git status`\n!`git add -A`\n!`git commit -m '$ARGUMENTS'`\n"
TYPED = '/commit "feat: add user authentication"'


def git(folders: Path, *args: str) -> str:
    """Run git in the project, with the test's home."""
    ran = subprocess.run(("git", *args), cwd=folders / "work", capture_output=True, text=True, timeout=60, check=True)
    return ran.stdout


@pytest.fixture
def repository(folders: Path) -> Path:
    """A project with one commit and a file that is not in it yet."""
    config = "[user]\n\tname = A\n\temail = a@example.invalid\n[init]\n\tdefaultBranch = main\n"
    write(folders / "home/.gitconfig", config)
    git(folders, "init", "-q")
    git(folders, "commit", "-q", "--allow-empty", "-m", "first")
    write(folders / "work/new.txt", "new")
    return folders


@pytest.mark.req("S1", "S2", "S4", "S5")
async def test_the_markdown_example_runs_as_printed(repository: Path) -> None:
    git(repository, "add", "new.txt")
    write(repository / "home/.claude/commands/commit.md", COMMIT)

    async with proxy_in(repository) as proxy:
        answer = await proxy.say("/commit add a file")

        (prompt,) = prompt_at(proxy)
    assert "create commit with message: add a file\n" in prompt
    assert "Current status:\nA  new.txt" in prompt and "+new" in prompt
    # Decided by the table of docs/slash-compatibility.md: the model is one of Claude Code's.
    assert "`claude-3-5-haiku-20241022`" in answer.text and "claude-3-5" not in whole(proxy)


@needs_node
@pytest.mark.req("S7")
async def test_the_javascript_example_runs_as_printed(repository: Path) -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")
    git(repository, "checkout", "-q", "-b", "feature")
    git(repository, "add", "new.txt")
    git(repository, "commit", "-q", "-m", "second")
    write(repository / "home/.claude/commands/analyze.js", BRANCH)

    async with proxy_in(repository) as proxy:
        question = await proxy.say("/analyze main")
        assert ALLOW in question.text and "git diff main...HEAD" in question.text
        await proxy.say("a")
        first = prompt_at(proxy)
        await proxy.say("/analyze main")
        again = prompt_at(proxy)
        other = await proxy.say("/analyze feature")

    assert first == again
    assert first[0].startswith("Analyze the diff for branch main: diff --git") and "+new" in first[0]
    assert ALLOW in other.text and "git diff feature...HEAD" in other.text


@pytest.mark.req("S3")
async def test_the_namespace_example_is_found_by_both_names_and_listed_as_printed(folders: Path) -> None:
    write(folders / "work/.claude/commands/frontend/component.md", "Make a component $1 like $2, all: $ARGUMENTS")

    async with proxy_in(folders) as proxy:
        for name in ("component", "frontend:component"):
            await proxy.say(f"/{name} Button Link")
            assert prompt_at(proxy) == ["Make a component Button like Link, all: Button Link"]
        help = await proxy.say("/help component")

    assert "project:frontend" in help.text


@pytest.mark.req("S5", "S6")
async def test_the_shell_inclusion_and_the_file_reference_run_as_printed(repository: Path) -> None:
    write(repository / "work/src/utils/helpers.js", "export {}")
    own_command(repository, "look", "---\nallowed-tools: Bash(git status:*)\n---\n!`git status` @src/utils/helpers.js")

    async with proxy_in(repository) as proxy:
        await proxy.say("/look")

        *attached, prompt = prompt_at(proxy)
    assert "On branch main" in prompt and prompt.endswith("@src/utils/helpers.js")
    assert any("1\texport {}" in each for each in attached)


@pytest.mark.req("S14")
async def test_a_body_of_bash_answers_locally_as_the_design_does_it(folders: Path) -> None:
    own_command(folders, "now", "!echo $ARGUMENTS")

    async with proxy_in(folders) as proxy:
        answer = await proxy.say("/now it works")

        assert answer.text.endswith("```\nit works\n```") and not proxy.upstream.turns


@pytest.mark.req("S11")
@pytest.mark.parametrize("usage", ["/help [pattern]", "/status", "/hooks", "/mcp list", "/plus status", "/plus init"])
async def test_every_built_in_answers_to_its_usage_as_printed(usage: str, folders: Path) -> None:
    async with proxy_in(folders) as proxy:
        answer = await proxy.say(usage)

        assert answer.text and not proxy.upstream.turns


@pytest.mark.req("S13")
@pytest.mark.parametrize("usage", ["/save", "/save [filename]"])
async def test_save_answers_to_its_usage_as_printed(usage: str, folders: Path) -> None:
    async with proxy_in(folders) as proxy:
        answer = await proxy.say(usage)

        assert answer.text and not proxy.upstream.turns


# -- "Setup custom git workflow": a line for a shell


@posix
@needs_bash
def test_the_shell_line_of_the_use_case_runs_git_while_bash_writes_the_file(repository: Path) -> None:
    commands = repository / "home/.claude/commands"
    commands.mkdir(parents=True)

    ran = subprocess.run(
        ("bash", "-c", SETUP), cwd=repository / "work", capture_output=True, text=True, timeout=60, check=False
    )

    # No frontmatter, and in the place of each shell command what git said there and then: it has made a commit.
    made = (commands / "commit.md").read_text(encoding="utf-8")
    assert ran.returncode == 0
    assert made.startswith("---\\nallowed-tools: Bash(git:*)\\n---\\n!On branch main") and "`" not in made
    assert git(repository, "log", "-1", "--format=%s") == "$ARGUMENTS\n"
    assert git(repository, "status", "--porcelain") == ""


@posix
@needs_bash
def test_a_bash_that_is_typed_into_refuses_the_line_for_its_exclamation_marks(repository: Path) -> None:
    (repository / "home/.claude/commands").mkdir(parents=True)

    ran = subprocess.run(
        ("bash", "--norc", "-i"), input=f"set -H\n{SETUP}\n", cwd=repository / "work", capture_output=True, text=True,
        timeout=60, check=False, start_new_session=True,
    )  # fmt: skip

    assert "event not found" in ran.stderr
    assert not (repository / "home/.claude/commands/commit.md").exists()


@posix
@needs_bash
@pytest.mark.req("S5")
async def test_the_line_that_the_documents_give_in_its_place_makes_the_command_that_was_meant(repository: Path) -> None:
    document = Path(__file__).parents[3] / "docs/slash-compatibility.md"
    (line,) = [
        block for block in document.read_text(encoding="utf-8").split("```sh\n")[1:] if "commands/commit.md" in block
    ]
    subprocess.run(
        ("bash", "-c", line.partition("\n```")[0]), cwd=repository / "work", timeout=60, check=True
    )  # fmt: skip

    made = (repository / "home/.claude/commands/commit.md").read_text(encoding="utf-8")
    async with proxy_in(repository) as proxy:
        await proxy.say(TYPED)

        (prompt,) = prompt_at(proxy)
    assert made == AS_MEANT
    assert "Untracked files:" in prompt and "1 file changed" in prompt
    assert git(repository, "log", "-1", "--format=%s") == '"feat: add user authentication"\n'
    assert git(repository, "status", "--porcelain") == ""
