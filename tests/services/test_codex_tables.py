"""Tables of ours in Codex's config.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.services.codex_setup import apply, plan, undo
from codexplus_core.services.codex_tables import with_table, without_table

WHERE = Path("config.toml")
NAME = "mcp_servers.codexplus"
VALUES: dict[str, str | int | float | bool] = {"url": "http://127.0.0.1:3000/_codexplus/mcp", "tool_timeout_sec": 600}
URL = "http://127.0.0.1:3000/v1"

FILES = (
    "",
    'model = "x"\n',
    'model = "x"',
    "# a comment\r\nmodel = 'x'\r\n\r\n[mcp_servers.git]\r\ncommand = 'git-mcp'\r\n",
    '[projects."/a b"]\ntrust_level = "trusted"\n\n\n',
    'text = """\n[mcp_servers.codexplus]\n"""\n',
)


@pytest.mark.parametrize("text", FILES)
def test_the_table_is_there_and_everything_else_stays_as_it_was(text: str) -> None:
    after = with_table(text.encode(), NAME, VALUES, WHERE)

    found = tomllib.loads(after.decode())
    assert found["mcp_servers"].pop("codexplus") == VALUES
    before = tomllib.loads(text)
    before.setdefault("mcp_servers", {})
    assert found == before
    assert after.startswith(text.encode())
    assert tomllib.loads(without_table(after, NAME, WHERE).decode()) == tomllib.loads(text)


def test_written_twice_it_is_there_once_and_another_address_takes_its_place() -> None:
    once = with_table(b'model = "x"\n', NAME, VALUES, WHERE)
    other = {**VALUES, "url": "http://127.0.0.1:4000/_codexplus/mcp"}

    assert with_table(once, NAME, VALUES, WHERE) == once
    moved = with_table(once, NAME, other, WHERE)

    assert tomllib.loads(moved.decode())["mcp_servers"]["codexplus"] == other
    assert moved.count(b"[mcp_servers.codexplus]") == 1


def test_a_table_that_the_user_wrote_is_left_alone() -> None:
    theirs = b'[mcp_servers.codexplus]\nurl = "http://elsewhere/"\n'

    assert with_table(theirs, NAME, VALUES, WHERE) == theirs
    assert without_table(theirs, NAME, WHERE) == theirs


def test_what_codex_notes_below_the_table_survives_another_address_and_goes_with_it() -> None:
    noted = with_table(b'model = "x"\n', NAME, VALUES, WHERE)
    noted += b'\n[mcp_servers.codexplus.tools.s__echo]\napproval_mode = "approve"\n\n[tui]\ntheme = "dark"\n'

    moved = with_table(noted, NAME, {**VALUES, "url": "http://127.0.0.1:4000/x"}, WHERE)
    gone = without_table(moved, NAME, WHERE)

    assert tomllib.loads(moved.decode())["mcp_servers"]["codexplus"]["tools"]["s__echo"] == {"approval_mode": "approve"}
    assert tomllib.loads(gone.decode()) == {"model": "x", "tui": {"theme": "dark"}}


@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), st.integers() | st.booleans(), max_size=4))
def test_any_table_that_is_added_can_be_taken_out_again(values: dict[str, int]) -> None:
    before = b'a = 1\n\n[b]\nc = "[mcp_servers.codexplus]"\n'

    after = with_table(before, NAME, {**values, "url": "x"}, WHERE)

    assert tomllib.loads(without_table(after, NAME, WHERE).decode()) == tomllib.loads(before.decode())


def test_undo_gives_the_file_back_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "codex/config.toml"
    path.parent.mkdir()
    before = b'# mine\nmodel = "x"\n[mcp_servers.git]\ncommand = "git-mcp"'
    path.write_bytes(before)

    apply(plan(path, URL), tmp_path / "home")
    apply(plan(path, URL, {NAME: VALUES}), tmp_path / "home")
    assert tomllib.loads(path.read_text())["mcp_servers"]["codexplus"] == VALUES

    assert undo(path, tmp_path / "home") == "restored"
    assert path.read_bytes() == before


def test_undo_of_a_changed_file_takes_out_the_key_and_the_table_only(tmp_path: Path) -> None:
    path = tmp_path / "codex/config.toml"
    apply(plan(path, URL, {NAME: VALUES}), tmp_path / "home")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n[tui]\ntheme = 'dark'\n")

    assert undo(path, tmp_path / "home") == "key"
    assert tomllib.loads(path.read_text()) == {"tui": {"theme": "dark"}}
