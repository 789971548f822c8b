"""What a mention names is read inside the project, or where a rule says so, and by no trick anything else."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from services.files.made import CANARY, Made

from codexplus_core.services.files import CannotOpen, RuleAsks, list_named, open_named
from codexplus_core.services.permissions import Layer, RuleSet

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and handles of folders")


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
