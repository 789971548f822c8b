"""What a project's entry declares so that it counts, and what it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexplus_mcp.declared import permissions_for, read_by


def test_what_an_entry_reads_is_found_wherever_it_stands() -> None:
    entry = {
        "command": "${BIN}", "args": ["--x=${A:-1}", "${CLAUDE_PROJECT_DIR}/y", "$NOT", "${A}"],
        "headers": {"H": "Bearer ${T:-}"}, "permissions": ["read_env:${Z}"],
    }  # fmt: skip

    assert read_by(entry) == {"BIN": True, "A": True, "T": False}


@pytest.mark.parametrize(
    ("entry", "permissions"),
    [
        ({"command": "npx", "args": ["-y", "x"]}, []),
        (
            {"command": "npx", "args": ["-y", "x"], "env": {"K": "${K}"}},
            ["run:npx", "run:node", "run:npm", "run:sh", "net", "read_repo", "read_env:K"],
        ),
        ({"command": "mcp-x", "env": {"K": "${K:-d}"}}, ["run:mcp-x", "net", "read_repo", "read_env:K"]),
        ({"command": "mcp-x --key ${K}"}, ["run:mcp-x", "net", "read_repo", "read_env:K"]),
        ({"url": "https://a.example", "headers": {"A": "${K}", "B": "${L}"}}, ["read_env:K", "read_env:L"]),
    ],
)
def test_an_entry_declares_itself_and_what_it_reads(
    entry: dict[str, Any], permissions: list[str], tmp_path: Path
) -> None:
    assert permissions_for(entry, tmp_path) == permissions


def test_files_elsewhere_that_the_command_line_names_may_be_read_and_no_wider_place(tmp_path: Path) -> None:
    project, folder, file = tmp_path / "project", tmp_path / "data", tmp_path / "server.py"
    project.mkdir()
    folder.mkdir()
    file.write_text("x")
    args = [str(file), f"{folder}/", str(project / "own.py"), "/", "/tmp", str(tmp_path / "not-there"), "relative"]

    found = permissions_for({"command": "python", "args": args, "env": {"K": "${K}"}}, project)

    assert [each for each in found if each.startswith("read:")] == [f"read:{file}", f"read:{folder}/**"]


def test_what_the_sandbox_refuses_is_not_declared(tmp_path: Path) -> None:
    entry = {"command": "mcp-x", "env": {"A": "${HOME}", "K": "${K}"}}

    assert permissions_for(entry, tmp_path) == ["run:mcp-x", "net", "read_repo", "read_env:K"]
    assert permissions_for({"command": "mcp-x", "env": {"A": "${HOME}"}}, tmp_path) == []
