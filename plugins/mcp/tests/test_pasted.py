"""`codex-plus mcp add-json`: what is taken as it was copied, and what is refused."""

from __future__ import annotations

import io
import json
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


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        (
            '{"type":"stdio","command":"nosuch-server","args":["x"],"env":{"K":"V"}}',
            {"type": "stdio", "command": "nosuch-server", "args": ["x"], "env": {"K": "V"}},
        ),
        ('{"url": "https://a.example/mcp"}', {"type": "http", "url": "https://a.example/mcp"}),
        ('{"mcpServers": {"other": {"command": "x"}}}', {"command": "x", "args": []}),
        ('{"j": {"command": "x"}}', {"command": "x", "args": []}),
        (
            '{"transport": "sse", "url": "https://a.example/sse", "auth": {"type": "oauth2"}}',
            {"transport": "sse", "url": "https://a.example/sse", "auth": {"type": "oauth2"}},
        ),
    ],
)
def test_json_is_taken_as_it_is_copied(text: str, entry: dict[str, Any], project: Path, private_home: Path) -> None:
    assert typed("add-json", "j", text, "-s", "user") == 0

    assert stored(private_home)["mcpServers"]["j"] == entry


def test_json_may_come_from_standard_input(project: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"command": "x"}'))

    assert typed("add-json", "j", "-") == 0

    assert stored(private_home)["projects"][str(project)]["mcpServers"] == {"j": {"command": "x", "args": []}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{ nope", "it is not valid JSON"),
        ('{"foo":1}', 'it needs a "command" for a local server'),
        ("[1]", 'it needs a "command"'),
        ('{"mcpServers": []}', 'it needs a "command"'),
        ('{"command": 3}', "command: expected a text"),
        ('{"command": "x", "args": "y"}', "args: expected a list of texts"),
        ('{"command": "x", "args": [1]}', "args: expected a list of texts"),
        ('{"type": "pigeon", "url": "https://a.example"}', "Must be one of: stdio, sse, http"),
        ('{"type": ["http"], "url": "https://a.example"}', "Must be one of: stdio, sse, http"),
        ('{"type": "http", "command": "x"}', "type http needs a url"),
        ("[" * 100_000, "it is not valid JSON"),
    ],
)
def test_json_that_is_no_server_is_refused(
    text: str, words: str, project: Path, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("add-json", "j", text) == 1

    assert f"Invalid configuration: {words}" in (said := capsys.readouterr().err) or words in said
    assert not (private_home / ".codexplus/mcp.json").exists()
