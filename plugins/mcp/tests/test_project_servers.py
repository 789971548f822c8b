"""A server that a repository brought: not started before the user's yes, neither by prompt, mention nor list."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from codexplus_core.cli.main import main
from codexplus_core.services.config import Config
from codexplus_core.testing import Harness
from codexplus_core.testing.codex import CodexClient
from codexplus_mcp.plugin import Plugin

Transport = Literal["http", "websocket"]
BOTH = pytest.mark.parametrize("transport", ["http", "websocket"])
SHELF = Path(__file__).parent / "shelf_server.py"
Start = Callable[..., Harness]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the server ``s`` in its ``.mcp.json``."""
    folder = tmp_path / "project"
    folder.mkdir()
    entry = {"command": sys.executable, "args": ["-I", str(SHELF), str(tmp_path / "asked.jsonl")]}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"s": entry}}), encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def start(project: Path, private_home: Path) -> Start:
    def make(transport: Transport = "http", **settings: Any) -> Harness:
        config = Config(private_home, {"mcp": {"tools": "gateway"}, **settings}, env={"HOME": str(private_home)})
        return Harness({"mcp": Plugin()}, config=config, transport=transport, cwd=str(project))

    return make


def started(tmp_path: Path) -> bool:
    return (tmp_path / "asked.jsonl").exists()


@BOTH
@pytest.mark.req("X6")
@pytest.mark.abuse("B04")
@pytest.mark.parametrize("typed", ["/mcp__s__greet Bob", "see @s:issue://ENG-123"])
async def test_a_prompt_or_a_mention_asks_first_and_goes_on_after_a_yes(
    typed: str, transport: Transport, start: Start, tmp_path: Path
) -> None:
    async with start(transport) as proxy:
        question = await proxy.say(typed)
        before = started(tmp_path)
        answer = await proxy.say("y")

    assert "shelf_server.py" in question.text
    assert not before
    assert started(tmp_path)
    assert answer.text == "Hello from the script."
    (turn,) = proxy.upstream.turns
    assert "Greet [Bob]" in (said := json.dumps(turn.body["input"])) or "ISSUE-TEXT" in said


@pytest.mark.abuse("B04")
async def test_after_a_no_nothing_runs(start: Start, tmp_path: Path) -> None:
    async with start() as proxy:
        await proxy.say("/mcp__s__greet Bob")
        await proxy.say("n")

    assert not started(tmp_path)
    assert proxy.upstream.turns == []


@pytest.mark.req("M7")
@pytest.mark.abuse("B04")
@pytest.mark.parametrize("tui", [False, True])
async def test_the_list_in_the_chat_starts_nothing_that_waits_for_a_yes_and_says_how_to_give_it(
    tui: bool, start: Start, project: Path, tmp_path: Path
) -> None:
    async with start() as proxy:
        proxy.codex = CodexClient("0.169.0", tui=tui, cwd=str(project))
        # The question about the project's servers comes with the first prompt; a command is none.
        answer = await proxy.say("/mcp list")
        before = started(tmp_path)
        asked = await proxy.say("hello")

    how = f"allow it in a terminal with `codex-plus approvals allow --project {project}`"
    assert f"⏸ Pending approval; {how}\n" in answer.text
    assert not before
    assert ("Allow? (Y)es" in asked.text) == tui


@pytest.mark.req("M2")
@pytest.mark.abuse("B04")
def test_the_command_line_lists_it_as_pending_and_connects_once_it_is_allowed(
    project: Path, tmp_path: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mcp", "list"]) == 0
    pending = capsys.readouterr().out
    before = started(tmp_path)
    assert main(["approvals", "allow", "--project", str(project)]) == 0
    capsys.readouterr()
    assert main(["mcp", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["servers"]
    assert main(["mcp", "get", "s"]) == 0
    details = capsys.readouterr().out

    assert " - ⏸ Pending approval\n" in pending
    assert f"  allow it in a terminal with: codex-plus approvals allow --project {project}\n" in pending
    assert not before
    assert (row["name"], row["scope"], row["state"]) == ("s", "project", "connected")
    assert "issue://ENG-123" in row["resources"]
    assert "  Scope: Project config (shared via .mcp.json)\n  Status: ✔ Connected\n  Type: stdio\n" in details
    assert "To remove this server, run: codex-plus mcp remove s -s project" in details


@pytest.mark.req("M2")
def test_answers_about_a_projects_servers_can_be_withdrawn(
    project: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["approvals", "allow", "--project", str(project)])
    capsys.readouterr()

    assert main(["mcp", "reset-project-choices"]) == 0
    said = capsys.readouterr().out
    main(["mcp", "list"])

    assert "one answer was withdrawn" in said
    assert "⏸ Pending approval" in capsys.readouterr().out


@pytest.mark.req("M2")
async def test_a_withdrawn_yes_ends_the_server_that_runs_and_the_next_prompt_asks_again(
    start: Start, tmp_path: Path
) -> None:
    async with start() as proxy:
        await proxy.say("/mcp__s__greet Bob")
        await proxy.say("a")
        withdrawn = await proxy.say("/mcp reset-project-choices")
        listed = await proxy.say("/mcp list")
        again = await proxy.say("/mcp__s__greet Bob")

    assert "one answer was withdrawn" in withdrawn.text
    assert "⏸ Pending approval" in listed.text
    assert "shelf_server.py" in again.text
    assert len(proxy.upstream.turns) == 1


@pytest.mark.req("X6")
async def test_a_yes_that_is_withdrawn_at_a_terminal_ends_the_server_that_runs(start: Start) -> None:
    async with start() as proxy:
        await proxy.say("/mcp__s__greet Bob")
        await proxy.say("a")
        approvals = proxy.app.approvals
        for grant in approvals.list():
            approvals.revoke(grant.id)
        again = await proxy.say("/mcp__s__greet Bob")

    assert "shelf_server.py" in again.text
    assert len(proxy.upstream.turns) == 1


@pytest.mark.req("M2")
def test_a_file_that_is_broken_is_named_under_the_list(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / ".mcp.json").write_text("{ nope", encoding="utf-8")

    assert main(["mcp", "list"]) == 0

    shown = capsys.readouterr().out
    assert shown.startswith("No MCP servers configured.")
    assert "MCP config diagnostics ⚠" in shown
    assert ".mcp.json" in shown


@pytest.mark.req("M2")
def test_a_server_whose_variable_is_missing_is_listed_with_what_to_do(
    project: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["mcp", "add", "-s", "user", "v", "-e", "T=${MY_UNSET}", "--", "/nonexistent/x"])
    capsys.readouterr()

    assert main(["mcp", "list"]) == 0
    listed = capsys.readouterr().out
    assert main(["mcp", "get", "v"]) == 0
    got = capsys.readouterr().out

    label = "✘ Not used: ${MY_UNSET} is not set; set it, or write ${MY_UNSET:-a default}"
    assert f"v: /nonexistent/x - {label}\n" in listed and f"  in {private_home}/.codexplus/mcp.json:" in listed
    assert "diagnostics" not in listed
    assert f"  Status: {label}\n" in got


@pytest.mark.req("M2")
@pytest.mark.req("X6")
@pytest.mark.parametrize("action", ["list", "get"])
def test_a_hostile_entry_prints_nothing_that_a_terminal_obeys(
    action: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"command": "x\x1b]0;owned\x07", "args": ["\x1b[2J", "--token", "abc"], "env": {"\x1b[1m": "\u202e"}}
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"s": entry}}), encoding="utf-8")

    main(["mcp", *([action, "s"] if action == "get" else [action])])

    shown = "".join(capsys.readouterr())
    assert all(each.isprintable() or each == "\n" for each in shown)
    assert "abc" not in shown


@pytest.mark.req("M2")
def test_a_variable_that_the_sandbox_refuses_is_not_advised_to_be_declared(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mcp", "add", "-s", "project", "h", "--env", "A=${HOME}", "--", "/usr/bin/cat"]) == 0
    added = capsys.readouterr().out
    assert main(["mcp", "list"]) == 0
    listed = capsys.readouterr().out

    assert "read_env" not in (project / ".mcp.json").read_text(encoding="utf-8") + added + listed
    assert "write the value itself" in added
    assert "✘ Not used: " in listed and "write the value itself, or ~/ at the beginning of the command" in listed


@pytest.mark.req("M7")
async def test_a_server_that_was_allowed_and_failed_shows_its_failure(start: Start, project: Path) -> None:
    entry = {"command": sys.executable, "args": ["-I", "-c", "raise SystemExit('no luck')"]}
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"s": entry}}), encoding="utf-8")

    async with start() as proxy:
        await proxy.say("/mcp__s__greet Bob")
        await proxy.say("y")
        listed = await proxy.say("/mcp list")

    assert "Pending approval" not in listed.text
    assert "no luck" in listed.text


@pytest.mark.req("M7")
@pytest.mark.abuse("B04")
async def test_a_server_that_another_session_allowed_is_pending_for_one_that_was_not_asked(
    start: Start, project: Path
) -> None:
    async with start() as proxy:
        await proxy.say("/mcp__s__greet Bob")
        await proxy.say("y")
        own = await proxy.say("/mcp list")
        proxy.codex = CodexClient("0.169.0", cwd=str(project), seed=2)
        others = await proxy.say("/mcp list")

    assert "✔ Connected" in own.text and "/mcp__s__greet" in own.text
    assert "⏸ Pending approval" in others.text and "/mcp__s__greet" not in others.text


@pytest.mark.req("M2")
def test_a_terminal_does_not_claim_to_withdraw_what_sessions_allowed_for_themselves(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mcp", "reset-project-choices"]) == 0

    assert "/mcp reset-project-choices in the chat withdraws that, too" in capsys.readouterr().out


@pytest.mark.req("M2")
def test_get_tells_programs_the_entry_without_its_secrets(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = {
        "p": {"command": "x", "args": ["--token", "abc"], "env": {"API_KEY": "abc", "A": "b"}, "permissions": ["net"]},
        "h": {"type": "http", "url": "https://a.example/", "headers": {"X": "y"}, "permissions": ["read_env:T"]},
    }
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": entries}), encoding="utf-8")

    assert main(["mcp", "get", "p", "--json"]) == 0
    program = json.loads(capsys.readouterr().out)["entry"]
    assert main(["mcp", "get", "h"]) == 0
    remote = capsys.readouterr().out

    assert (program["command"], program["permissions"], program["env"]["A"]) == ("x", ["net"], "b")
    assert "abc" not in json.dumps(program)
    assert "  Permissions: read_env:T\n" in remote


@pytest.mark.req("X6")
@pytest.mark.parametrize(("entry", "hinted"), [({"permissions": ["run:sh", "run:*"]}, True), ({}, False)])
async def test_a_sandboxed_server_that_may_not_start_something_says_that_a_permission_may_be_missing(
    entry: dict[str, Any], hinted: bool, start: Start, project: Path
) -> None:
    command = {"command": "sh", "args": ["-c", "echo 'x: bad interpreter: Permission denied' >&2; exit 126"]}
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"s": command | entry}}), encoding="utf-8")

    async with start() as proxy:
        await proxy.say("/mcp__s__greet Bob")
        await proxy.say("y")
        listed = await proxy.say("/mcp list")

    assert "Permission denied" in listed.text
    assert ('"permissions" may lack one, such as run:PROGRAM' in listed.text) == hinted


@pytest.mark.req("M2")
def test_a_question_that_a_terminal_answers_says_nothing_of_a_session(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["approvals", "allow", "--project", str(project)]) == 0

    said = "".join(capsys.readouterr())
    assert "MCP server s" in said and "(Y)es" not in said


@pytest.mark.req("M2")
def test_a_new_entry_that_hides_another_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["mcp", "add", "-s", "user", "dup", "--", sys.executable])
    capsys.readouterr()

    assert main(["mcp", "add", "dup", "--", sys.executable]) == 0

    assert "Note: it counts before the dup in user config" in capsys.readouterr().out


@pytest.mark.req("M2")
def test_a_projects_entry_that_waits_for_a_variable_says_that_it_will_be_asked_about(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mcp", "add", "-s", "project", "pv", "--env", "A=${NOT_SET_X}", "--", sys.executable]) == 0

    assert "it is asked about before it starts" in capsys.readouterr().out


@pytest.mark.req("M2")
def test_a_slip_in_a_pasted_entry_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "add-json", "j", '{"comand": "x"}']) == 1

    assert 'There is "comand": is that a slip?' in capsys.readouterr().err
