"""`codex-plus mcp list` and `get` as they are typed: what is shown, of what, and how long it may take."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from codexplus_core.cli.main import main

pytestmark = pytest.mark.req("M2")
SHELF = Path(__file__).parent / "shelf_server.py"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def typed(*words: str) -> int:
    return main(["mcp", *words])


@pytest.mark.parametrize("action", ["get", "auth", "logout", "login"])
def test_a_server_that_is_not_there_is_named(action: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(action, "nope") == 1

    assert capsys.readouterr().err == ('codex-plus: No MCP server named "nope". Run `codex-plus mcp add` to add one.\n')


def test_a_list_of_nothing_says_how_to_begin(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("list") == 0
    assert capsys.readouterr().out == "No MCP servers configured. Use `codex-plus mcp add` to add a server.\n"

    assert typed("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"servers": [], "problems": []}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({}, {}),
        ({"oauth": {"clientId": "a", "callbackPort": 1}}, {"oauth": {"clientId": "a", "callbackPort": 1}}),
        ({"auth": {"type": "oauth2", "scopes": ["r"]}}, {"oauth": {"type": "oauth2", "scopes": ["r"]}}),
        ({"timeout": 90_000}, {"timeout": 90_000}),
    ],
)
def test_an_entry_for_programs_has_its_sign_in_and_its_timeout(
    said: dict[str, Any], shown: dict[str, Any], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"type": "http", "url": "https://h.example/mcp", **said}
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"s": entry}}), encoding="utf-8")

    assert typed("get", "s", "--json") == 0

    found = json.loads(capsys.readouterr().out)["entry"]
    assert {name: found[name] for name in found if name in ("oauth", "timeout")} == shown


def test_commands_to_be_copied_quote_what_a_shell_would_take_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my project;x"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / ".mcp.json").write_text('{"mcpServers": {"a b": {"command": "env"}}}', encoding="utf-8")

    assert typed("get", "a b") == 0

    shown = capsys.readouterr().out
    assert f"Allow it in a terminal with: codex-plus approvals allow --project '{folder}'\n" in shown
    assert "To remove this server, run: codex-plus mcp remove 'a b' -s project\n" in shown


@pytest.mark.abuse("G18")
def test_json_of_a_listing_holds_no_character_that_turns_or_hides_text(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"command": "no-such-\u202eprogram", "args": ["\u200b\x9b2J"]}
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"s\u202e": entry}}), encoding="utf-8")

    assert typed("list", "--json") == 0

    shown = capsys.readouterr().out
    assert shown.isascii()
    assert json.loads(shown)["servers"][0]["name"] == "s\u202e"


def test_a_project_server_without_its_program_is_said_to_lack_it_and_not_to_wait_for_a_yes(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".mcp.json").write_text('{"mcpServers": {"s": {"command": "no-such-program"}}}', encoding="utf-8")

    assert typed("list") == 0

    assert capsys.readouterr().out.startswith(
        "s: no-such-program - ✘ Failed to connect — no program no-such-program is on the PATH; install it"
    )


def test_a_timeout_given_is_that_of_the_start_too(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = f"{shlex.quote(sys.executable)} -I {shlex.quote(str(SHELF))} {shlex.quote(str(tmp_path / 'asked.jsonl'))}"
    go = tmp_path / "go"
    waits = f"until [ -e {shlex.quote(str(go))} ]; do sleep 0.05; done"
    typed("add", "-s", "user", "late", "--", "sh", "-c", f"{waits}; exec {shelf}")
    monkeypatch.setenv("MCP_TIMEOUT", "300")
    capsys.readouterr()

    assert typed("list", "--json") == 0
    (hasty,) = json.loads(capsys.readouterr().out)["servers"]
    go.touch()
    assert typed("list", "--json", "--timeout", "60") == 0
    (patient,) = json.loads(capsys.readouterr().out)["servers"]

    assert (hasty["state"], patient["state"]) in {("no answer", "connected"), ("failed", "connected")}


@pytest.mark.parametrize("wrong", ["0", "-1", "soon", "nan", "1e9"])
def test_a_timeout_that_is_none_ends_with_two(wrong: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("list", "--timeout", wrong) == 2
    assert "is no number of seconds above 0 and up to 600" in capsys.readouterr().err


@pytest.mark.abuse("G18")
def test_commands_to_be_copied_hold_nothing_that_a_terminal_obeys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "p\x1b]0;owned\x07"
    folder.mkdir()
    monkeypatch.chdir(folder)
    entries = {"s": {"command": "env"}, "e\x1b[2J": {"command": "env"}}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": entries}), encoding="utf-8")

    for words in (("list",), ("get", "s"), ("get", "e\x1b[2J")):
        assert typed(*words) == 0

    shown = capsys.readouterr().out
    assert all(each.isprintable() or each == "\n" for each in shown)


def test_in_front_of_somebody_the_list_comes_row_by_row_and_ends_with_what_is_to_correct(
    project: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = private_home / ".codexplus"
    folder.mkdir(mode=0o700)
    (folder / "mcp.json").write_text('{"mcpservers": {}}', encoding="utf-8")
    (project / ".mcp.json").write_text('{"mcpServers": {"a": {"command": "env"}, "b": {"url": 3}}}', encoding="utf-8")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    assert typed("list") == 0

    rows, _, rest = capsys.readouterr().out.partition("\nMCP config diagnostics ⚠\n\n")
    assert {line.split(" - ")[0].split(": ")[0] for line in rows.splitlines() if not line.startswith(" ")} == {"a", "b"}
    assert "mcpservers: is no key that is known; did you mean mcpServers?" in rest
