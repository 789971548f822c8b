"""The servers that count in a project: places, scopes, names, and whether each may be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp_world import Place, odd

from codexplus_core.services.packs import PackFile, PackKind, Packs
from codexplus_mcp.server import ServerSet
from codexplus_mcp.settings import own_file

ENTRY = {"command": "x"}


@pytest.fixture
def place(tmp_path: Path, private_home: Path) -> Place:
    return Place(tmp_path, private_home)


def standings(found: ServerSet) -> dict[str, tuple[str, str]]:
    return {server.name: (server.scope, server.standing) for server in found}


@pytest.mark.req("M2")
@pytest.mark.abuse("B04")
def test_every_place_and_what_it_means(place: Place) -> None:
    place.write("project/.mcp.json", {"mcpServers": {"shared": ENTRY}})
    place.write("project/.claude/settings.json", {"mcpServers": {"brought": ENTRY}})
    place.write("home/.claude/settings.json", {"mcpServers": {"set": ENTRY}})
    place.write("home/.claude.json", {"mcpServers": {"claudes": ENTRY}})
    local = {str(place.project): {"mcpServers": {"here": ENTRY}}, "/elsewhere": {"mcpServers": {"not": ENTRY}}}
    place.write("home/.codexplus/mcp.json", {"mcpServers": {"own": ENTRY}, "projects": local})

    assert standings(place.found()) == {
        "here": ("local", "trusted"),
        "shared": ("project", "asks"),
        "brought": ("project", "asks"),
        "set": ("user", "trusted"),
        "own": ("user", "trusted"),
        "claudes": ("user", "trusted"),
    }


def test_own_file_lies_in_the_state_directory(place: Place) -> None:
    assert own_file({"CODEX_PLUS_HOME": "/a/b", "HOME": "/h"}) == Path("/a/b/mcp.json")
    assert own_file({"HOME": "/h"}) == Path("/h/.codexplus/mcp.json")


def test_a_server_of_the_project_hides_the_users_and_both_are_told(place: Place) -> None:
    place.mine(s={"command": "mine"})
    place.write("project/.mcp.json", {"mcpServers": {"s": {"command": "theirs"}}})

    found = place.found()

    assert [(server.command, server.standing) for server in found] == [("theirs", "asks")]
    assert [server.command for server in found.hidden] == ["mine"]


def test_one_bad_entry_loses_only_itself(place: Place) -> None:
    place.write(
        "project/.mcp.json",
        {"mcpServers": {"bad": {"command": 7}, "good": ENTRY, "unset": {"command": "${NO_SUCH_VARIABLE}"}}},
    )

    found = place.found()

    assert standings(found) == {
        "good": ("project", "asks"), "bad": ("project", "broken"), "unset": ("project", "broken"),
    }  # fmt: skip
    assert [server.name for server in found.usable] == ["good"]
    assert found.problems == ()


@pytest.mark.req("M7")
@pytest.mark.parametrize(
    ("entry", "transport", "why"),
    [
        ({"command": 7}, "stdio", "command: expected a text, got a number"),
        ({"command": "x", "args": "y", "env": []}, "stdio", "args: expected a list of texts, got a text"),
        ({"type": "pigeon", "url": "https://a.example"}, "http", "got 'pigeon'"),
        ({"transport": ["sse"], "url": 3}, "stdio", "url: expected a text"),
        ({"comand": "x"}, "stdio", "comand: is no key that is known; did you mean command?"),
        (
            {"type": "sse", "url": "${NO_SUCH}"},
            "sse",
            "may read ${NO_SUCH} only where it declares it, and it is not set",
        ),
        ({"command": "${HOME}"}, "stdio", "a project may not read ${HOME}; write the value itself, or ~/"),
        ({"command": "${CODEX_PLUS_HOME}"}, "stdio", 'add "read_env:CODEX_PLUS_HOME" to the entry\'s "permissions"'),
        ("x", "stdio", "expected an object, got a text"),
    ],
)
def test_an_entry_that_cannot_be_used_is_a_server_that_says_why(
    place: Place, entry: Any, transport: str, why: str
) -> None:
    path = place.write("project/.mcp.json", {"mcpServers": {"s.t": entry}})

    (server,) = place.found()

    assert (server.name, server.standing, server.transport) == ("s.t", "broken", transport)
    assert why in "; ".join(server.problems)
    assert server.origin == f"{path}:1"


def test_a_broken_entry_that_hides_none_of_the_users_is_only_told_of(place: Place) -> None:
    place.write("project/.mcp.json", {"mcpServers": {"s": {"comand": "theirs"}}})
    place.mine(s={"command": "mine"})

    found = place.found()

    assert [(server.command, server.standing) for server in found] == [("mine", "trusted")]
    assert "did you mean command?" in found.problems[0]


@pytest.mark.parametrize("content", ["{ nope", {"mcpservers": {}}, {"s": {"command": "x"}}])
def test_a_file_of_the_users_that_holds_no_servers_by_a_slip_is_told_of_once(place: Place, content: Any) -> None:
    path = place.write("home/.codexplus/mcp.json", content)

    (problem,) = place.found().problems

    assert problem.startswith(f"{path}:")


def test_the_users_settings_trust_and_switch_off_servers_of_mcp_json(place: Place) -> None:
    entries = dict.fromkeys(("named", "off", "other"), ENTRY)
    place.write("project/.mcp.json", {"mcpServers": entries})
    place.write("project/.claude/settings.json", {"mcpServers": {"brought": ENTRY}, "enabledMcpjsonServers": ["other"]})

    some = standings(place.found(enabledMcpjsonServers=["named"], disabledMcpjsonServers=["off"]))
    every = standings(place.found(enableAllProjectMcpServers=True, disabledMcpjsonServers=["off"]))

    assert {name: standing for name, (_, standing) in some.items()} == {
        "named": "trusted", "off": "disabled", "other": "asks", "brought": "asks",
    }  # fmt: skip
    assert every["other"][1] == "trusted" and every["off"][1] == "disabled"
    assert every["brought"][1] == "asks"


@pytest.mark.parametrize(
    ("settings", "denied"),
    [
        ({"deniedMcpServers": [{"serverName": "a"}]}, {"a"}),
        ({"deniedMcpServers": ["a*"]}, {"a", "ab"}),
        ({"allowedMcpServers": [{"serverName": "a"}]}, {"ab", "web"}),
        ({"allowedMcpServers": []}, {"a", "ab", "web"}),
        ({"allowedMcpServers": [{"serverUrl": "https://good.example/*"}, {"serverCommand": ["x"]}]}, {"ab"}),
        ({"allowedMcpServers": ["a", "ab"], "deniedMcpServers": ["ab"]}, {"ab", "web"}),
        ({"deniedMcpServers": [{"serverUrl": "*"}]}, {"web"}),
        ({}, set()),
    ],
)
def test_allow_and_deny_lists(place: Place, settings: dict[str, Any], denied: set[str]) -> None:
    web = {"type": "http", "url": "https://good.example/mcp"}
    place.mine(a=ENTRY, ab={"command": "x", "args": ["y"]}, web=web)

    found = place.found(**settings)

    assert {server.name for server in found if server.standing == "denied"} == denied


@pytest.mark.abuse("G18")
def test_two_names_that_would_be_called_alike_and_names_with_hidden_characters(place: Place) -> None:
    place.mine(**{"a.b": ENTRY, "a b": ENTRY, "evil\x1b[31m": ENTRY})

    found = place.found()

    assert standings(found) == {"a.b": ("user", "trusted"), "evil\x1b[31m": ("user", "broken")}
    assert "would be called like 'a.b'" in found.problems[0]


@pytest.mark.abuse("B05")
def test_any_change_of_an_entry_is_another_digest_and_a_copy_of_the_project_too(place: Place, tmp_path: Path) -> None:
    place.write("project/.mcp.json", {"mcpServers": {"s": {"command": "a"}}})
    first = place.server("s").digest
    place.write("project/.mcp.json", {"mcpServers": {"s": {"command": "a", "args": ["--evil"]}}})
    second = place.server("s").digest
    copy = Place(tmp_path / "project", place.home)
    copy.write("project/.mcp.json", {"mcpServers": {"s": {"command": "a"}}})

    assert len({first, second, copy.server("s").digest}) == 3


def test_a_remote_server_of_the_users_is_one_for_all_projects_a_program_is_not(place: Place, tmp_path: Path) -> None:
    place.mine(web={"type": "http", "url": "https://x/mcp"}, local=odd())
    other = Place(tmp_path / "project", place.home)

    assert place.server("web").digest == other.server("web").digest
    assert place.server("local").digest != other.server("local").digest


def test_a_server_shows_no_secret_by_itself(place: Place) -> None:
    place.mine(
        web={"type": "http", "url": "https://x/?key=SECRET1", "headers": {"Authorization": "Bearer SECRET2"}},
        local={"command": "x", "env": {"KEY": "SECRET3"}},
    )

    assert "SECRET" not in repr(place.found())


def test_it_is_cheap_while_nothing_changes(place: Place) -> None:
    from codexplus_mcp.settings import Servers

    class Only:
        config = place.config()
        packs = Packs(config)

    place.mine(s=ENTRY)
    servers = Servers(Only())  # type: ignore[arg-type]
    first = servers.of(place.project)

    assert servers.of(place.project) is first
    place.mine(s=ENTRY, t=ENTRY)
    assert [server.name for server in servers.of(place.project)] == ["s", "t"]


def test_what_packs_bring_is_looked_at_again_after_its_interval(place: Place) -> None:
    from codexplus_mcp.settings import Servers

    class Counted(Packs):
        looked = 0

        def files(self, kind: PackKind) -> tuple[PackFile, ...]:
            self.looked += 1
            return super().files(kind)

    class Only:
        config = place.config()
        packs = Counted(config)

    now = [0.0]
    place.mine(s=ENTRY)
    servers = Servers(Only(), clock=lambda: now[0], every_s=0.5)  # type: ignore[arg-type]
    for seconds, looked in ((0.0, 1), (0.4, 1), (0.5, 2), (0.9, 2), (1.0, 3)):
        now[0] = seconds
        servers.of(place.project)
        assert Only.packs.looked == looked


def test_in_the_strict_profile_what_claude_code_drops_is_broken(place: Place) -> None:
    place.mine(s={"transport": "sse", "url": "https://x/sse"}, t={"command": "x y"})

    found = place.found(compatibility="claude-code")

    assert standings(found) == {"s": ("user", "broken"), "t": ("user", "trusted")}
    assert place.server("s").transport == "sse"
    assert found.get("t") is not None and found.get("t").command == "x y"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://good.example/ok/mcp", True),
        ("HTTPS://GOOD.example:443/ok/mcp", True),
        ("https://good.example/%6fk/mcp", True),
        ("https://good.example/ok/../secret", False),
        ("https://good.example/ok/%2e%2e/secret", False),
        ("https://good.example/ok/..;/secret", False),
        ("https://good.example/secret/../ok/mcp", True),
    ],
)
def test_lists_of_urls_are_about_where_a_url_leads_however_it_is_spelled(place: Place, url: str, may: bool) -> None:
    place.mine(web={"type": "http", "url": url})

    allowed = place.found(allowedMcpServers=[{"serverUrl": "https://Good.example/%6fk/*"}])
    denied = place.found(deniedMcpServers=[{"serverUrl": "https://good.example/ok/*"}])

    assert standings(allowed)["web"][1] == ("trusted" if may else "denied")
    assert standings(denied)["web"][1] == ("denied" if may else "trusted")
