"""No link, and nothing that is swapped meanwhile, leads to a file that may not be read."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from services.files.made import CANARY, Made

from codexplus_core.services.files import CannotOpen, open_named, reaching

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and handles of folders")


@pytest.mark.abuse("E02")
@pytest.mark.parametrize("link", ["absolute", "relative", "folder", "chain", "proc", "loop", "a rule for the link"])
def test_a_link_out_of_the_project_leads_nowhere(made: Made, link: str) -> None:
    name, allow = "link", []
    path = made.project / name
    if link in ("absolute", "a rule for the link"):
        path.symlink_to(made.outside / "secret.txt")
        allow = [f"Read(/{path})"] if link != "absolute" else []
    elif link == "relative":
        path.symlink_to("../outside/secret.txt")
    elif link == "folder":
        path.symlink_to(made.outside)
        name = "link/secret.txt"
    elif link == "chain":
        (made.project / "step").symlink_to(made.outside)
        path.symlink_to("step/secret.txt")
    elif link == "proc":
        path.symlink_to("/proc/self")
        name = "link/environ"
    else:
        path.symlink_to("link")

    with pytest.raises(CannotOpen) as refused:
        made.open(name, judge=made.judge(allow=allow))

    assert CANARY.decode() not in str(refused.value)


@pytest.mark.abuse("E02")
@pytest.mark.parametrize("written", ["/proc/self/environ", "/proc/self/root/etc/passwd", "/dev/fd/0", "/proc/self/cwd"])
def test_the_kernels_own_links_are_not_followed_even_with_a_rule(made: Made, written: str) -> None:
    with pytest.raises(CannotOpen):
        made.open(written, judge=made.judge(allow=["Read(//proc/**)", "Read(//dev/**)", "Read(//etc/**)"]))


@pytest.mark.abuse("E03")
def test_a_link_to_a_denied_file_is_denied(made: Made) -> None:
    (made.project / "innocent.txt").symlink_to(".env")

    with pytest.raises(CannotOpen) as refused:
        made.open("innocent.txt", judge=made.judge(allow=["Read"]))

    assert "Read(./.env)" in str(refused.value) or "link" in str(refused.value)


@pytest.mark.abuse("E03")
def test_a_denied_name_is_denied_whatever_it_leads_to(made: Made) -> None:
    (made.project / ".env").unlink()
    (made.project / ".env").symlink_to("ok.txt")

    with pytest.raises(CannotOpen, match=r"Read\(\./\.env\)"):
        made.open(".env")


@pytest.mark.abuse("E04")
def test_a_hard_link_is_refused(made: Made) -> None:
    os.link(made.project / ".env", made.project / "innocent.txt")

    with pytest.raises(CannotOpen, match="second name"):
        made.open("innocent.txt")


@pytest.fixture
def swapping(made: Made) -> Iterator[None]:
    """Another program that swaps a folder, a file and a link for others all the time; what it makes is a secret's."""
    stop = threading.Event()
    (made.project / "real").mkdir()
    (made.project / "real/secret.txt").write_text("fine\n")

    def swap() -> None:
        fresh, place = made.project / "fresh", made.project / "place"
        while not stop.is_set():
            for target in ("real", str(made.outside)):
                fresh.symlink_to(target)
                fresh.replace(place)
            for target in ("ok.txt", ".env"):
                fresh.symlink_to(target)
                fresh.replace(made.project / "file")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


@pytest.mark.abuse("E07")
@pytest.mark.parametrize("written", ["place/secret.txt", "file"])
def test_what_is_swapped_meanwhile_is_never_read(made: Made, swapping: None, written: str) -> None:
    seen = set()
    for _ in range(3000):
        try:
            seen.add(made.open(written).data)
        except CannotOpen:
            seen.add(b"refused")

    assert CANARY not in seen
    assert b"refused" in seen


@pytest.mark.abuse("E07")
def test_the_file_that_was_judged_is_the_one_that_is_read(made: Made) -> None:
    rules = made.judge()

    def judge_and_swap(written: str, real: str) -> object:
        (made.project / "secret").write_bytes(CANARY)
        (made.project / "secret").replace(made.project / "ok.txt")
        return rules(written, real)

    (made.project / "ok.txt").unlink()
    (made.project / "ok.txt").write_text("fine\n")
    calls = []

    def once(written: str, real: str) -> object:
        calls.append(real)
        return judge_and_swap(written, real) if len(calls) == 2 else rules(written, real)

    # The one that was reached is gone by then; what has taken its name was judged by nobody.
    with pytest.raises(CannotOpen) as refused:
        made.open("ok.txt", judge=once)

    assert CANARY.decode() not in str(refused.value)


@pytest.mark.abuse("B11")
@pytest.mark.parametrize("target", ["HOME", "inside"])
def test_without_links_a_folder_that_is_one_is_refused(made: Made, target: str) -> None:
    (made.home / ".claude").mkdir()
    (made.home / ".claude/x.md").write_bytes(CANARY)
    (made.project / "inside").mkdir()
    (made.project / "inside/x.md").write_bytes(CANARY)
    (made.project / ".claude").symlink_to(made.home / ".claude" if target == "HOME" else "inside")

    with pytest.raises(CannotOpen, match="link"):
        made.open(".claude/x.md", follow=False)


def test_a_link_within_the_project_is_followed_where_the_system_can(made: Made) -> None:
    (made.project / "link").symlink_to("src/app.py")

    if reaching._by_kernel():
        assert made.open("link").real == str(made.project / "src/app.py")
    else:
        with pytest.raises(CannotOpen, match="name the file itself"):
            made.open("link")


@pytest.mark.parametrize("written", ["link", "folder/app.py", "src/up", "chain", "twice/app.py"])
def test_a_link_with_an_absolute_target_in_the_project_is_followed_where_the_system_can(
    made: Made, written: str
) -> None:
    (made.project / "link").symlink_to(made.project / "src/app.py")
    (made.project / "folder").symlink_to(made.project / "src")
    (made.project / "src/up").symlink_to("../link")
    (made.project / "chain").symlink_to("folder/up")
    (made.project / "twice").symlink_to(made.project / "folder")

    if reaching._by_kernel():
        assert made.open(written).real == str(made.project / "src/app.py")
    else:
        with pytest.raises(CannotOpen, match="name the file itself"):
            made.open(written)


@pytest.mark.abuse("E02", "E03")
def test_a_link_with_an_absolute_target_opens_nothing_that_its_target_does_not(made: Made) -> None:
    beside = made.root / "project-2"
    beside.mkdir()
    (beside / "secret.txt").write_bytes(CANARY)
    targets: dict[str, str | Path] = {
        "denied": made.project / ".env",
        "back": f"{made.project}/../outside/secret.txt",
        "beside": beside / "secret.txt",
        "round": made.project / "round",
        "missing": made.outside / "nothing",
        "slashes": f"/{made.project}//../outside/secret.txt",
    }
    for name, target in targets.items():
        (made.project / name).symlink_to(target)

    said = {}
    for name in targets:
        with pytest.raises(CannotOpen) as refused:
            made.open(name, judge=made.judge(allow=["Read"]))
        said[name] = str(refused.value).partition(": ")[2]

    assert CANARY.decode() not in str(said)
    # Whether something is there, outside, is not told.
    assert said["missing"] == said["beside"].replace("beside", "missing")


def test_a_project_that_is_a_link_itself_is_its_target(made: Made) -> None:
    (made.root / "alias").symlink_to(made.project)

    for written in ("ok.txt", str(made.root / "alias/ok.txt"), str(made.project / "ok.txt")):
        assert open_named(written, project=made.root / "alias", judge=made.judge()).text() == "fine\n"
