"""The doctor's look at servers: files, entries, programs; nothing is started."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp_world import Place

from codexplus_core.cli.main import main
from codexplus_mcp.server_checks import servers_here


@pytest.fixture
def place(tmp_path: Path, private_home: Path) -> Place:
    return Place(tmp_path, private_home)


def test_none_and_good_ones_are_well_and_are_not_started(place: Place, tmp_path: Path) -> None:
    none = servers_here(place.project)
    place.mine(s={"command": sys.executable, "args": ["-c", f"open({str(tmp_path / 'ran')!r}, 'w')"]})

    found = servers_here(place.project)

    assert (none.status, none.message) == ("ok", "none is configured")
    assert (found.status, found.message) == ("ok", "1 server that can be used")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("where", "content", "words"),
    [
        ("project/.mcp.json", "{ nope", ".mcp.json: is no JSON"),
        ("home/.codexplus/mcp.json", "{ nope", "mcp.json: is no JSON"),
        ("home/.codexplus/mcp.json", {"mcpservers": {}}, "did you mean mcpServers?"),
        ("project/.mcp.json", {"mcpServers": {"s": {"comand": "x"}}}, "not used: comand: is no key that is known"),
        ("project/.mcp.json", {"mcpServers": {"s": {"command": "${NO_SUCH}"}}}, "it is not set; add"),
        ("project/.mcp.json", {"mcpServers": {"s": {"command": "no-such-program"}}}, "s (", ),
        ("home/.codexplus/mcp.json", {"mcpServers": {"s": {"command": "/no/such"}}}, "no program /no/such is there"),
    ],
)  # fmt: skip
def test_what_keeps_a_server_from_working_is_told(place: Place, where: str, content: Any, words: str) -> None:
    place.write(where, content)

    found = servers_here(place.project)

    assert found.status == "warning"
    assert words in found.message
    assert found.fix == "codex-plus mcp list shows how each of them is"


def test_the_doctor_tells_it(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    place.write("project/.mcp.json", {"mcpServers": {"s": {"comand": "x"}}})
    monkeypatch.chdir(place.project)

    main(["doctor", "--json"])

    checks = {row["name"]: row for row in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["mcp servers"]["state"] == "warn"
    assert "did you mean command?" in checks["mcp servers"]["text"]


def test_a_server_whose_program_is_not_there_is_not_counted_among_those_that_can_be_used(place: Place) -> None:
    place.mine(good={"command": sys.executable}, gone={"command": "/no/such"})

    assert servers_here(place.project).message.startswith("1 server that can be used; to correct:")
