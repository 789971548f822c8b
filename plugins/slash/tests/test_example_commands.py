"""The example commands, copied to where the README says and called through the whole plugin."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import pytest

from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.sandbox.sandbox import probe_once
from codexplus_core.testing import Harness
from codexplus_slash import plugin
from codexplus_slash.command_file import Source, load

EXAMPLES = Path(__file__).parents[3] / "examples/commands"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")


@pytest.fixture
def project(tmp_path: Path, private_home: Path) -> Path:
    """A project of a user who has copied the examples."""
    for name in ("commands", "modules"):
        shutil.copytree(EXAMPLES / name, private_home / ".codexplus" / name)
    (tmp_path / "project/src").mkdir(parents=True)
    (tmp_path / "project/src/main.py").write_text("print('hello')")
    return tmp_path / "project"


async def said(prompt: str, *, cwd: Path) -> tuple[str, str]:
    """What the model is asked and what the user reads, one of them empty."""
    async with Harness({"slash": plugin}, cwd=str(cwd)) as proxy:
        answer = await proxy.say(prompt)
        asked = proxy.upstream.turns
        return (asked[0].conversation[-1]["content"][-1]["text"], "") if asked else ("", answer.text)


@pytest.mark.parametrize(
    ("name", "description", "hint"),
    [
        ("analyze.js", "Look for mistakes in what this branch changes.", "[branch]"),
        ("arch.py", "Describe the architecture of this project, or of a folder in it.", "[folder]"),
        ("review.md", "Review the changes that are not committed yet", "[what to look at]"),
    ],
)
def test_each_example_says_what_it_does(name: str, description: str, hint: str) -> None:
    path = EXAMPLES / "commands" / name
    kinds = {".js": "javascript", ".py": "python"}

    found = load(Source(path.stem, path, path.parent, "user", kinds.get(path.suffix, "markdown"), "(user)"))  # type: ignore[arg-type]

    assert (found.description, found.argument_hint, found.problems) == (description, hint, ())


@pytest.mark.req("S12")
async def test_research_comes_from_a_module(project: Path) -> None:
    asked, _ = await said("/research slow queries", cwd=project)

    assert asked.startswith("Conduct comprehensive research on: slow queries")
    _, usage = await said("/research", cwd=project)
    assert usage.endswith("Usage: /research QUESTION")


@pytest.mark.req("S7")
async def test_arch_lists_the_projects_files(project: Path) -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")

    asked, _ = await said("/arch", cwd=project)

    assert asked.startswith("Describe the architecture of this project")
    assert asked.endswith("src/\n  main.py")
    assert "There is no folder lib here" in (await said("/arch lib", cwd=project))[1]


@needs_node
@pytest.mark.req("S7")
async def test_analyze_asks_before_its_inclusion_runs(project: Path) -> None:
    _, question = await said("/analyze feature", cwd=project)

    assert "git diff feature...HEAD" in question
    assert "Allow? (Y)es/(N)o" in question
    assert "does not look like a branch" in (await said("/analyze --output=x", cwd=project))[1]


async def test_review_is_a_markdown_command(project: Path) -> None:
    _, answer = await said("/review", cwd=project)

    # There is no repository here.
    assert "git status --short" in answer


@needs_node
@pytest.mark.req("S7")
@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_a_projects_code_is_asked_about_then_its_inclusion_and_runs_once(
    project: Path, transport: Literal["http", "websocket"]
) -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")
    (project / ".codexplus/commands").mkdir(parents=True)
    (project / ".codexplus/commands/dice.js").write_text(
        "module.exports = (args) => `${args[0]} ${Math.random()} !\\`echo from the shell\\``;\n"
    )

    async with Harness({"slash": plugin}, cwd=str(project), transport=transport) as proxy:
        code = await proxy.say("/dice roll")
        inclusion = await proxy.say("y")
        await proxy.say("y")
        await proxy.say("and now?")

    assert "`command /dice` wants to run" in code.text
    assert "dice.js as JavaScript" in code.text
    assert "`command /dice, in what it returned` wants to run" in inclusion.text
    assert "echo from the shell" in inclusion.text and "line 1 of the prompt that it returned" in inclusion.text
    assert "Changed since you allowed it" not in inclusion.text
    asked = [item["content"][-1]["text"] for item in proxy.upstream.turns[1].conversation if item.get("role") == "user"]
    assert asked[-1] == "and now?"
    assert asked[-2].startswith("roll 0.")
    assert asked[-2].endswith(" from the shell")


@pytest.mark.abuse("B16")
@pytest.mark.parametrize("name", ["broken.js", "broken.py"])
async def test_a_broken_file_affects_itself_only(project: Path, name: str) -> None:
    (project / ".codexplus/commands").mkdir(parents=True)
    (project / ".codexplus/commands" / name).write_text("def module.exports = (((")

    asked, _ = await said("/research a", cwd=project)

    assert asked.startswith("Conduct comprehensive research on: a")


async def test_every_example_is_listed_with_its_names(project: Path) -> None:
    async with Harness({"slash": plugin}, cwd=str(project)) as proxy:
        reply = await proxy.say("/help")

    for name in ("analyze", "arch", "investigate", "research", "review"):
        assert f"/{name}" in reply.text


@pytest.mark.abuse("B16")
async def test_all_code_of_a_project_can_be_allowed_at_once(project: Path) -> None:
    if (await probe_once()).level == "process":
        pytest.skip("no sandbox here")
    for name in ("commands", "modules"):
        shutil.copytree(EXAMPLES / name, project / ".codexplus" / name)
    asked = list(plugin.PROPOSALS(project))
    approvals = Approvals(None)

    async with Harness({"slash": plugin}, cwd=str(project), approvals=approvals) as proxy:
        approvals.allow_now(asked)
        await proxy.say("/research slow queries")
        await proxy.say("/arch")

    assert len(proxy.upstream.turns) == 2
    assert {"module research_module.py", "command /arch", "command /analyze"} <= {each.title for each in asked}
