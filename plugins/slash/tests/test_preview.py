"""What a command would do, told without doing it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from codexplus_core import open_core
from codexplus_core.cli.main import main
from codexplus_core.services.approvals.service import Approvals
from codexplus_core.services.config import Config
from codexplus_core.testing import Harness
from codexplus_slash.plugin import Slash

pytestmark = pytest.mark.req("S9")
COMMAND = (
    "---\ndescription: Fix\nallowed-tools: Bash(git status:*), Bash(touch:*)\nmodel: gpt-x\n---\n"
    "Fix $1 now.\nState: !`touch made-$1`\nNo: !`rm -rf /`\nSee @src/app.py#L1-2, @../outside.txt and @gone.py\n"
)


@pytest.fixture
def place(private_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "project"
    (project / ".claude/commands").mkdir(parents=True)
    (project / ".git").mkdir()
    (project / "src").mkdir()
    (project / "src/app.py").write_text("x = 1\n")
    (tmp_path / "outside.txt").write_text("secret")
    (project / ".claude/commands/fix.md").write_text(COMMAND)
    (project / ".claude/commands/where.md").write_text("!pwd")
    (project / ".claude/commands/code.py").write_text("def command(args):\n    return 'x'\n")
    monkeypatch.chdir(project)
    return project


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["commands", "preview", *words]) == 0
    return capsys.readouterr().out


def test_prompt_shell_commands_and_files_are_shown_and_nothing_is_run(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(shown(capsys, "/fix", "12", "--json"))

    assert found["prompt"].startswith("Fix 12 now.\nState: ⟦touch made-12⟧\n")
    assert (found["label"], found["model"], found["args"]) == ("(project)", "gpt-x", "12")
    assert [(row["command"], row["line"], row["becomes"]) for row in found["shell"]] == [
        ("touch made-12", 7, "asks"),
        ("rm -rf /", 8, "stops"),
    ]
    assert {row["mention"]: bool(row["why_not"]) for row in found["files"]} == {
        "src/app.py": False,
        "../outside.txt": True,
        "gone.py": True,
    }
    assert sorted(path.name for path in place.iterdir()) == [".claude", ".git", "src"]


def test_in_a_terminal_it_reads_as_sentences(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(capsys, "fix", "12")

    assert "/fix 12, markdown (project)." in said
    assert "Line 7: touch made-12 would ask you first: you have not allowed it yet." in said
    assert "Line 8: rm -rf / would not run" in said
    assert "Nothing was run, asked or sent." in said


def test_what_is_allowed_already_would_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / ".claude/commands/fix.md").write_text(COMMAND.replace("No: !`rm -rf /`\n", ""))
    assert main(["approvals", "allow", "--project", str(place)]) == 0
    capsys.readouterr()

    found = json.loads(shown(capsys, "fix", "12", "--json"))

    assert [(row["becomes"], row["why"]) for row in found["shell"]] == [("runs", "you allowed it")]


def test_a_body_that_is_a_shell_command_is_told_as_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(shown(capsys, "where", "--json"))

    assert (found["kind"], found["prompt"]) == ("local shell", "")
    assert [row["command"] for row in found["shell"]] == ["pwd"]


def test_code_is_not_run_to_find_out(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(shown(capsys, "code", "--json"))

    assert found["kind"] == "python" and not found["prompt"]
    assert "known only when it runs" in found["notes"][0]


def test_a_module_is_listed_and_not_run_to_find_out(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / ".codexplus/modules").mkdir(parents=True)
    (place / ".codexplus/modules/ship_module.py").write_text(
        "class Ship:\n"
        "    def can_handle(self, command, args):\n        return command == 'ship'\n"
        "    def mutate_prompt(self, prompt, args):\n        return 'x'\n\n"
        "def create_module():\n    open('ran', 'w')\n    return Ship()\n"
    )
    assert main(["commands", "list", "ship"]) == 0
    listed = capsys.readouterr().out

    found = json.loads(shown(capsys, "ship", "--json"))

    assert "/ship" in listed and "ship_module.py" in listed
    assert found["kind"] == "module" and not (place / "ran").exists()


@pytest.mark.parametrize(("name", "words"), [("nothing", "/help lists"), ("help", "answered by code")])
def test_what_cannot_be_shown_is_an_error(
    place: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    assert main(["commands", "preview", name]) == 1

    assert words in capsys.readouterr().err


def test_a_name_near_another_is_answered_with_that(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["commands", "preview", "fxi"]) == 1

    assert "/fxi: there is no such command file here; did you mean /fix?" in capsys.readouterr().err


def test_a_model_of_claude_code_is_said_to_be_passed_over_unless_it_is_translated(
    place: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / ".claude/commands/fix.md").write_text("---\nmodel: opus\n---\nFix it.\n")
    ignored = json.loads(shown(capsys, "fix", "--json"))
    (private_home / ".codexplus").mkdir(exist_ok=True)
    (private_home / ".codexplus/settings.json").write_text('{"slash": {"models": {"opus": "gpt-x"}}}')
    translated = json.loads(shown(capsys, "fix", "--json"))

    assert ignored["model"] == "" and "The model opus is Claude Code's and is passed over" in ignored["notes"][0]
    assert (translated["model"], translated["notes"]) == ("gpt-x", [])


def test_an_empty_command_is_said_to_be_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / ".claude/commands/fix.md").write_text("---\ndescription: Fix\n---\n")

    assert "The command is empty: write a prompt below its frontmatter." in shown(capsys, "fix")


def test_in_a_terminal_the_prompt_stands_as_it_is(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / ".claude/commands/fix.md").write_text("# Fix *it*\n\n- now\x1b[2J\n")

    said = shown(capsys, "fix")

    assert "The model would read:\n\n    # Fix *it*\n\n    - now\\u{1b}[2J\n" in said
    assert said.endswith("\nNothing was run, asked or sent.\n")


def test_the_list_has_files_and_built_ins(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["commands", "list", "--json"]) == 0

    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["fix"]["source"] == ".claude/commands/fix.md" and rows["fix"]["scope"] == "project"
    assert rows["help"]["scope"] == "built in"


def test_a_directory_that_is_none_is_a_usage_error(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["commands", "list", "--project", "nowhere"]) == 2


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_plus_preview_shows_the_same_in_the_conversation(transport: Any, place: Path) -> None:
    approvals = Approvals()
    async with Harness(
        {"slash": Slash()}, config=Config(Path.home()), approvals=approvals, cwd=str(place), transport=transport
    ) as proxy:
        answer = await proxy.say("/plus preview fix 12")
        unknown = await proxy.say("/plus preview nothing")
        own = await proxy.say("/plus preview help")

    lines = answer.text.splitlines()
    assert lines[0] == "**`/fix 12`**, markdown (project)"
    assert any(line.startswith("- Line 8: `rm -rf /` would not run: ") for line in lines)
    assert "Fix 12 now." in lines
    assert "there is no such command file" in unknown.text and "built in" in own.text
    assert approvals.pending() == [] and proxy.upstream.turns == []
    assert not (place / "made-12").exists()


def test_a_preview_asks_nobody(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown(capsys, "fix", "12")

    with open_core() as core:
        assert core.approvals.pending() == []
        assert asyncio.run(core.commands.listing(place))


@pytest.mark.parametrize("mention", ["../outside.txt", "link.txt", "../linked.txt"])
def test_the_rule_that_a_preview_names_lets_the_file_be_attached(
    mention: str, place: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "link.txt").symlink_to(place.parent / "outside.txt")
    (place.parent / "linked.txt").symlink_to(place.parent / "outside.txt")
    (place / ".claude/commands/look.md").write_text(f"See @{mention}")

    (before,) = json.loads(shown(capsys, "look", "--json"))["files"]
    rules = re.findall(r"Read\(\S+\)", before["why_not"])
    (private_home / ".claude").mkdir(exist_ok=True)
    (private_home / ".claude/settings.json").write_text(json.dumps({"permissions": {"allow": rules}}))
    if "is a link to" in before["why_not"]:
        (place / ".claude/commands/look.md").write_text(f"See @{place.parent / 'outside.txt'}")
    (after,) = json.loads(shown(capsys, "look", "--json"))["files"]

    async def attached() -> str:
        config = Config(private_home, {})
        async with Harness({"slash": Slash()}, config=config, cwd=str(place)) as proxy:
            await proxy.say("/look")
            return json.dumps([turn.body for turn in proxy.upstream.turns])

    assert rules and after["why_not"] == ""
    assert "secret" in asyncio.run(attached())
