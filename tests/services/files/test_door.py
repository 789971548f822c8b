"""What a mention names is read inside the project, or where a rule says so, and by no trick anything else."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from services.files.made import CANARY, Made

from codexplus_core.services.files import IMAGE_LIMIT, CannotOpen, RuleAsks, list_named, open_named, reaching
from codexplus_core.services.permissions import Layer, RuleSet

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and handles of folders")


@pytest.fixture(params=["by the kernel", "part by part"])
def made(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Every case on both ways: the kernel's, and the one for systems whose kernel has none."""
    if request.param == "part by part":
        monkeypatch.setattr(reaching, "_by_kernel", lambda: False)
    elif not reaching._by_kernel():
        pytest.skip("no openat2 here")
    return Made(tmp_path.resolve())


@pytest.mark.parametrize(
    "written", ["src/app.py", "./src/app.py", "src//app.py", "src/../src/app.py", "../project/src/app.py", "ABSOLUTE"]
)
def test_a_file_of_the_project_needs_no_rule(made: Made, written: str) -> None:
    opened = made.open(written.replace("ABSOLUTE", str(made.project / "src/app.py")))

    assert opened.data == b"print('hello')\n"
    assert (opened.real, opened.kind, opened.text()) == (str(made.project / "src/app.py"), "text", "print('hello')\n")


@pytest.mark.abuse("E01")
@pytest.mark.parametrize(
    "written",
    [
        "../outside/secret.txt",
        "../../../../../../etc/passwd",
        "/etc/passwd",
        "~/.ssh/id_rsa",
        "src/../../outside/secret.txt",
        "OUTSIDE/secret.txt",
        "PROJECT/../outside/secret.txt",
        "",
        "a\0b",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("allow", [(), ("Read",), ("Read(./**)",)], ids=["no rule", "all files", "the project"])
def test_nothing_outside_is_read_without_a_rule_that_names_it(made: Made, written: str, allow: tuple[str, ...]) -> None:
    written = written.replace("OUTSIDE", str(made.outside)).replace("PROJECT", str(made.project))

    with pytest.raises(CannotOpen) as refused:
        made.open(written, judge=made.judge(allow=allow))

    assert CANARY.decode() not in str(refused.value)


@pytest.mark.abuse("E01")
def test_a_refusal_does_not_say_whether_something_outside_is_there(made: Made) -> None:
    words = set()
    for name in ("secret.txt", "absent.txt"):
        with pytest.raises(CannotOpen) as refused:
            made.open(f"../outside/{name}")
        words.add(str(refused.value).replace(name, "NAME"))

    assert len(words) == 1


@pytest.mark.parametrize("written", ["../outside/secret.txt", "OUTSIDE/secret.txt", "~/.ssh/id_rsa"])
def test_a_rule_of_the_users_with_the_path_opens_what_lies_outside(made: Made, written: str) -> None:
    allow = [f"Read(/{made.outside}/**)", "Read(~/.ssh/id_rsa)", "Read"]

    opened = made.open(written.replace("OUTSIDE", str(made.outside)), judge=made.judge(allow=allow))

    assert opened.data == CANARY


def test_the_advice_for_what_lies_outside_is_a_rule_that_opens_it(made: Made) -> None:
    written = "../outside/secret.txt"

    with pytest.raises(CannotOpen, match=r"in your own settings: Read\(//.+\)$") as caught:
        made.open(written)
    rule = str(caught.value).partition("settings: ")[2]

    assert made.open(written, judge=made.judge(allow=[rule])).data == CANARY


@pytest.mark.abuse("B02", "E01")
def test_a_projects_own_rule_opens_nothing_outside(made: Made) -> None:
    repository = Layer(".claude/settings.json", False, allow=(f"Read(/{made.outside}/**)",))

    with pytest.raises(CannotOpen, match="leads out of the project"):
        made.open("../outside/secret.txt", judge=made.by(RuleSet([repository], home=made.home).judge))


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


@pytest.mark.abuse("E05")
@pytest.mark.parametrize(
    "written",
    ["./.env", ".//.env", "src/../.env", ".ENV", ".env.", ".env ", ".env::$DATA", "ENV~1", ".e\u200cnv", "\uff0eenv"],
)
def test_no_spelling_of_a_denied_name_is_read(made: Made, written: str) -> None:
    for name in (".ENV", ".env.", ".env ", ".env::$DATA", "ENV~1", ".e\u200cnv", "\uff0eenv"):
        # As if the file system took all of these for the one file.
        (made.project / name).write_bytes(CANARY)

    with pytest.raises(CannotOpen, match="denied by the rule"):
        made.open(written)


@pytest.mark.abuse("E06")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "sparse", "too large", "missing"])
def test_what_is_no_ordinary_file_is_refused_at_once(made: Made, kind: str) -> None:
    path, options = made.project / "named", {}
    allow = ["Read(//dev/**)"]
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "sparse":
        path.touch()
        os.truncate(path, 10 << 30)
    elif kind == "too large":
        path.write_bytes(b"x" * 11)
        options = {"limit": 10}

    with pytest.raises(CannotOpen, match="name"):
        made.open("/dev/zero" if kind == "device" else "named", judge=made.judge(allow=allow), **options)


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


@pytest.mark.abuse("E08")
def test_what_a_file_says_is_only_text(made: Made) -> None:
    (made.project / "ok.txt").write_text("@.env !`cat .env` ~/.ssh/id_rsa")

    assert made.open("ok.txt").text() == "@.env !`cat .env` ~/.ssh/id_rsa"


def test_a_rule_that_asks_is_raised_as_a_question_and_an_answer_holds_for_that_file(made: Made) -> None:
    judge = made.judge(ask=["Read(src/**)"])
    with pytest.raises(RuleAsks) as asks:
        made.open("src/app.py", judge=judge)

    assert made.open("src/app.py", judge=judge, asked=asks.value.real).data == b"print('hello')\n"
    with pytest.raises(RuleAsks):
        made.open("src/app.py", judge=judge, asked=str(made.project / "ok.txt"))


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


def test_a_project_that_is_a_link_itself_is_its_target(made: Made) -> None:
    (made.root / "alias").symlink_to(made.project)

    for written in ("ok.txt", str(made.root / "alias/ok.txt"), str(made.project / "ok.txt")):
        assert open_named(written, project=made.root / "alias", judge=made.judge()).text() == "fine\n"


def test_a_project_that_is_gone_is_named(made: Made) -> None:
    with pytest.raises(CannotOpen, match="the project's folder cannot be used"):
        open_named("ok.txt", project=made.root / "gone", judge=made.judge())


def test_no_handle_is_left_behind(made: Made) -> None:
    (made.project / "link").symlink_to(made.outside)
    handles = Path("/dev/fd")
    before = len(list(handles.iterdir()))

    for written in ("ok.txt", ".env", "link/secret.txt", "src", "absent", "../x"):
        with contextlib.suppress(CannotOpen):
            made.open(written)
    list_named("src", project=made.project, judge=made.judge())

    assert len(list(handles.iterdir())) == before


# -- folders


def test_a_folder_is_listed_in_order_and_without_what_is_denied(made: Made) -> None:
    (made.project / "src/sub").mkdir()
    (made.project / "src/.env").touch()

    listing = list_named("src", project=made.project, judge=made.judge())

    assert (listing.names, listing.cut) == (("app.py", "sub/"), False)
    assert list_named(".", project=made.project, judge=made.judge()).names == ("ok.txt", "src/")


@pytest.mark.abuse("B19")
def test_a_listing_shows_names_that_are_not_what_they_seem(made: Made) -> None:
    (made.project / "src/a\nb\u202e.txt").touch()

    text = list_named("src", project=made.project, judge=made.judge()).text()

    assert text.splitlines()[0].startswith("a\\u{a") and "\u202e" not in text


@pytest.mark.abuse("B18")
def test_a_listing_of_a_large_folder_is_cut_and_says_so(made: Made) -> None:
    for number in range(30):
        (made.project / f"src/{number}").touch()

    listing = list_named("src", project=made.project, judge=made.judge(), most=10)

    assert len(listing.names) == 10 and listing.cut and "only the first 10" in listing.text()


@pytest.mark.abuse("E01", "E02")
@pytest.mark.parametrize("written", ["..", "/", "~", "ok.txt", "link"])
def test_a_folder_outside_is_not_listed_nor_a_file(made: Made, written: str) -> None:
    (made.project / "link").symlink_to(made.outside)

    with pytest.raises(CannotOpen):
        list_named(written, project=made.project, judge=made.judge(), home=made.home)


# -- what it is


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_an_image_is_told_by_its_bytes(made: Made, data: bytes, media_type: str) -> None:
    (made.project / "ok.txt").write_bytes(data)

    opened = made.open("ok.txt")

    assert (opened.kind, opened.media_type) == ("image", media_type)
    with pytest.raises(CannotOpen, match="neither UTF-8 nor UTF-16"):
        opened.text()


def test_a_large_image_is_refused(made: Made) -> None:
    (made.project / "ok.txt").write_bytes(b"\x89PNG\r\n\x1a\n".ljust(IMAGE_LIMIT + 1))

    with pytest.raises(CannotOpen, match="an image of more than"):
        made.open("ok.txt")


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_in_the_usual_codes(made: Made, code: str) -> None:
    (made.project / "ok.txt").write_bytes("grün ✓\n".encode(code))

    assert made.open("ok.txt").text() == "grün ✓\n"


@pytest.mark.parametrize("data", [b"\x7fELF\0\0", b"gr\xfcn", "x".encode("utf-32"), b"\xff\xfex"])
def test_what_is_no_text_says_so(made: Made, data: bytes) -> None:
    (made.project / "ok.txt").write_bytes(data)

    opened = made.open("ok.txt")

    assert opened.kind == "binary"
    with pytest.raises(CannotOpen, match=r"ok\.txt: neither"):
        opened.text()
