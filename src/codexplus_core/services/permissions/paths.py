"""The part of a Read or Edit rule in parentheses: which files it means; narrowly to allow, broadly to deny.

Patterns are those of .gitignore, with four beginnings: ``//`` the file system's root, ``~/`` the home folder, ``/`` the
folder that the settings file belongs to, anything else the working folder.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from .path_parts import ANYWHERE, Part, begins, fits, is_glob, parts_of
from .shell_characters import odd_character
from .shell_mentions import may_expand_to

_DRIVE = re.compile(r"^[A-Za-z]:(?=/)")
# HFS+ ignores these inside a name, so that ".e<U+200C>nv" opens ".env".
_IGNORED = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u206a-\u206f\ufeff]")
SHORT_NAME = re.compile(r"([^~.]{1,6})~\d{1,3}(?:\.[^.]{0,3})?")
"""The form of a short name that Windows keeps for a longer one."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file as it was named, what it really is, and where that was said; all without looking at the disk.

    ``real`` is the path of the opened file with no link left in it, None where that is not known (nothing is then
    allowed). ``cwd`` is the folder that a relative ``written`` starts from, ``real_cwd`` the same without links.
    """

    written: str
    real: str | None
    cwd: str
    real_cwd: str = ""


class PathPattern:
    """A compiled path rule. ``root`` is the folder for a leading ``/``, ``home`` the one for ``~/``, if any.

    Raises ValueError for a text that is no pattern.
    """

    def __init__(self, spec: str, *, root: PurePath | None = None, home: PurePath | None = None) -> None:
        text = forward(spec.strip())
        if not text or "\0" in text:
            raise ValueError("it names no file")
        self._home = forward(str(home)) if home else None
        self._start: str | None = None
        self._known = True
        if text.startswith("//"):
            self._start = ""
        elif _DRIVE.match(text):
            self._start, text = text[:2], text[2:]
        elif text == "~" or text.startswith("~/"):
            self._start, self._known, text = self._home, home is not None, text[1:]
        elif text.startswith("/"):
            self._start, self._known = (forward(str(root)) if root else None), root is not None
        text = text.removeprefix("./")
        self._whole_folder = text.endswith(("/", "/**")) or text in ("", "**")
        body = text.strip("/").removesuffix("/**")
        self._climbing = body if ".." in body.split("/") else ""
        self._nested = "/" in body or self._whole_folder
        self._exact = parts_of(body) + (ANYWHERE if self._whole_folder else ())
        # A denied folder is denied with all that is in it.
        self._broad = parts_of(folded(body)) + ANYWHERE
        self._last = folded(body).rpartition("/")[2]

    def allows(self, place: Place) -> bool:
        """Whether the rule vouches for this file: under both of its names, exactly as written."""
        if place.real is None or odd_place(place):
            return False
        real_cwd = place.real_cwd or place.cwd
        return self._known and self._vouches(place.written, place.cwd) and self._vouches(place.real, real_cwd)

    def touches(self, place: Place) -> bool:
        """Whether a denying rule concerns this file under any name that any file system may take for it."""
        names = [(place.written, place.cwd)]
        if place.real is not None:
            names.append((place.real, place.real_cwd or place.cwd))
        return any(self._concerns(alias, cwd) for name, cwd in names for alias in self._aliases(name))

    @property
    def names(self) -> tuple[Part, ...]:
        """What the parts of a denied path must be called, the last one at the end; None stands for any folders."""
        return (None,) if self._climbing else self._broad[:-1]

    def may_hold(self, folder: str) -> bool:
        """Whether a denying rule can concern anything in this folder, an absolute path; where it is not sure it may."""
        if self._start is None or self._climbing or not self._known:
            return True
        above = _names(folded(self._start))
        for alias in self._aliases(folder):
            below = _names(folded(alias))
            if below[: len(above)] == above[: len(below)] and begins(self._broad, below[len(above) :]):
                return True
        return False

    @property
    def last(self) -> Part:
        """What the last part of a denied path is called, or that of the denied folder around it; None for anything."""
        last = self._broad[-2] if len(self._broad) > 1 else None
        return None if self._last == ".." else last

    @property
    def leading(self) -> tuple[Part, ...]:
        """What the folders are called that lead to what is denied."""
        return tuple(part for part in self._broad[:-2] if part is not None)

    def leads_through(self, place: Place) -> bool:
        """Whether a denying rule names this folder on the way to what it denies: ``secrets`` for ``secrets/key``."""
        before = self._broad[:-2]
        if not before:
            return False
        whole = folded(absolute(place.written, place.cwd))
        start = self._start
        if self._climbing:
            start, before = "", parts_of(folded(absolute(self._climbing, start or forward(place.cwd) or "/")))[:-1]
        inside = _inside(whole, folded(forward(place.cwd) if start is None else start))
        if start is None:
            before, inside = ANYWHERE + before, _names(whole) if inside is None else inside
        elif not inside:
            # A folder around the working folder, and around all that the rule is about.
            above = _names(whole)
            here, there = _names(folded(forward(place.cwd))), _names(folded(start))
            return here[: len(above)] == above == there[: len(above)] and len(here) > len(above)
        reached = (before[:end] for end in range(1, len(before) + 1) if before[end - 1] is not None)
        return any(fits(parts, inside) for parts in reached)

    def ends_like(self, name: str) -> bool:
        """Whether a denying rule may mean a file of this name in some folder or other."""
        names = _names(folded(forward(name)))
        return any(fits(self._broad[begin:], names) for begin in range(len(self._broad) - 1))

    def _vouches(self, path: str, cwd: str) -> bool:
        whole = absolute(path, cwd)
        if self._climbing:
            start = forward(cwd) if self._start is None else self._start
            return fits(parts_of(absolute(self._climbing, start or "/")) + self._below, _names(whole))
        inside = _inside(whole, forward(cwd) if self._start is None else self._start)
        if inside is None:
            return False
        anchored = self._start is not None or self._nested
        return fits(self._exact if anchored else ANYWHERE + self._exact, inside)

    @property
    def _below(self) -> tuple[Part, ...]:
        return ANYWHERE if self._whole_folder else ()

    def _concerns(self, path: str, cwd: str) -> bool:
        whole = folded(absolute(path, cwd))
        if self._climbing:
            start = forward(cwd) if self._start is None else self._start
            return fits(parts_of(folded(absolute(self._climbing, start or "/"))) + ANYWHERE, _names(whole))
        if self._start is not None:
            inside = _inside(whole, folded(self._start))
            return inside is not None and (fits(self._broad, inside) or self._may_become(inside))
        # Outside the working folder, and where the root of a rule is not known, a file of that name is meant anywhere.
        inside = _inside(whole, folded(forward(cwd)))
        inside = _names(whole) if inside is None else inside
        return fits(ANYWHERE + self._broad, inside) or self._may_become(inside)

    def _may_become(self, inside: list[str]) -> bool:
        last = inside[-1] if inside else ""
        if is_glob(last):
            # A shell has yet to expand it: .e* may become .env.
            return re.search(r"\w", last) is not None and not is_glob(self._last) and may_expand_to(last, self._last)
        short = SHORT_NAME.fullmatch(last)
        return short is not None and re.sub(r"[^a-z0-9]", "", self._last).startswith(short[1])

    def _aliases(self, path: str) -> Iterator[str]:
        path = forward(path)
        if path.startswith("~/") and self._home is not None:
            path = self._home + path[1:]
        yield path
        drive = _DRIVE.match(path)
        # Windows drops dots and blanks at the end of a name and reads name::$DATA as name.
        parts = path[2:].split("/") if drive else path.split("/")
        plain = "/".join(part if part in (".", "..") else part.partition(":")[0].rstrip(". ") for part in parts)
        yield (drive[0] if drive else "") + plain


def odd_place(place: Place) -> str:
    """Why no rule may vouch for a file under these names; empty for ordinary ones."""
    if place.real is None:
        return "it is not known which file that is"
    windows = _DRIVE.match(forward(place.cwd)) is not None
    return odd_name(place.written, windows=windows) or odd_name(place.real, windows=windows)


def odd_name(path: str, *, windows: bool = False) -> str:
    """Why a path may be another file than it looks; empty for an ordinary one."""
    why = odd_character(path) or ("" if windows or "\\" not in path else "it holds a backslash")
    if why or "\n" in path or "\t" in path:
        return why or "it holds a line break or a tab"
    if unicodedata.normalize("NFC", path) != path:
        return "it is not in the usual form of Unicode"
    for part in _DRIVE.sub("", forward(path)).split("/"):
        if part not in (".", "..") and (part.endswith((".", " ")) or ":" in part or SHORT_NAME.fullmatch(part)):
            return f"{part!r} is another name for a file on some systems"
    return ""


def absolute(path: str, cwd: str) -> str:
    """The path without ``.`` and ``..``, from the root, with forward slashes; nothing is looked up."""
    path = forward(path)
    if not path.startswith("/") and not _DRIVE.match(path):
        path = f"{forward(cwd)}/{path}"
    normal = posixpath.normpath(path)
    return "/" + normal.lstrip("/") if normal.startswith("/") else normal


def forward(path: str) -> str:
    """The path with forward slashes."""
    # Outside Windows a backslash is a character like any other; taking it for a slash makes a deny rule wider only.
    return path.replace("\\", "/")


def folded(path: str) -> str:
    """The path as a file system sees it that ignores case, forms of Unicode and characters without a width."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", _IGNORED.sub("", unicodedata.normalize("NFKC", path)).casefold())


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _inside(path: str, folder: str) -> list[str] | None:
    folder = folder.rstrip("/")
    if path != folder and not path.startswith(folder + "/"):
        return None
    return _names(path[len(folder) :])
