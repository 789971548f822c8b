"""`codex-plus mcp add` and `remove` as they are typed: what is printed, where it is written, how it ends."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.cli.main import main

pytestmark = pytest.mark.req("M2")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def stored(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / ".codexplus/mcp.json").read_text(encoding="utf-8"))
    return found


def typed(*words: str) -> int:
    return main(["mcp", *words])


def test_a_program_is_added_for_this_project_and_the_answer_says_where(
    project: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = typed("add", "air", "env", "x")

    assert code == 0
    assert capsys.readouterr().out == (
        "Added stdio MCP server air with command: env x to local config\n"
        f"File modified: {private_home}/.codexplus/mcp.json [project: {project}]\n"
    )
    assert stored(private_home)["projects"][str(project)] == {
        "mcpServers": {"air": {"type": "stdio", "command": "env", "args": ["x"], "env": {}}}
    }


def test_a_shared_server_goes_to_the_projects_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = typed("add", "--scope", "project", "--transport", "sse", "linear", "https://mcp.linear.app")

    assert code == 0
    assert capsys.readouterr().out == (
        "Added SSE MCP server linear with URL: https://mcp.linear.app to project config\n"
        f"File modified: {project}/.mcp.json\n"
        "Note: a project's server is asked about before it starts, yours too; to allow it now: "
        f"codex-plus approvals allow --project {project}\n"
    )
    shared = json.loads((project / ".mcp.json").read_text(encoding="utf-8"))
    assert shared == {"mcpServers": {"linear": {"type": "sse", "url": "https://mcp.linear.app"}}}


@pytest.mark.abuse("G10")
def test_headers_are_shown_without_secrets(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed("add", "--transport", "http", "h", "https://a.example/mcp", "-H", "A: b", "-H", "Authorization: Bearer abc")

    shown = capsys.readouterr().out
    assert 'Headers: {\n  "A": "b",\n  "Authorization": "[REDACTED]"\n}\n' in shown
    assert "abc" not in shown


def test_the_same_name_twice_in_a_scope_is_a_failure_and_changes_nothing(
    project: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed("add", "air", "one")
    capsys.readouterr()

    code = typed("add", "air", "two")

    assert code == 1
    assert capsys.readouterr().err == "codex-plus: MCP server air already exists in local config\n"
    assert stored(private_home)["projects"][str(project)]["mcpServers"]["air"]["command"] == "one"


def test_servers_that_are_added_at_the_same_time_are_all_there(project: Path, private_home: Path) -> None:
    names = [f"s{number}" for number in range(8)]

    with ThreadPoolExecutor(max_workers=8) as several:
        codes = list(several.map(lambda name: typed("add", "-s", "user", name, "x"), names))

    assert codes == [0] * 8
    assert sorted(stored(private_home)["mcpServers"]) == names


def test_a_name_that_reads_like_another_one_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(".mcp.json").write_text('{"mcpServers": {"a b": {"command": "x"}}}', encoding="utf-8")

    code = typed("add", "-s", "project", "a_b", "x")

    assert code == 1
    assert "would be called like a b" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("add",), ("add", "air"), ("add", "--nonsense", "air", "x"), ("remove",), ("fly",), ()]
)
def test_what_is_typed_wrong_ends_with_two(words: tuple[str, ...], project: Path) -> None:
    assert typed(*words) == 2


@pytest.mark.parametrize("words", [("--help",), ("add", "--help"), ("list", "--help"), ("auth", "-h")])
def test_help_ends_well(words: tuple[str, ...], project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(*words) == 0
    assert "codex-plus mcp" in capsys.readouterr().out


def test_an_entry_that_will_not_count_is_added_and_said_to_be_so(
    project: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = private_home / ".claude"
    folder.mkdir(mode=0o700)
    (folder / "settings.json").write_text('{"deniedMcpServers": [{"serverName": "air"}]}', encoding="utf-8")

    assert typed("add", "air", "x") == 0
    denied = capsys.readouterr().out
    assert typed("add", "-s", "user", "air", "y") == 0
    hidden = capsys.readouterr().out

    assert "Note: it is denied as things are; see: codex-plus mcp get air" in denied
    assert "Note: another air in local config counts before this one" in hidden


def test_remove_finds_the_scope_by_itself(
    project: Path, capsys: pytest.CaptureFixture[str], private_home: Path
) -> None:
    typed("add", "air", "x")
    capsys.readouterr()

    code = typed("remove", "air")

    assert code == 0
    assert capsys.readouterr().out == (
        'Removed MCP server "air" from local config\n'
        f"File modified: {private_home}/.codexplus/mcp.json [project: {project}]\n"
    )
    assert stored(private_home)["projects"][str(project)]["mcpServers"] == {}


def test_remove_asks_for_the_scope_where_several_have_the_name(
    project: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed("add", "air", "x")
    typed("add", "-s", "user", "air", "y")
    capsys.readouterr()

    code = typed("remove", "air")

    assert code == 1
    assert capsys.readouterr().err == (
        'codex-plus: MCP server "air" exists in multiple scopes:\n'
        f"  - Local config (private to you in this project) ({private_home}/.codexplus/mcp.json [project: {project}])\n"
        f"  - User config (available in all your projects) ({private_home}/.codexplus/mcp.json)\n\n"
        "To remove from a specific scope, use:\n"
        "  codex-plus mcp remove air -s local\n"
        "  codex-plus mcp remove air -s user\n"
    )
    assert typed("remove", "air", "-s", "user") == 0
    assert capsys.readouterr().out.startswith("Removed MCP server air from user config\n")


def test_remove_says_where_a_server_stands_that_it_does_not_keep(
    project: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = private_home / ".claude"
    folder.mkdir(mode=0o700)
    (folder / "settings.json").write_text('{"mcpServers": {"git": {"command": "mcp-git"}}}', encoding="utf-8")

    code = typed("remove", "git")

    assert code == 1
    assert "stands in" in (said := capsys.readouterr().err) and "settings.json" in said


def test_what_an_entry_lacks_to_work_is_said_when_it_is_added(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("add", "air", "-e", "KEY=${NO_SUCH_KEY}", "--", "env") == 0
    unset = capsys.readouterr().out
    assert typed("add", "-s", "user", "gone", "no-such-program") == 0
    gone = capsys.readouterr().out

    assert "Note: ${NO_SUCH_KEY} is not set now; the server is not used before codex-plus starts with it\n" in unset
    assert unset.count("Note:") == 1
    assert "Note: no program no-such-program is on the PATH; install it, or correct the entry's command\n" in gone


@pytest.mark.parametrize(
    "words",
    [
        ("add", "-s", "project", "air", "-e", "KEY=${MY_KEY}", "--", "env"),
        ("add-json", "-s", "project", "air", '{"command": "env", "env": {"KEY": "${MY_KEY}"}}'),
    ],
)
def test_a_shared_entry_declares_what_it_reads_so_that_it_counts(
    words: tuple[str, ...], project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "k")

    assert typed(*words) == 0
    said = capsys.readouterr().out
    assert typed("list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["servers"]

    entry = json.loads((project / ".mcp.json").read_text(encoding="utf-8"))["mcpServers"]["air"]
    assert entry["permissions"] == ["run:env", "net", "read_repo", "read_env:MY_KEY"]
    assert 'declares ["run:env", "net", "read_repo", "read_env:MY_KEY"], and runs in the sandbox by them' in said
    assert (row["state"], row["todo"]) == ("needs approval", f"codex-plus approvals allow --project {project}")


def test_permissions_that_were_given_are_kept_and_what_they_lack_is_said(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "k")
    text = '{"command": "env", "env": {"KEY": "${MY_KEY}"}, "permissions": ["net"]}'

    assert typed("add-json", "-s", "project", "air", text) == 0

    assert 'Note: "permissions" lacks "read_env:MY_KEY", so ${MY_KEY} cannot be read\n' in capsys.readouterr().out
    entry = json.loads((project / ".mcp.json").read_text(encoding="utf-8"))["mcpServers"]["air"]
    assert entry["permissions"] == ["net"]
