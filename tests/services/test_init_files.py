"""What `init` writes for plugins: kept up to date, taken back, and nobody else's touched."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from codexplus_core import InitStep
from codexplus_core.services import init_files
from codexplus_core.services.init_files import Keeper
from codexplus_core.services.problem import Problem
from codexplus_core.testing import Log


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def skills(tmp_path: Path) -> Path:
    return tmp_path / "codex/skills"


def write(wanted: dict[Path, str], home: Path) -> init_files.Planned:
    planned = init_files.plan("skills", wanted, home)
    init_files.apply(planned, home)
    return planned


def test_files_are_written_for_this_user_alone_with_the_folders_on_the_way(home: Path, skills: Path) -> None:
    write({skills / "fix/SKILL.md": "fix it"}, home)

    assert (skills / "fix/SKILL.md").read_text() == "fix it"
    if os.name == "posix":
        assert stat.S_IMODE((skills / "fix/SKILL.md").stat().st_mode) == 0o600
    assert not init_files.plan("skills", {skills / "fix/SKILL.md": "fix it"}, home).changes


def test_undo_leaves_nothing_behind(tmp_path: Path, home: Path, skills: Path) -> None:
    write({skills / "fix/SKILL.md": "a", skills / "fix/agents/x.yaml": "b"}, home)

    done = init_files.undo(home)

    assert all(gone for _, gone in done) and len(done) == 2
    assert not (tmp_path / "codex").exists()
    assert init_files.read(home).options == {}


def test_a_folder_that_was_there_before_stays(home: Path, skills: Path) -> None:
    skills.mkdir(parents=True)

    write({skills / "fix/SKILL.md": "a"}, home)
    init_files.undo(home)

    assert list(skills.iterdir()) == []


def test_what_is_wanted_no_more_is_removed_and_what_changed_is_written(home: Path, skills: Path) -> None:
    write({skills / "a/SKILL.md": "1", skills / "b/SKILL.md": "1"}, home)

    planned = write({skills / "b/SKILL.md": "2", skills / "c/SKILL.md": "1"}, home)

    assert (len(planned.new), len(planned.changed), len(planned.gone)) == (1, 1, 1)
    assert {path.name: (path / "SKILL.md").read_text() for path in skills.iterdir()} == {"b": "2", "c": "1"}


@pytest.mark.parametrize("there", ["file", "link", "folder"])
def test_a_file_of_the_users_own_is_named_and_left_alone(tmp_path: Path, home: Path, skills: Path, there: str) -> None:
    path, victim = skills / "fix/SKILL.md", tmp_path / "victim"
    path.parent.mkdir(parents=True)
    victim.write_text("mine")
    if there == "file":
        path.write_text("mine")
    elif there == "link":
        path.symlink_to(victim)
    else:
        path.mkdir()

    planned = write({path: "ours"}, home)
    init_files.undo(home)

    assert [left for left, _ in planned.left] == [path]
    assert os.path.lexists(path) and victim.read_text() == "mine"
    assert there != "file" or path.read_text() == "mine"


def test_a_file_that_was_changed_since_is_left_alone_by_everything(home: Path, skills: Path) -> None:
    path = skills / "fix/SKILL.md"
    write({path: "ours"}, home)
    path.write_text("ours, and mine")

    planned = write({path: "newer"}, home)
    done = init_files.undo(home)

    assert [why for _, why in planned.left] == ["was changed since it was written"]
    assert done == [(path, False)]
    assert path.read_text() == "ours, and mine"


def test_after_a_kill_between_the_record_and_the_files_everything_is_still_ours(
    home: Path, skills: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {skills / "a/SKILL.md": "1", skills / "b/SKILL.md": "1"}

    def killed(path: Path, data: bytes) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(init_files, "_write_new", killed)
        write(wanted, home)
    write(wanted, home)

    assert all(gone for _, gone in init_files.undo(home))
    assert not skills.exists()


def test_a_record_that_is_none_stops_everything_with_advice(home: Path, skills: Path) -> None:
    write({skills / "a/SKILL.md": "1"}, home)
    (home / "init-files.json").write_text("[]")

    with pytest.raises(Problem, match="move it away"):
        init_files.undo(home)


class Loaded:
    """Plugins with one step."""

    def __init__(self, wanted: dict[Path, str]) -> None:
        self.wanted = wanted
        self.asked = 0

    def call_sync(self, hook: str) -> list[tuple[str, InitStep]]:
        self.asked += 1
        return [("slash", InitStep("skills", lambda env: self.wanted))]


def test_the_proxy_keeps_them_up_to_date(home: Path, skills: Path) -> None:
    plugins, log = Loaded({skills / "a/SKILL.md": "1"}), Log()
    write(plugins.wanted, home)
    keeper = Keeper(plugins, home, {}, log)

    plugins.wanted = {skills / "b/SKILL.md": "1"}
    keeper()
    keeper()

    assert [path.name for path in skills.iterdir()] == ["b"]
    assert log.events("init_files_kept") == [{"option": "skills", "new": 1, "gone": 1}]
    assert plugins.asked == 1


def test_where_init_wrote_nothing_no_plugin_is_asked(home: Path) -> None:
    plugins = Loaded({})

    Keeper(plugins, home, {}, Log())()

    assert plugins.asked == 0


def test_trouble_with_them_is_logged_and_no_more(home: Path, skills: Path) -> None:
    log = Log()
    write({skills / "a/SKILL.md": "1"}, home)
    (home / "init-files.json").write_text("[]")

    Keeper(Loaded({}), home, {}, log)()

    assert len(log.events("init_files_unusable")) == 1
