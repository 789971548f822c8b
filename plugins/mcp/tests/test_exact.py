"""In the profile of Claude Code the words of `mcp add`, the JSON of `add-json` and the entries mean what they do there.

What was recorded is run by `test_conformance.py`; this follows from what Claude Code 2.1 was seen to do besides.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp_world import Place

from codexplus_core import Problem
from codexplus_core.cli.main import main
from codexplus_mcp import plugin
from codexplus_mcp.adding import adding
from codexplus_mcp.entry import read_entry
from codexplus_mcp.pasted import entry_of

pytestmark = pytest.mark.req("M2")
URL = "https://a.example/mcp"
SETTINGS = "home/.codexplus/settings.json"


def program(command: str, *args: str, **env: str) -> dict[str, Any]:
    return {"type": "stdio", "command": command, "args": list(args), "env": env}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-e", "K=V", "air", "--", "npx", "x"], "Invalid environment variable format: air"),
        (["air", "-e", "K=V", "npx", "x"], "missing required argument 'commandOrUrl'"),
        (["-t", "http", "-H", "A: b", "h", URL], "missing required argument 'name'"),
        (["air", "npx", "-y", "x"], "unknown option '-y'"),
        (["air", "npx", "x", "-s", "bogus"], "Invalid scope: bogus"),
    ],
)
def test_words_that_trip_claude_code_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(Problem) as caught:
        adding(words, strict=True)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("words", "entry", "note"),
    [
        (["air", "-e", "A=1", "B=2", "--", "npx", "-y"], program("npx", "-y", A="1", B="2"), ""),
        (["air", "npx -y x"], program("npx -y x"), ""),
        (["air", "npx", "x", "-e", "K=V"], program("npx", "x", K="V"), ""),
        (["h", URL], program(URL), f"use: mcp add --transport http h {URL}"),
        (["-t", "http", "h", URL, "x"], {"type": "http", "url": URL}, "x means nothing for a http server"),
        (["-t", "http", "h", URL, "-e", "A=b"], {"type": "http", "url": URL}, "--env means nothing for a http server"),
        (["air", "-H", "A: b", "--", "npx"], program("npx"), "--header means nothing for a stdio server"),
        (
            ["-t", "http", "h", URL, "-H", "A: b", "C: d"],
            {"type": "http", "url": URL, "headers": {"A": "b", "C": "d"}},
            "",
        ),
    ],
)
def test_words_are_taken_as_claude_code_takes_them(words: list[str], entry: dict[str, Any], note: str) -> None:
    wanted = adding(words, strict=True)

    assert wanted.entry == entry
    assert note in "\n".join(wanted.notes) and bool(wanted.notes) == bool(note)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"url": "https://a.example"}', 'it has a "url" but no "type"'),
        ('{"transport": "sse", "url": "https://a.example"}', 'it has a "url" but no "type"'),
        ('{"mcpServers": {"j": {"command": "x"}}}', 'it needs a "command"'),
        ('{"command": "x", "env": {"A": 1}}', "env.A: expected a text"),
        ('{"type": "http", "url": "https://a.example", "headers": {"A": true}}', "headers.A: expected a text"),
    ],
)
def test_json_that_claude_code_refuses_is_refused(text: str, said: str) -> None:
    with pytest.raises(Problem) as caught:
        entry_of("j", text, strict=True)

    assert f"Invalid configuration: {said}" in str(caught.value)


@pytest.mark.parametrize(
    "value", [{"command": "x", "env": {"A": 1}}, {"type": "http", "url": URL, "headers": {"A": 1}}]
)
def test_an_entry_whose_values_are_no_texts_is_not_used(value: dict[str, Any]) -> None:
    strict, loose = read_entry(value, strict=True), read_entry(value)

    assert strict.broken and "A: expected a text" in strict.problems[-1]
    assert not loose.broken


def test_both_command_lines_go_by_the_profile(
    tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path, private_home)
    monkeypatch.chdir(place.project)
    before = main(["mcp", "add", "air", "npx", "-y", "x"]), main(["mcp", "add-json", "j", f'{{"url": "{URL}"}}'])
    place.write(SETTINGS, {"compatibility": "claude-code"})

    after = main(["mcp", "add", "b", "npx", "-y", "x"]), main(["mcp", "add-json", "k", f'{{"url": "{URL}"}}'])

    assert (before, after) == ((0, 0), (2, 1))
    assert "unknown option '-y'" in capsys.readouterr().err


@pytest.mark.req("M1")
def test_servers_in_claude_codes_settings_do_not_count_and_hide_none(tmp_path: Path, private_home: Path) -> None:
    place = Place(tmp_path, private_home)
    place.write("home/.claude/settings.json", {"mcpServers": {"s": {"command": "theirs"}, "t": {"command": "x"}}})
    place.write("home/.claude.json", {"mcpServers": {"s": {"command": "mine"}}})

    loose, strict = place.found(), place.found(compatibility="claude-code")
    unused = dict(plugin.UNUSED(place.config(compatibility="claude-code").for_project(place.project)))

    assert {server.name for server in loose} == {"s", "t"}
    assert [(server.name, server.command) for server in strict] == [("s", "mine")]
    assert any("mcpServers.t: Claude Code reads no servers from there" in each for each in strict.problems)
    assert "mcpServers.t" in unused


def test_what_any_profile_takes(
    tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path, private_home)
    monkeypatch.chdir(place.project)
    long = "a" * 100

    assert main(["mcp", "add", long, "-e", "MY-VAR=1", "-e", "1A=", "--client-id", "c", "--", "env"]) == 0
    assert "--client-id means nothing for a program" in capsys.readouterr().out
    assert main(["mcp", "add", "-t", "http", "h", URL, "-H", "A :  b "]) == 0
    assert main(["mcp", "add-json", "j", '{"command": "env", "url": "https://a.example"}']) == 0
    assert main(["mcp", "add-json", "k", '{"command": " "}']) == 1

    stored = json.loads((private_home / ".codexplus/mcp.json").read_text(encoding="utf-8"))["projects"]
    assert stored[str(place.project)]["mcpServers"] == {
        long: {"type": "stdio", "command": "env", "args": [], "env": {"MY-VAR": "1", "1A": ""}},
        "h": {"type": "http", "url": URL, "headers": {"A": "b"}},
        "j": {"command": "env", "url": "https://a.example", "args": []},
    }
