"""The files that hold servers: one entry changes, everything else stays, and what is odd is not touched."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from codexplus_core import Problem
from codexplus_mcp.entries import entries_of

pytestmark = pytest.mark.req("M2")
ENTRY = {"type": "stdio", "command": "x", "args": [], "env": {}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "state/mcp.json"


def test_each_scope_has_its_place(project: Path, own: Path, tmp_path: Path) -> None:
    for scope in ("local", "project", "user"):
        entries_of(scope, project, own, tmp_path).add("air", {**ENTRY, "command": scope})

    kept = json.loads(own.read_text(encoding="utf-8"))
    assert kept["mcpServers"]["air"]["command"] == "user"
    assert kept["projects"][str(project)]["mcpServers"]["air"]["command"] == "local"
    shared = json.loads((project / ".mcp.json").read_text(encoding="utf-8"))
    assert shared == {"mcpServers": {"air": {**ENTRY, "command": "project"}}}


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_the_users_own_file_is_his_alone_and_a_shared_one_stays_as_open_as_it_was(
    project: Path, own: Path, tmp_path: Path
) -> None:
    shared = project / ".mcp.json"
    shared.write_text("{}", encoding="utf-8")
    shared.chmod(0o664)

    entries_of("user", project, own, tmp_path).add("air", ENTRY)
    entries_of("project", project, own, tmp_path).add("air", ENTRY)

    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert stat.S_IMODE(own.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(shared.stat().st_mode) == 0o664


def test_other_keys_and_entries_stay_in_their_order(project: Path, own: Path, tmp_path: Path) -> None:
    shared = project / ".mcp.json"
    shared.write_text('{"z": 1, "mcpServers": {"b": {"command": "b"}}, "a": [2]}', encoding="utf-8")

    entries_of("project", project, own, tmp_path).add("air", ENTRY)
    entries_of("project", project, own, tmp_path).remove("b")

    found = json.loads(shared.read_text(encoding="utf-8"))
    assert list(found) == ["z", "mcpServers", "a"]
    assert list(found["mcpServers"]) == ["air"]


def test_a_name_is_there_once_in_a_scope(project: Path, own: Path, tmp_path: Path) -> None:
    entries = entries_of("local", project, own, tmp_path)
    entries.add("air", ENTRY)

    with pytest.raises(Problem, match=r"^MCP server air already exists in local config$"):
        entries.add("air", ENTRY)


def test_what_is_not_there_cannot_be_removed(project: Path, own: Path, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r'^No MCP server named "air" in \.mcp\.json$'):
        entries_of("project", project, own, tmp_path).remove("air")

    assert not (project / ".mcp.json").exists()


@pytest.mark.parametrize("text", ["{ nope", "[]", '{"mcpServers": []}', '{"a": 1, "a": 2}', "\ud800", "[" * 100_000])
def test_a_file_that_cannot_be_relied_on_is_named_and_left_as_it_is(
    text: str, project: Path, own: Path, tmp_path: Path
) -> None:
    shared = project / ".mcp.json"
    data = text.encode("utf-8", "surrogatepass")
    shared.write_bytes(data)

    with pytest.raises(Problem) as caught:
        entries_of("project", project, own, tmp_path).add("air", ENTRY)

    assert str(shared) in str(caught.value)
    assert shared.read_bytes() == data


@pytest.mark.req("X6")
def test_a_link_in_a_project_is_neither_read_nor_written_through(project: Path, own: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim.json"
    victim.write_text("{}", encoding="utf-8")
    (project / ".mcp.json").symlink_to(victim)

    with pytest.raises(Problem, match="no link"):
        entries_of("project", project, own, tmp_path).add("air", ENTRY)

    assert victim.read_text(encoding="utf-8") == "{}"


def test_the_home_directory_is_no_project(own: Path, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="use --scope user"):
        entries_of("local", tmp_path, own, tmp_path)

    entries_of("user", tmp_path, own, tmp_path).add("air", ENTRY)
