"""The door that verified files come through, and where nothing else may be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codexplus_core import PackFile
from codexplus_core.services.config import Config
from codexplus_core.services.packs import Packs, RefusedFile


def file(path: str, kind: str = "command", pack: str = "tools") -> PackFile:
    return PackFile(pack, "1", kind, path, b"x", "0" * 64, Path("/p") / path, Path("/p"))  # type: ignore[arg-type]


class Given:
    """A provider of what it was given."""

    def __init__(self, *files: PackFile) -> None:
        self.found = files
        self.problems = (("other", "/p/other: the pack is not used: it expired"),)
        self.refused = (RefusedFile("other", "command", "commands/c.md", self.problems[0][1]),)

    def files(self) -> tuple[PackFile, ...]:
        return self.found

    def holds(self, file: PackFile) -> bool:
        return file in self.found


def test_files_are_handed_out_by_kind_and_in_order() -> None:
    packs = Packs(Config(None))
    packs.provide(Given(file("commands/b.md"), file("hooks/hooks.json", "hook"), file("commands/a.md", pack="more")))
    packs.provide(Given(file("commands/a.md")))

    assert [(each.pack, each.path) for each in packs.files("command")] == [
        ("more", "commands/a.md"), ("tools", "commands/a.md"), ("tools", "commands/b.md"),
    ]  # fmt: skip
    assert [each.path for each in packs.files("hook")] == ["hooks/hooks.json"] and packs.files("mcp") == ()
    assert packs.holds(file("commands/a.md")) and not packs.holds(file("commands/c.md"))
    assert packs.problems[0][0] == "other"


def test_the_generation_changes_with_the_files_and_only_then() -> None:
    packs, given = Packs(Config(None)), Given(file("commands/a.md"))
    packs.provide(given)

    first = packs.generation
    assert packs.generation == first and packs.files("command") is packs.files("command")
    given.found = (file("commands/b.md"),)

    assert packs.generation != first and [each.path for each in packs.files("command")] == ["commands/b.md"]


@pytest.mark.req("X4")
def test_without_a_provider_there_are_no_files_and_a_demand_holds_all_the_same() -> None:
    packs = Packs(Config(None, {"security": {"requireSigned": True}}))

    assert packs.files("command") == () and packs.required(None) and packs.required(Path("/"), of_project=True)


@pytest.mark.abuse("I06")
def test_what_a_project_demands_is_about_what_it_brings_alone(tmp_path: Path) -> None:
    (tmp_path / "work/.codexplus").mkdir(parents=True)
    said = json.dumps({"security": {"requireSigned": True}})
    (tmp_path / "work/.codexplus/settings.json").write_text(said, encoding="utf-8")
    packs = Packs(Config(tmp_path / "home"))

    assert packs.required(tmp_path / "work", of_project=True) and not packs.required(tmp_path / "work")
    assert not packs.required(None, of_project=True)


def test_what_refused_packs_would_bring_is_told_for_all_providers() -> None:
    packs = Packs(Config(None))
    packs.provide(Given())

    assert [(each.pack, each.path) for each in packs.refused] == [("other", "commands/c.md")]
