"""Entries in JSON files of others: added behind theirs, taken back byte for byte, nothing else touched."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.services import init_entries
from codexplus_core.services.init_entries import added, without
from codexplus_core.services.problem import Problem

MINE: dict[str, Any] = {"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "true"}]}]}, "other": "é"}
OURS = {"hooks.Stop": [{"hooks": [{"command": "ours"}]}], "hooks.SessionEnd": [{"hooks": [{"command": "ours"}]}]}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "codex/hooks.json"


def write(file: Path, home: Path, lists: dict[str, list[Any]] | None = None) -> bool:
    (planned,) = init_entries.plan("hooks", {file: lists or OURS}, home)
    init_entries.apply(planned, home)
    return planned.changes


def test_a_file_that_was_not_there_is_made_and_removed_again(file: Path, home: Path) -> None:
    write(file, home)

    assert json.loads(file.read_text()) == {
        "hooks": {name.removeprefix("hooks."): entries for name, entries in OURS.items()}
    }
    assert init_entries.undo(home) == [(file, "restored")]
    assert not file.parent.exists()
    assert not (home / "init-entries.json").exists()


@pytest.mark.parametrize(
    "text", ['{"hooks":{"Stop":[]}}', json.dumps(MINE, indent=4), "{}", "", '{\n\t"a": [1]\n}\r\n']
)
def test_undo_restores_the_file_byte_for_byte(text: str, file: Path, home: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(text.encode())

    write(file, home)
    done = init_entries.undo(home)

    assert done == [(file, "restored")]
    assert file.read_bytes() == text.encode()


def test_entries_stand_behind_those_that_are_there(file: Path, home: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps(MINE))

    write(file, home)

    found = json.loads(file.read_text())
    assert found["hooks"]["Stop"] == [*MINE["hooks"]["Stop"], *OURS["hooks.Stop"]]
    assert found["other"] == "é"


def test_a_second_time_changes_nothing(file: Path, home: Path) -> None:
    write(file, home)

    assert not write(file, home)


def test_other_entries_take_the_place_of_the_earlier_ones(file: Path, home: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps(MINE))
    write(file, home)

    write(file, home, {"hooks.Stop": [{"new": 1}]})

    assert json.loads(file.read_text())["hooks"] == {"Stop": [*MINE["hooks"]["Stop"], {"new": 1}]}
    init_entries.undo(home)
    assert file.read_text() == json.dumps(MINE)


def test_what_was_written_since_stays(file: Path, home: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps(MINE))
    write(file, home)
    changed = json.loads(file.read_text())
    changed["hooks"]["Stop"].append({"later": True})
    file.write_text(json.dumps(changed))

    done = init_entries.undo(home)

    assert done == [(file, "entries")]
    assert json.loads(file.read_text()) == MINE | {"hooks": {"Stop": [*MINE["hooks"]["Stop"], {"later": True}]}}


def test_a_file_that_is_gone_stays_gone(file: Path, home: Path) -> None:
    write(file, home)
    file.unlink()

    assert init_entries.undo(home) == [(file, "nothing")]
    assert not file.exists()


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_of_a_dotfile_manager_stays_a_link(file: Path, home: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.json"
    target.write_text("{}")
    file.parent.mkdir()
    file.symlink_to(target)

    write(file, home)

    assert file.is_symlink()
    assert "ours" in target.read_text()
    init_entries.undo(home)
    assert target.read_text() == "{}"


@pytest.mark.parametrize("text", ["[]", "{", '{"hooks": []}', '{"hooks": {"Stop": {}}}', "\xff"])
def test_a_file_that_is_no_such_json_is_left_as_it_is(text: str, file: Path, home: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(text.encode("latin-1"))

    with pytest.raises(Problem, match=r"hooks\.json: .* nothing was changed"):
        write(file, home)

    assert file.read_bytes() == text.encode("latin-1")


def test_a_record_that_cannot_be_understood_is_said(home: Path, file: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "init-entries.json").write_text("[1]")
    (home / "init-entries.json").chmod(0o600)

    with pytest.raises(Problem, match="move it away"):
        init_entries.undo(home)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), st.lists(VALUES, max_size=3))
def test_what_was_added_can_be_taken_out_again(other: dict[str, Any], stop: list[Any]) -> None:
    content = {**other, "hooks": {"Stop": [*stop, 1]}}
    before = json.dumps(content).encode()

    after = without(added(before, OURS, Path("x")), OURS, Path("x"))

    assert json.loads(after) == content
