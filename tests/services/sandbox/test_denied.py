"""Denied files are found among those that a program would be given, whatever they are called by."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.sandbox.conftest import Held, at, linux

from codexplus_core.services.permissions import Layer, RuleSet
from codexplus_core.services.permissions.forbidden import Forbidden
from codexplus_core.services.sandbox import denied
from codexplus_core.services.sandbox.denied import Search
from codexplus_core.services.sandbox.grants import Grants, grants_for
from codexplus_core.services.sandbox.level import SandboxRefused

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and modes")

CANARY = "CANARY-7f3a"
# Reads all it can find: nobody has to name a file to read it.
GREP = """
import os
for folder, _, files in (each for top in (".", "src") for each in os.walk(top)):
    for name in files:
        try: print(folder + "/" + name, open(folder + "/" + name).read())
        except OSError: pass
"""


def rules(project: Path, *deny: str, home: Path = Path("/nowhere")) -> Forbidden:
    found = RuleSet([Layer("settings", True, (), (), deny, root=project)], home=home).unreadable(
        project, Path(os.path.realpath(project))
    )
    assert found is not None
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path.resolve() / "project"
    for name in (".env", "src/.ENV", "src/app.py", "secrets/a", "secrets/deep/b", "lib/secrets/c", "keys/x.pem"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(CANARY)
    return project


@pytest.mark.parametrize(
    ("deny", "found"),
    [
        ("Read(./.env)", {".env", "src/.ENV"}),
        ("Read(/.env)", {".env"}),
        ("Read(secrets/**)", {"secrets", "lib/secrets"}),
        ("Read(/secrets/*)", {"secrets"}),
        ("Read(secrets/a)", {"secrets/a"}),
        ("Read(**/*.pem)", {"keys/x.pem"}),
        ("Read(../project/src/app.py)", {"src/app.py"}),
        ("Read(src/../secrets)", {"secrets"}),
        ("Read(~/.ssh/**)", set[str]()),
        ("Read(nothing)", set[str]()),
        ("Read", {""}),
        ("Read(//**)", {""}),
    ],
)
def test_a_rule_hides_what_it_denies_and_no_more(project: Path, deny: str, found: set[str]) -> None:
    assert Search().below([str(project)], rules(project, deny)) == {str(project / name) for name in found}


def test_a_project_by_another_name_is_the_same_project(project: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(project)

    for deny in (f"Read(/{tmp_path}/alias/.env)", f"Read(/{project}/.env)", "Read(/.env)"):
        found = Search().below([str(project)], rules(tmp_path / "alias", deny))

        assert found == {str(project / ".env")}


@pytest.mark.abuse("E03", "E04")
def test_links_of_both_kinds_to_what_is_denied_are_found(project: Path) -> None:
    os.link(project / "secrets/a", project / "src/innocent")
    (project / "data").mkdir()
    (project / "data/real").write_text(CANARY)
    (project / "token").symlink_to("data/real")
    (project / "vault").symlink_to("data")
    (project / "loop").symlink_to(".")
    (project / "out").symlink_to("/etc")

    found = Search().below([str(project)], rules(project, "Read(/secrets/**)", "Read(token)", "Read(out)"))
    by_folder = Search().below([str(project)], rules(project, "Read(/vault/real)", "Read(loop/vault/x)"))

    assert found == {str(project / name) for name in ("secrets", "secrets/a", "src/innocent", "data/real")}
    assert by_folder == {str(project / "data/real")}


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may list everything")
def test_a_folder_that_cannot_be_listed_is_hidden_as_a_whole(project: Path) -> None:
    (project / "src").chmod(0o300)
    try:
        found = Search().below([str(project)], rules(project, "Read(/src/app.py)"))
    finally:
        (project / "src").chmod(0o700)

    assert found == {str(project / "src")}


def test_only_changed_folders_are_read_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    entries = denied._entries

    def noted(folder: str, left: denied._Budget) -> Iterator[os.DirEntry[str]]:
        read.append(folder)
        return entries(folder, left)

    monkeypatch.setattr(denied, "_entries", noted)
    monkeypatch.setattr(denied, "_SETTLED_NS", -1)
    search, about = Search(), rules(project, "Read(.env)")
    first = search.below([str(project)], about)
    read.clear()
    again = search.below([str(project)], about)
    assert (read, again) == ([], first)

    (project / "keys/.env").write_text(CANARY)
    os.utime(project / "keys", (1, 1))
    later = search.below([str(project)], about)

    assert read == [str(project / "keys")]
    assert later == first | {str(project / "keys/.env")}


def test_a_folder_that_changed_just_now_is_read_again(project: Path) -> None:
    search, about = Search(), rules(project, "Read(.env)")
    first = search.below([str(project)], about)
    changed = (project / "keys").stat()

    (project / "keys/.env").write_text(CANARY)
    os.utime(project / "keys", ns=(changed.st_atime_ns, changed.st_mtime_ns))

    assert search.below([str(project)], about) == first | {str(project / "keys/.env")}


@pytest.mark.parametrize("search", [Search(most=3), Search(seconds=1.0, clock=iter(range(1000)).__next__)])
def test_too_much_to_look_at_means_no_run(project: Path, search: Search) -> None:
    with pytest.raises(SandboxRefused, match=r"too many|too long"):
        search.below([str(project)], rules(project, "Read(.env)"))


# None with [ or ~: rules take such words for patterns and short names, too, in whatever folder they stand.
NAMES = st.sampled_from([".env", ".ENV", "a", "b", "a.pem", "secrets", "odd.", "a:b", "é", "e\\a"])
TREES = st.lists(st.lists(NAMES, min_size=1, max_size=4), min_size=1, max_size=8)
PARTS = st.sampled_from([".env", "a", "*", "**", "*.pem", "[ab]", "?", "secrets", "..", "é"])
PATTERNS = st.builds(
    lambda start, parts, end: f"Read({start}{'/'.join(parts)}{end})",
    st.sampled_from(["", "./", "/", "~/", "//"]),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(["", "/", "/**"]),
)


@given(TREES, st.lists(PATTERNS, min_size=1, max_size=3), TREES)
def test_whatever_is_denied_is_hidden(tree: list[list[str]], deny: list[str], more: list[list[str]]) -> None:
    root = Path(tempfile.mkdtemp(prefix="codexplus-test-")).resolve()
    try:
        about, search = rules(root, *deny, home=root), Search()
        for paths in (tree, more):
            grow(root, paths)
            found = search.below([str(root)], about)

            assert found == Search().below([str(root)], about)
            assert [path for path in everything(root) if about.denies(path) and not hides(found, path)] == []
            assert all(about.denies(path) or about.denies(f"{path}/a0") for path in found)
    finally:
        shutil.rmtree(root)


def grow(root: Path, paths: list[list[str]]) -> None:
    for parts in paths:
        try:
            root.joinpath(*parts).parent.mkdir(parents=True, exist_ok=True)
            root.joinpath(*parts).touch()
        except OSError:
            continue


def everything(root: Path) -> list[str]:
    return [str(root), *(str(path) for path in root.rglob("*"))]


def hides(found: set[str], path: str) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in found)


def granted(held: Held, permission: str, *deny: str) -> Grants:
    grants = grants_for([permission], held.project, held.home)
    return replace(grants, unreadable=rules(held.project, *deny, home=held.home))


@linux
@pytest.mark.req("H7")
@pytest.mark.abuse("E11", "E03", "E04")
@at("lsm", "full")
@pytest.mark.parametrize("permission", ["read_repo", "read:**", "write_repo", "write:src/**"])
async def test_a_sandboxed_program_finds_nothing_in_denied_files(held: Held, permission: str) -> None:
    for name in (".env", "src/.env", "src/secrets/key", "src/keys/a.pem", "src/keys/other"):
        held.put(f"project/{name}", "fine" if name.endswith("other") else CANARY)
    (held.project / "src/innocent").symlink_to(".env")
    os.link(held.project / "src/.env", held.project / "src/harmless")
    deny = ("Read(./.env)", "Read(secrets/**)", "Read(**/*.pem)")
    grants = granted(held, permission, *deny)

    result = await held.sandbox.run_sandboxed(
        [held.python, "-I", "-S", "-c", GREP], grants=grants, minimum=held.level, timeout=60.0
    )

    assert CANARY not in result.stdout.decode()
    assert "src/keys/other fine" in result.stdout.decode()


@linux
@pytest.mark.abuse("E11")
@pytest.mark.parametrize("held", ["process-me"], indirect=True)
async def test_without_a_sandbox_a_program_that_would_be_given_denied_files_does_not_run(held: Held) -> None:
    held.put("project/.env", CANARY)
    held.put("project/src/a", "fine")

    async def run(permission: str) -> int | None:
        grants = granted(held, permission, "Read(.env)")
        result = await held.sandbox.run_sandboxed(["true"], grants=grants, minimum="process")
        return result.returncode

    with pytest.raises(SandboxRefused, match="denied files cannot be hidden here"):
        await run("read_repo")
    assert await run("read:src/**") == 0


@linux
@pytest.mark.abuse("E11")
@at("lsm", "full")
async def test_more_denied_files_than_can_be_hidden_mean_no_run(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codexplus_core.services.sandbox.access.MATCHES", 5)
    for number in range(6):
        held.put(f"project/{number}/.env", CANARY)
    grants = granted(held, "read_repo", "Read(.env)")

    with pytest.raises(SandboxRefused, match="more than 5 files"):
        await held.sandbox.run_sandboxed(["true"], grants=grants, minimum=held.level)


@linux
@pytest.mark.req("H7")
@at("lsm", "full")
async def test_what_may_not_be_edited_is_read_and_not_changed(held: Held) -> None:
    for name in ("docs/a", "src/a", "src/pinned.lock"):
        held.put(f"project/{name}", "old")
    found = RuleSet([Layer("settings", True, (), (), ("Edit(docs/**)", "Edit(*.lock)"), root=held.project)])
    grants = grants_for(["write_repo"], held.project, held.home)
    grants = replace(grants, unwritable=found.unwritable(held.project, held.project))
    code = (
        "import os, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for change in (lambda: open(name, 'a').write('new'), lambda: os.rename(name, 'src/moved')):\n"
        "        try: change()\n"
        "        except OSError: print(open(name).read())\n"
        "open('src/a', 'a').write('new')\n"
    )

    result = await held.sandbox.run_sandboxed(
        [held.python, "-I", "-S", "-c", code, "docs/a", "src/pinned.lock"], grants=grants, minimum=held.level
    )

    assert (result.stdout, result.returncode) == (b"old\n" * 4, 0)
    now = [(held.project / name).read_text() for name in ("docs/a", "src/a", "src/pinned.lock")]
    assert now == ["old", "oldnew", "old"]


def test_on_the_event_loop_only_little_is_looked_at_and_a_new_name_is_seen_at_once(tmp_path: Path) -> None:
    project = Path(os.path.realpath(tmp_path))
    search, denied_here = Search(), rules(project, "Read(./.env)")
    assert search.at_once.below([str(project)], denied_here) == set()

    (project / ".env").touch()
    assert search.at_once.below([str(project)], denied_here) == {str(project / ".env")}

    for number in range(denied.AT_ONCE):
        (project / f"{number}").touch()
    with pytest.raises(SandboxRefused, match="too many"):
        search.at_once.below([str(project)], denied_here)
    assert search.below([str(project)], denied_here) == {str(project / ".env")}
