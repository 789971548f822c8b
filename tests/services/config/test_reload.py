"""Files are looked at again when asked, not more often than told, and a half-written one costs nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from services.config.world import World, said

from codexplus_core.services.config.config import PROJECTS

PLACE = "project/.claude/settings.json"


def test_a_change_is_seen_and_changes_the_generation(world: World) -> None:
    config = world.config()
    world.write(PLACE, {"model": "one"})
    first = config.for_project(world.project)

    world.write(PLACE, {"model": "two"})
    second = config.for_project(world.project)

    assert (first.get("model"), second.get("model")) == ("one", "two")
    assert first.generation < second.generation == config.generation


def test_without_a_change_it_is_the_same_view(world: World) -> None:
    config = world.config()
    path = world.write(PLACE, {"model": "one"})
    first = config.for_project(world.project)

    os.utime(path)
    world.write("project/src/other.json", {"model": "two"})

    assert config.for_project(world.project) is first


def test_files_are_looked_at_no_more_often_than_told(world: World) -> None:
    config = world.config(every_s=0.5)
    world.write(PLACE, {"model": "one"})
    config.for_project(world.project)
    world.write(PLACE, {"model": "two"})

    world.now = 0.49
    assert config.for_project(world.project).get("model") == "one"
    world.now = 0.5
    assert config.for_project(world.project).get("model") == "two"


def test_a_change_of_the_same_length_in_the_same_moment_is_seen(world: World) -> None:
    config = world.config()
    path = world.write(PLACE, {"model": "one"})
    stamp = path.stat().st_mtime_ns
    config.for_project(world.project)

    path.write_text(json.dumps({"model": "two"}))
    os.utime(path, ns=(stamp, stamp))

    assert config.for_project(world.project).get("model") == "two"


def test_a_file_that_comes_and_one_that_goes_are_seen(world: World) -> None:
    config = world.config()
    assert config.for_project(world.project).get("model") is None

    path = world.write(PLACE, {"model": "one"})
    assert config.for_project(world.project).get("model") == "one"

    path.unlink()
    assert config.for_project(world.project).list() == ()


@pytest.mark.skipif(os.name != "posix", reason="modes as POSIX has them")
@pytest.mark.abuse("B13")
def test_rights_that_change_are_seen(world: World) -> None:
    config = world.config()
    path = world.write("home/.claude/settings.json", {"permissions": {"allow": ["Bash"]}})
    assert config.user.get("permissions.allow") == ["Bash"]

    path.parent.chmod(0o777)

    assert config.user.get("permissions.allow") is None


@pytest.mark.parametrize("cut", [0, 1, 40, 60, 80, 100])
@pytest.mark.parametrize("place", [PLACE, "home/.claude/settings.json"])
def test_a_half_written_file_keeps_what_it_said_before(world: World, place: str, cut: int) -> None:
    config = world.config()
    whole = json.dumps({"model": "one", "permissions": {"deny": ["A", "B"]}, "env": {"X": "1", "Y": "2"}})
    path = world.write(place, whole)
    before = config.for_project(world.project)

    path.write_text(whole.replace("one", "two").replace('"B"', '"C"')[:cut])
    during = config.for_project(world.project)
    path.write_text(whole.replace("one", "two"))
    after = config.for_project(world.project)

    if cut < len(whole):
        assert during.get("model") == "one"
        assert set(before.get("permissions.deny")) <= set(during.get("permissions.deny"))
        assert [file.state for file in during.files] == ["kept"]
        assert "what it said before counts until then" in said(during.warnings)
    assert after.get("model") == "two"
    assert after.warnings == ()


def test_deny_rules_that_a_broken_file_brings_count_at_once(world: World) -> None:
    config = world.config()
    path = world.write(PLACE, {"permissions": {"deny": ["A"]}})
    config.for_project(world.project)

    path.write_text('{"permissions": {"deny": ["B", "C"],,}')

    assert config.for_project(world.project).get("permissions.deny") == ["A", "B", "C"]


def test_a_yaml_file_that_is_emptied_to_be_written_anew_keeps_what_it_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    just_now = "codexplus_core.services.config.documents.JUST_NOW_NS"
    monkeypatch.setattr(just_now, 10**18)
    config = world.config()
    path = world.write("project/.claude/settings.yaml", "model: one\n")
    config.for_project(world.project)

    path.write_text("")
    assert config.for_project(world.project).get("model") == "one"

    monkeypatch.setattr(just_now, 0)
    assert config.for_project(world.project).get("model") is None


@pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")
def test_a_file_that_becomes_unreadable_keeps_its_deny_rules(world: World) -> None:
    config = world.config()
    path = world.write(PLACE, {"permissions": {"deny": ["A"]}})
    config.for_project(world.project)

    path.unlink()
    path.symlink_to("/etc/hostname")

    settings = config.for_project(world.project)
    assert settings.get("permissions.deny") == ["A"]
    assert "leads out of the project" in said(settings.warnings)


def test_projects_are_told_apart_and_only_so_many_are_remembered(world: World) -> None:
    config = world.config()
    projects = [world.root / "many" / str(number) for number in range(PROJECTS + 5)]
    for project in projects:
        world.write(f"many/{project.name}/.claude/settings.json", {"model": project.name})

    found = [config.for_project(project).get("model") for project in projects]

    assert found == [project.name for project in projects]
    assert len(config._views) == PROJECTS
    assert config.for_project(projects[0]).get("model") == "0"


def test_one_project_under_two_names_has_the_same_settings(world: World) -> None:
    world.write(PLACE, {"model": "one"})
    other = world.root / "link"
    other.symlink_to(world.project)
    config = world.config()

    assert config.for_project(other).get("model") == "one"
    assert config.for_project(other).project == world.project


def test_a_project_that_is_no_directory_has_no_settings_of_its_own(world: World) -> None:
    config = world.config()

    assert config.for_project(Path("/nonexistent/project")).list() == ()
    assert config.for_project(world.write("project/file", "x")).list() == ()
    assert config.for_project(Path("/\0")).list() == ()
