"""What comes through the door: listings of folders, images, text."""

from __future__ import annotations

import os

import pytest
from services.files.made import Made

from codexplus_core.services.files import IMAGE_LIMIT, CannotOpen, list_named

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and handles of folders")


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
