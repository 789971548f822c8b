"""Which packs are used: looked at again when something changes, and never an older one than before."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from pathlib import Path

import pytest
from pack_folders import FILES, NAME, PackWorld, Signer, pack, put

from codexplus_core import PackFile, open_core
from codexplus_core.testing.harness import Log
from codexplus_enterprise.packs.provider import Packs
from codexplus_enterprise.packs.store import MEMORY


class Kept:
    """As much of a core as packs need."""

    def __init__(self, world: PackWorld) -> None:
        self.config = world.config()
        self.log = Log()


def packs_in(world: PackWorld, **more: object) -> Packs:
    return Packs(Kept(world), env={"HOME": str(world.root / "home")}, every_s=0.0, **more)  # type: ignore[arg-type]


def names(packs: Packs) -> list[str]:
    return sorted({file.pack for file in packs.files()})


@pytest.mark.req("X4")
def test_an_installed_pack_is_used_with_the_bytes_that_were_signed(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    folder = world.install(signer)

    files = {file.path: file for file in packs_in(world).files()}

    assert {path: file.data for path, file in files.items()} == {path: words.encode() for path, words in FILES.items()}
    assert files["commands/deploy.md"].kind == "command" and files["commands/deploy.md"].root == folder
    assert not files["commands/deploy.md"].managed


def test_without_a_pack_nothing_is_read_and_no_library_is_loaded(world: PackWorld) -> None:
    assert packs_in(world).files() == () and not world.store.root.exists()


def test_as_long_as_nothing_changes_the_same_files_are_handed_out(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    world.install(signer)
    packs = packs_in(world)

    assert packs.files() is packs.files()


@pytest.mark.abuse("I01", "B06")
@pytest.mark.parametrize(
    "path", ["commands/deploy.md", "lib/check.sh", "commands/new.md", "pack.json", "pack.json.minisig"]
)
def test_a_change_on_disk_ends_the_use_of_the_whole_pack_at_once(world: PackWorld, signer: Signer, path: str) -> None:
    world.trust(team_tools=signer)
    folder = world.install(signer)
    packs = packs_in(world)
    file = packs.files()[0]
    assert packs.holds(file)

    put(folder / path, "changed")

    assert not packs.holds(file) and packs.files() == ()
    assert str(folder) in packs.problems[0][1] and "is not used" in packs.problems[0][1]


@pytest.mark.abuse("I01")
def test_a_change_of_the_same_length_with_the_old_time_stamp_is_seen(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    folder = world.install(signer)
    packs = packs_in(world)
    before = (folder / "lib/check.sh").stat()
    assert packs.files()

    put(folder / "lib/check.sh", "exit 1\n")
    os.utime(folder / "lib/check.sh", ns=(before.st_atime_ns, before.st_mtime_ns))

    assert packs.files() == ()


def test_a_pack_that_is_put_right_is_used_again(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    folder = world.install(signer)
    packs = packs_in(world)
    put(folder / "commands/new.md", "More.")
    assert packs.files() == ()

    (folder / "commands/new.md").unlink()

    assert names(packs) == [NAME] and packs.problems == ()


@pytest.mark.abuse("I05")
def test_a_pack_expires_while_the_proxy_runs(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    world.install(signer)
    now = [time.time()]
    packs = packs_in(world, now=lambda: now[0])
    assert packs.files()

    now[0] += 400 * 86400

    assert packs.files() == () and "expired" in packs.problems[0][1]


@pytest.mark.abuse("I02")
def test_a_key_that_is_taken_back_ends_the_use_of_its_packs(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    world.install(signer)
    packs = packs_in(world)
    assert packs.files()

    world.trust(team_tools=Signer())
    assert packs.files() == ()
    world.trust(team_tools=[{"key": signer.public, "notAfter": "2020-01-01"}])
    assert packs.files() == () and "retired" in packs.problems[0][1]
    world.trust(team_tools=[Signer().public, {"key": signer.public, "minSerial": 1}])
    assert packs.files()


@pytest.mark.abuse("I05")
def test_an_older_pack_is_refused_even_after_the_newer_one_was_removed(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    packs = packs_in(world)
    world.install(signer, serial=2)
    assert packs.files()

    world.store.remove(NAME, forget=False)
    world.install(signer, serial=1)
    assert packs.files() == () and "is older (serial 1)" in packs.problems[0][1]
    world.install(signer, {"commands/other.md": "Other."}, serial=2)
    assert packs.files() == () and "another state" in packs.problems[0][1]
    world.install(signer, serial=3)
    assert names(packs) == [NAME]
    world.store.remove(NAME, forget=True)
    world.install(signer, serial=1)
    assert names(packs) == [NAME]


@pytest.mark.abuse("I05")
@pytest.mark.parametrize("broken", ["", "{}", "[]", '{"seen": {"a": 1}, "pinned": {}}', "[" * 100_000])
def test_a_memory_that_cannot_be_read_lets_no_pack_pass_for_a_new_one(
    world: PackWorld, signer: Signer, broken: str
) -> None:
    world.trust(team_tools=signer)
    world.install(signer)
    packs = packs_in(world)
    assert packs.files()

    put(world.store.root / MEMORY, broken)

    assert packs.files() == () and MEMORY in packs.problems[0][1]


@pytest.mark.abuse("I05")
def test_of_two_packs_with_one_name_the_newer_is_used(world: PackWorld, signer: Signer) -> None:
    world.settings("home", {"packs": {"keys": {NAME: signer.public}, "directories": [str(world.root / "shared")]}})
    world.install(signer, serial=1)
    pack(world.root / "shared/tools", signer, {"commands/newer.md": "Newer."}, serial=2)

    packs = packs_in(world)

    assert [file.path for file in packs.files()] == ["commands/newer.md"]
    assert len(packs.problems) == 1 and "another one called 'team-tools'" in packs.problems[0][1]


@pytest.mark.abuse("I06")
def test_where_the_policy_names_keys_or_demands_signatures_nobody_else_does(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    world.install(signer)
    theirs = Signer()

    world.policy(signed=False, other=theirs)
    assert packs_in(world).files() == ()
    world.policy(signed=True)
    assert packs_in(world).files() == () and "administrator's policy" in packs_in(world).problems[0][1]
    world.policy(signed=True, team_tools=signer)
    assert all(file.managed for file in packs_in(world).files()) and packs_in(world).files()


@pytest.mark.parametrize("place", ["~nobody-of-this-name/packs", "nowhere/at/all", "a\0b"])
def test_a_folder_that_cannot_be_is_one_without_packs(world: PackWorld, signer: Signer, place: str) -> None:
    world.settings("home", {"packs": {"keys": {NAME: signer.public}, "directories": [place]}})
    world.install(signer)

    assert names(packs_in(world)) == [NAME]


@pytest.mark.abuse("I06")
def test_a_project_names_no_keys_and_no_folders(world: PackWorld, signer: Signer) -> None:
    pack(world.root / "work/packs/tools", signer)
    world.settings("work", {"packs": {"keys": {NAME: signer.public}, "directories": [str(world.root / "work/packs")]}})

    settings = world.config().for_project(world.root / "work")

    assert settings.get("packs") is None and len(settings.ignored) == 2
    assert packs_in(world).files() == ()


def test_a_key_in_the_settings_that_is_none_is_complained_of_and_counts_for_nothing(world: PackWorld) -> None:
    world.trust(a="RWabc", b=[], c={"key": "x"}, d={"key": Signer().public, "notAfter": "soon"}, e={"key": 1, "x": 2})

    settings = world.config().user

    assert settings.get("packs") in (None, {"keys": {}}, {}) and len(settings.warnings) == 5


@pytest.mark.req("E5")
def test_a_policy_with_a_wrong_key_is_no_policy(world: PackWorld) -> None:
    from codexplus_core.services.config import BadPolicy

    world.policy(signed=True, team_tools="RWabc")

    with pytest.raises(BadPolicy, match=r"packs\.keys"):
        world.config()


def test_sub_commands_see_the_packs_without_a_proxy(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    world.install(signer)

    with open_core() as core:
        files: tuple[PackFile, ...] = core.packs.files("command")

    assert [file.path for file in files] == ["commands/deploy.md"]


def test_an_installation_that_fails_leaves_the_pack_as_it_was(
    world: PackWorld, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codexplus_core import Problem

    world.trust(team_tools=signer)
    world.install(signer, serial=1)
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name.startswith(".new-"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(Problem, match="No space left"):
        world.install(signer, serial=2)
    monkeypatch.undo()
    monkeypatch.setenv("HOME", str(world.root / "home"))

    assert [row.found.manifest.serial for row in packs_in(world).rows() if row.found] == [1]
    assert [each.name for each in world.store.root.iterdir() if each.name.startswith((".new", ".old"))] == []


@pytest.mark.parametrize("folder", ["commands", ""])
def test_a_pack_that_vanishes_is_gone(world: PackWorld, signer: Signer, folder: str) -> None:
    world.trust(team_tools=signer)
    where = world.install(signer)
    packs = packs_in(world)
    assert packs.files()

    shutil.rmtree(where / folder)

    assert packs.files() == ()


def test_what_is_remembered_is_private(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    world.install(signer)
    assert packs_in(world).files()

    said = json.loads((world.store.root / MEMORY).read_text())

    assert said["seen"][NAME]["serial"] == 1
    assert (world.store.root / MEMORY).stat().st_mode & 0o077 == 0 and world.store.root.stat().st_mode & 0o077 == 0


@pytest.mark.abuse("B19")
def test_the_name_of_a_folder_acts_on_no_terminal_and_begins_no_line(world: PackWorld, tmp_path: Path) -> None:
    put(tmp_path / "shared/evil\x1b[31m\nok\u202e/commands/a.md", "hi")
    world.settings("home", {"packs": {"directories": [str(tmp_path / "shared")]}})

    ((name, problem),) = packs_in(world).problems

    assert name.isprintable() and problem.isprintable()


@pytest.mark.req("X4")
def test_while_packs_are_tended_the_event_loop_looks_at_no_file(world: PackWorld, signer: Signer) -> None:
    world.trust(team_tools=signer)
    folder = world.install(signer)
    now = 100.0
    with open_core() as core:
        packs = Packs(core, clock=lambda: now, every_s=0.0)
        asyncio.run(packs.tend())
        before = packs.files()
        put(folder / "commands/deploy.md", "changed")
        between = packs.files()
        held = packs.holds(before[0])
        now += 10.0
        untended = packs.files()

    assert between is before and before != ()
    # Right before a program starts it is looked at now, and where nobody tends them everybody looks.
    assert not held and untended == ()


@pytest.mark.req("X4")
def test_what_a_refused_pack_would_bring_is_known_where_a_key_that_counts_has_signed_it(
    world: PackWorld, signer: Signer
) -> None:
    world.trust(team_tools=signer)
    folder = world.install(signer)
    put(folder / "commands/deploy.md", "changed")
    packs = packs_in(world)
    known = {(file.pack, file.kind, file.path) for file in packs.refused}
    world.trust(other=signer)
    unknown = packs_in(world).refused

    assert ("team-tools", "command", "commands/deploy.md") in known
    assert unknown == ()
