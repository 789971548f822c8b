"""The user's commands as skills and prompts of Codex, and the way back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from codexplus_core.cli.main import main
from codexplus_core.services.config import Config
from codexplus_core.testing import Harness
from codexplus_core.testing.codex_requests import ClientRequest
from codexplus_slash.plugin import Slash
from codexplus_slash.projections import called_by_skill, prompts, skills, skills_sent


@pytest.fixture
def home(private_home: Path) -> Path:
    for name, text in {
        "fix.md": '---\ndescription: "Fix: an issue"\nargument-hint: "[n]"\n---\nFix issue $ARGUMENTS.',
        "frontend/component.md": "Make $1",
        "hidden.md": "---\nuser-invocable: false\n---\nx",
    }.items():
        path = private_home / ".claude/commands" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return private_home


def test_each_command_of_the_user_is_a_skill_that_the_model_does_not_call(home: Path) -> None:
    found = {str(path.relative_to(home / ".codex/skills")): text for path, text in skills(os.environ).items()}

    assert sorted(found) == [
        "fix/SKILL.md", "fix/agents/openai.yaml",
        "frontend-component/SKILL.md", "frontend-component/agents/openai.yaml",
    ]  # fmt: skip
    assert '\nname: fix\ndescription: "Fix: an issue [n] (Only when the user types $fix.)"\n' in found["fix/SKILL.md"]
    assert 'codex-plus-command: "frontend:component"' in found["frontend-component/SKILL.md"]
    assert found["fix/agents/openai.yaml"] == "policy:\n  allow_implicit_invocation: false\n"


def test_each_command_of_the_user_is_a_prompt_that_leads_back_here(home: Path) -> None:
    found = {path.name: text for path, text in prompts(os.environ).items()}

    assert found["fix.md"].endswith('argument-hint: "[n]"\n---\n/fix $ARGUMENTS\n')
    assert found["frontend-component.md"].endswith("/frontend:component $ARGUMENTS\n")


def test_init_writes_them_and_undo_takes_them_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--yes", "--skills", "--prompts"]) == 0

    assert (home / ".codex/skills/fix/SKILL.md").exists() and (home / ".codex/prompts/fix.md").exists()
    assert "popup" in capsys.readouterr().out

    assert main(["init", "--undo"]) == 0

    assert not list((home / ".codex").rglob("*fix*"))


def with_skill(request: ClientRequest, name: str, text: str, path: Path) -> ClientRequest:
    """The request as Codex sends it when a skill of that name exists."""
    words = f"<skill>\n<name>{name}</name>\n<path>{path}</path>\n{text}\n</skill>"
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
    body = {**request.json, "input": [*request.json["input"], item]}
    headers = [(key, value) for key, value in request.headers if key.lower() != b"content-encoding"]
    return replace(request, headers=headers, body=json.dumps(body).encode(), json=body)


@pytest.fixture
def start(home: Path, tmp_path: Path) -> Callable[..., Harness]:
    (tmp_path / "project").mkdir()
    return lambda: Harness({"slash": Slash()}, config=Config(home), cwd=str(tmp_path / "project"), strict=False)


def sent(proxy: Harness) -> str:
    return json.dumps(proxy.upstream.turns[-1].body["input"])


async def test_a_skill_that_was_called_is_the_command(home: Path, start: Callable[..., Harness]) -> None:
    path = home / ".codex/skills/fix/SKILL.md"

    async with start() as proxy:
        await proxy.send(with_skill(proxy.codex.say("$fix 12 now"), "fix", skills(os.environ)[path], path))

    assert "Fix issue 12 now." in sent(proxy)
    assert '"$fix 12 now"' not in sent(proxy)


@pytest.mark.abuse("B17")
async def test_a_skill_of_a_project_calls_no_command(home: Path, tmp_path: Path, start: Callable[..., Harness]) -> None:
    text = skills(os.environ)[home / ".codex/skills/fix/SKILL.md"]
    path = tmp_path / "project/.codex/skills/fix/SKILL.md"

    async with start() as proxy:
        await proxy.send(with_skill(proxy.codex.say("$fix 12 now"), "fix", text, path))

    assert "Fix issue 12 now." not in sent(proxy)


@pytest.mark.req("S11")
@pytest.mark.parametrize("typed", ["$fix 12", "$HOME is what?", "$", "$other x"])
async def test_without_our_skill_a_dollar_is_a_dollar(typed: str, start: Callable[..., Harness]) -> None:
    async with start() as proxy:
        await proxy.say(typed)

    assert json.dumps(typed)[1:-1] in sent(proxy)


def test_only_the_skills_that_came_with_the_newest_prompt_count() -> None:
    old = {"role": "user", "content": [{"type": "input_text", "text": SKILL}]}
    said = {"role": "assistant", "content": []}
    new = {"role": "user", "content": [{"type": "input_text", "text": "$fix"}]}

    folder = Path("/x")

    assert skills_sent([new, old], folder, None) == {"fix": "deploy:all"}
    assert skills_sent([old, said, new], folder, None) == {}
    assert skills_sent("x", folder, None) == skills_sent([1, {"role": "user", "content": [None]}], folder, None) == {}


SKILL = (
    "<skill>\n<name>fix</name>\n<path>/x/fix/SKILL.md</path>\n"
    '---\nmetadata:\n  codex-plus-command: "deploy:all"\n---\n</skill>'
)


@pytest.mark.parametrize(
    ("prompt", "called"), [("$fix a  b", "/deploy:all a  b"), ("$fix", "/deploy:all"), ("$fixes", None), ("fix", None)]
)
def test_the_words_behind_the_skill_are_the_arguments(prompt: str, called: str | None) -> None:
    assert called_by_skill(prompt, {"fix": "deploy:all"}) == called


@pytest.mark.abuse("B02")
def test_a_skill_of_another_home_of_codex_counts_and_one_of_the_project_does_not(tmp_path: Path) -> None:
    (tmp_path / "work/.git").mkdir(parents=True)
    (tmp_path / "work/sub").mkdir()

    def found(path: str, project: Path | None) -> bool:
        text = SKILL.replace("/x/fix/SKILL.md", f"{tmp_path}/{path}")
        item = {"role": "user", "content": [{"type": "input_text", "text": text}]}
        return bool(skills_sent([item], tmp_path / "home/.codex/skills", project))

    inside = tmp_path / "work/sub"
    assert found("home/.codex/skills/fix/SKILL.md", None) and found("other/skills/fix/SKILL.md", inside)
    assert not found("other/skills/fix/SKILL.md", None) and not found("other/fix/SKILL.md", inside)
    assert not found("work/.codex/skills/fix/SKILL.md", inside) and not found("work/sub/skills/fix/SKILL.md", inside)


@pytest.mark.abuse("B18")
def test_a_long_skill_of_somebody_elses_is_looked_through_in_one_go() -> None:
    text = "<skill>\n<name>fix</name>\n<path>/x/fix/SKILL.md</path>\n" + "\n" * 200_000 + "</skill>"

    assert skills_sent([{"role": "user", "content": [{"type": "input_text", "text": text}]}], Path("/x"), None) == {}
