"""Entries under ``mcpServers``: both styles of keys, and what a broken one costs."""

from __future__ import annotations

from typing import Any

import pytest

from codexplus_mcp.entry import read_entry


def test_claude_codes_keys() -> None:
    local = read_entry({"command": "npx", "args": ["-y", "x"], "env": {"A": "1", "B": 2, "C": True}})
    remote = read_entry({"type": "http", "url": "https://x/mcp", "headers": {"Authorization": "Bearer t"}})

    assert (local.transport, local.command, local.args) == ("stdio", "npx", ("-y", "x"))
    assert local.env == {"A": "1", "B": "2", "C": "true"}
    assert (remote.transport, remote.url, remote.headers) == ("http", "https://x/mcp", {"Authorization": "Bearer t"})
    assert not local.problems and not remote.problems


@pytest.mark.req("M1")
def test_the_specifications_examples_work_as_printed() -> None:
    github = read_entry(
        {
            "transport": "sse",
            "url": "https://mcp.github.com/sse",
            "auth": {"type": "oauth2", "scopes": ["repo:read", "issues:read"]},
        }
    )
    airtable = read_entry({"command": "npx -y airtable-mcp-server", "env": {"AIRTABLE_API_KEY": "k"}})

    assert (github.transport, github.url) == ("sse", "https://mcp.github.com/sse")
    assert github.oauth == {"type": "oauth2", "scopes": ["repo:read", "issues:read"]}
    assert (airtable.command, airtable.args) == ("npx", ("-y", "airtable-mcp-server"))
    assert not github.broken and not airtable.broken


def test_in_the_strict_profile_only_claude_codes_keys_mean_something() -> None:
    github = read_entry({"transport": "sse", "url": "https://mcp.github.com/sse"}, strict=True)
    airtable = read_entry({"command": "npx -y airtable-mcp-server"}, strict=True)

    assert github.broken and "says stdio" in github.problems[-1]
    assert (airtable.command, airtable.args) == ("npx -y airtable-mcp-server", ())


@pytest.mark.parametrize(
    ("entry", "transport"),
    [
        ({"url": "https://x/mcp"}, "http"),
        ({"url": "https://x/sse"}, "sse"),
        ({"url": "https://x/sse/?a=b"}, "sse"),
        ({"transport": "streamable-http", "url": "https://x/sse"}, "http"),
        ({"type": "streamable_http", "url": "https://x"}, "http"),
        ({"type": "stdio", "command": "x"}, "stdio"),
        ({"type": "sse", "transport": "http", "url": "https://x"}, "sse"),
    ],
)
def test_how_the_transport_is_told(entry: dict[str, Any], transport: str) -> None:
    assert read_entry(entry).transport == transport


def test_a_command_with_quotes_and_one_that_is_a_file_with_blanks(tmp_path: Any) -> None:
    odd = tmp_path / "my server"
    odd.write_text("")

    assert read_entry({"command": "run 'a b' c", "args": ["d"]}).args == ("a b", "c", "d")
    assert read_entry({"command": str(odd)}).command == str(odd)
    assert read_entry({"command": "run 'a"}).broken


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(600_000, 600.0), (30, 30.0), (1000, 1.0), (0.5, 0.5), (1e15, 86400.0), (0, None), (-5, None), ("9", None),
     (True, None), (float("inf"), None)],
)  # fmt: skip
def test_a_timeout_of_a_thousand_and_more_is_milliseconds(value: Any, seconds: float | None) -> None:
    assert read_entry({"command": "x", "timeout": value}).timeout == seconds


@pytest.mark.abuse("G18")
@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"type": "http", "url": "javascript:alert(1)"}, "no http or https URL"),
        ({"type": "http", "url": "https://"}, "no http or https URL"),
        ({"type": "http", "url": "https://x/\u202ey"}, "no http or https URL"),
        ({"type": "http", "url": "https://u:p@x/"}, "user name or password"),
        ({"type": "http", "url": "https://x", "headers": {"A": "b\r\nC: d"}}, "line break"),
        ({"type": "http", "url": "https://x", "headers": {"A b": "c"}}, "no header name"),
        ({"command": "x", "env": {"A=B": "c"}}, "a name that is none"),
        ({"command": "x", "args": ["a\0b"]}, "NUL"),
        ({"command": "  "}, "no command"),
    ],
)
def test_what_cannot_be_used_is_broken_and_says_why(entry: dict[str, Any], why: str) -> None:
    found = read_entry(entry)

    assert found.broken
    assert why in found.problems[-1]


def test_headers_of_the_protocol_are_left_out_and_a_credential_over_http_is_told() -> None:
    found = read_entry(
        {"type": "http", "url": "http://x", "headers": {"Mcp-Session-Id": "1", "Authorization": "Bearer t"}}
    )

    assert found.headers == {"Authorization": "Bearer t"}
    assert not found.broken
    assert "left out" in found.problems[0] and "over http" in found.problems[1]


def test_every_part_that_decides_is_in_the_digest() -> None:
    base: dict[str, Any] = {"command": "x", "args": ["a"], "env": {"A": "1"}, "permissions": ["net"]}
    others = [
        {**base, "command": "y"},
        {**base, "args": ["b"]},
        {**base, "env": {"A": "2"}},
        {**base, "permissions": []},
        {"type": "http", "url": "https://x"},
        {"type": "http", "url": "https://x", "headers": {"A": "b"}},
        {"type": "sse", "url": "https://x"},
    ]

    digests = [read_entry(entry).digest("s", None) for entry in (base, *others)]

    assert len(set(digests)) == len(digests)
    assert read_entry(base).digest("s", None) == digests[0] != read_entry(base).digest("t", None)


def test_a_program_that_would_make_the_headers_is_not_run_and_that_is_said() -> None:
    entry = read_entry({"type": "http", "url": "https://x/mcp", "headersHelper": "/bin/helper"})

    assert not entry.broken
    assert "headersHelper is not run" in entry.problems[-1]
