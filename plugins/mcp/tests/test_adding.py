"""The words behind `mcp add`: Claude Code's grammar as recorded, and what can only mean one thing besides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import Problem
from codexplus_mcp.add_options import Misused
from codexplus_mcp.adding import adding

pytestmark = pytest.mark.req("M2")


def program(command: str, *args: str, **env: str) -> dict[str, Any]:
    return {"type": "stdio", "command": command, "args": list(args), "env": env}


@pytest.mark.parametrize(
    ("typed", "scope", "entry"),
    [
        ("air nosuch-server x", "local", program("nosuch-server", "x")),
        ("ide nosuch-server", "local", program("nosuch-server")),
        ("--scope project air -- nosuch-server x", "project", program("nosuch-server", "x")),
        ("-s user air -- nosuch-server x", "user", program("nosuch-server", "x")),
        ("air -e K=V -- /nonexistent/cmd x", "local", program("/nonexistent/cmd", "x", K="V")),
        ("air nosuch-server -e K=V -s user", "user", program("nosuch-server", K="V")),
        ("--transport sse lin https://a.example/sse", "local", {"type": "sse", "url": "https://a.example/sse"}),
        (
            "--transport http --client-id cid --callback-port 4290 h https://a.example/mcp",
            "local",
            {"type": "http", "url": "https://a.example/mcp", "oauth": {"clientId": "cid", "callbackPort": 4290}},
        ),
    ],
)
def test_what_claude_code_understands_means_the_same_here(typed: str, scope: str, entry: dict[str, Any]) -> None:
    wanted = adding(typed.split())

    assert (wanted.scope, wanted.entry, wanted.notes) == (scope, entry, ())


@pytest.mark.parametrize(
    ("words", "entry"),
    [
        (["--env", "K=V", "air", "--", "npx", "-y", "x"], program("npx", "-y", "x", K="V")),
        (["-e", "A=1", "B=2", "air", "npx"], program("npx", A="1", B="2")),
        (["-eA=1", "--env=B=2", "air", "npx"], program("npx", A="1", B="2")),
        (["air", "npx", "-y", "air-server"], program("npx", "-y", "air-server")),
        (
            ["air", "npx", "-y", "server", "--transport", "stdio"],
            program("npx", "-y", "server", "--transport", "stdio"),
        ),
        (["air", "grep", "-e", "pattern"], program("grep", "-e", "pattern")),
        (["airtable", "npx -y airtable-mcp-server"], program("npx", "-y", "airtable-mcp-server")),
        (["air", "--", "cmd", "--", "-s", "user"], program("cmd", "--", "-s", "user")),
        (["h", "https://a.example/mcp"], {"type": "http", "url": "https://a.example/mcp"}),
        (["h", "https://a.example/sse"], {"type": "sse", "url": "https://a.example/sse"}),
        (
            ["-H", "A: b", "C:d", "h", "https://a.example/mcp", "--header", "E: f"],
            {"type": "http", "url": "https://a.example/mcp", "headers": {"A": "b", "C": "d", "E": "f"}},
        ),
        (["db", "postgres-mcp", "postgres://u@h/db"], program("postgres-mcp", "postgres://u@h/db")),
        (["c", "C:/tools/mcp.exe"], program("C:/tools/mcp.exe")),
        (["-t", "streamable-http", "h", "https://a.example"], {"type": "http", "url": "https://a.example"}),
    ],
)
def test_what_claude_code_refuses_or_mistakes_is_taken_as_it_was_meant(words: list[str], entry: dict[str, Any]) -> None:
    assert adding(words).entry == entry


def test_the_specifications_examples_work_as_printed() -> None:
    shared = adding(["--scope", "project", "--transport", "sse", "linear", "https://mcp.linear.app"])
    keyed = adding(["--env", "AIRTABLE_API_KEY=YOUR_KEY", "airtable", "--", "npx", "-y", "airtable-mcp-server"])

    assert (shared.scope, shared.entry) == ("project", {"type": "sse", "url": "https://mcp.linear.app"})
    assert keyed.entry["env"] == {"AIRTABLE_API_KEY": "YOUR_KEY"}


def test_it_says_when_an_option_of_ours_went_to_the_server() -> None:
    wanted = adding(["air", "npx", "-y", "pkg", "--scope", "user"])

    assert wanted.scope == "local"
    assert wanted.notes == ("everything from the server's first option on went to the server",)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "missing required argument 'name'"),
        ("air", "missing required argument 'commandOrUrl'"),
        ("-s global air -- x", "Invalid scope: global. Must be one of: local, project, user"),
        ("bad.name nosuch-server", "Invalid name bad.name. Names can only contain letters, numbers, hyphens"),
        ("a__b nosuch-server", "Invalid name a__b"),
        ("workspace nosuch-server", "Invalid name workspace"),
        ("-t carrier-pigeon air x", "Invalid transport type: carrier-pigeon. Must be one of: stdio, sse, http"),
        ("-t http h not-a-url", "Invalid URL: not-a-url"),
        ("h htps://a.example/mcp", "did you mean https://a.example/mcp?"),
        ("h htp://a.example/mcp", "did you mean http://a.example/mcp?"),
        (
            "h https:/a.example/mcp",
            "Invalid URL: https:/a.example/mcp. A server's begins with https:// or http://; did",
        ),
        ("h ws://a.example/mcp", "A server's begins with https:// or http://"),
        ("h file:///srv/mcp", "A server's begins with https:// or http://"),
        ("-e air -- x y", "Invalid environment variable format: air"),
        ("--nonsense air x", "unknown option '--nonsense'"),
        ("h https://a.example -H", "option '-H' wants a value"),
        ("h https://a.example extra", "'extra' is too much"),
        ("h https://a.example -e K=V", "--env is for programs"),
        ("air cmd -H A:b", "--header is for servers with a URL"),
        ("h https://a.example --callback-port 99999", "Invalid callback port"),
        ("h https://a.example --client-secret", "name it with --client-id"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(typed: str, words: str) -> None:
    with pytest.raises(Problem) as caught:
        adding(typed.split())

    assert words in str(caught.value)


def test_a_header_that_is_none_is_not_repeated_because_it_may_be_a_secret() -> None:
    with pytest.raises(Problem) as caught:
        adding(["h", "https://a.example", "-H", "sk-verysecretvalue"])

    assert "verysecret" not in str(caught.value)


def test_a_line_break_cannot_smuggle_in_a_second_header() -> None:
    with pytest.raises(Problem, match="Invalid header format"):
        adding(["h", "https://a.example", "-H", "A: b\r\nX-Evil: c"])


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), max_size=8))
def test_any_words_are_understood_or_refused_and_nothing_else(words: list[str]) -> None:
    try:
        wanted = adding(words)
    except (Misused, Problem) as problem:
        assert str(problem)
    else:
        assert wanted.wants_help or wanted.entry


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), max_size=6))
def test_what_stands_behind_two_dashes_reaches_the_server_word_for_word(words: list[str]) -> None:
    wanted = adding(["-s", "user", "air", "--", "command", *words, "last"])

    assert wanted.entry["args"] == [*words, "last"]
