"""Opening what a mention names: inside the project, outside only where a rule of the user's says so, never by a trick.

Rules are asked about the name as it was written and about what was really opened. The question and the reading are
about one handle, so that nothing can be swapped between them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..approvals.show import visible
from ..permissions.paths import absolute
from ..permissions.request import Verdict
from .content import IMAGE_LIMIT, Kind, kind_of, text_of
from .plain import LIMIT, CannotOpen, read_opened
from .reaching import Leaves, Linked, Reached, anywhere, below, folder

MOST_NAMES = 1000
"""Names that a listing holds."""
_LONGEST = 4096
# No rule means these: what looks like a file there is a device, or another program's memory and secrets.
_SYSTEM = ("/proc/", "/sys/", "/dev/")


Judge = Callable[[str, str], Verdict]
"""The rules: what they say about a file under the name that was written, and under its real one. Where no rule speaks
of it they ask, without a rule."""


class RuleAsks(CannotOpen):
    """A file that a rule wants to be asked about before it is read; ``real`` is its path."""

    def __init__(self, message: str, real: str) -> None:
        super().__init__(message)
        self.real = real


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as it was read: its bytes, its path without links, how it was named, what it is.

    ``media_type`` is told by the bytes: ``"image/png"`` and the like, ``"text/plain"``.
    """

    data: bytes
    real: str
    written: str
    kind: Kind
    media_type: str

    def text(self) -> str:
        """The file's text. Raises CannotOpen where it is none."""
        return text_of(self.data, self.written)


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder: its names in order, folders with a slash; ``cut`` where there are more. Denied ones are left out."""

    names: tuple[str, ...]
    real: str
    written: str
    cut: bool

    def text(self) -> str:
        """The names, one a line, with everything visible that is not plainly itself."""
        lines = [visible(name) for name in self.names]
        return "\n".join([*lines, f"… (only the first {len(lines)} names)"] if self.cut else lines)


def open_named(
    written: str,
    *,
    project: Path | None,
    judge: Judge,
    limit: int = LIMIT,
    home: Path | None = None,
    follow: bool = True,
    asked: str = "",
) -> Opened:
    """Read the file that ``written`` names in a project. Raises CannotOpen, and RuleAsks where a rule says so.

    Names are relative to the project, absolute, or begin with ``~/`` where ``home`` is given. Refused are: what lies
    outside, unless a rule allows it by its path; what a rule denies under either of its names; files with a second
    name (a hard link); what is no regular file; more than ``limit`` bytes, for images ``IMAGE_LIMIT``. Where the
    project is not known (None) everything lies outside. With ``follow`` off no link is followed on the way, and none is
    where the system cannot do so safely. ``asked`` is the real path of a file that a rule asks about and the user has
    allowed.
    """
    with _reached(written, project, judge, home, follow=follow, asked=asked) as reached:
        return read_reached(reached, written, limit, links=1)


def read_reached(reached: Reached, written: str, limit: int, *, links: int) -> Opened:
    """Read the file that was reached, which must have at most ``links`` names, 0 for any number. Raises CannotOpen."""
    found = os.fstat(reached.handle)
    if stat.S_ISDIR(found.st_mode):
        raise CannotOpen(f"{written}: is a folder; name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise CannotOpen(f"{written}: no regular file; name a file with text")
    if links and found.st_nlink != links:
        raise CannotOpen(f"{written}: has a second name (a hard link), so no rule can vouch for it; name a copy")
    data = read_opened(_readable(reached, written), written, limit)
    if not reached.still():
        raise CannotOpen(f"{written}: was moved while it was read; name it again")
    kind, media_type = kind_of(data)
    if kind == "image" and len(data) > IMAGE_LIMIT:
        raise CannotOpen(f"{written}: an image of more than {IMAGE_LIMIT} bytes; name a smaller one")
    return Opened(data, reached.real, written, kind, media_type)


def list_named(
    written: str,
    *,
    project: Path | None,
    judge: Judge,
    most: int = MOST_NAMES,
    home: Path | None = None,
    follow: bool = True,
    asked: str = "",
) -> Listing:
    """The names in the folder that ``written`` names, at most ``most``. Raises CannotOpen like ``open_named``."""
    with _reached(written, project, judge, home, follow=follow, asked=asked) as reached:
        return list_reached(reached, written, tilde(written, home), judge, most)


def list_reached(reached: Reached, written: str, named: str, judge: Judge, most: int) -> Listing:
    """The names in the folder that was reached; ``named`` is its name as rules are asked. Raises CannotOpen."""
    if not stat.S_ISDIR(os.fstat(reached.handle).st_mode):
        raise CannotOpen(f"{written}: is no folder; name one, or read it as a file")
    handle = _readable(reached, written)
    try:
        with os.scandir(handle) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in islice(entries, most + 1)]
    except OSError as error:
        raise cannot(written, error) from None
    finally:
        os.close(handle)
    whole = os.path.join(named, "")  # noqa: PTH118 - the name as it was written counts
    shown = [
        f"{name}/" if is_folder else name
        for name, is_folder in sorted(found[:most])
        if judge(f"{whole}{name}", f"{reached.real}/{name}").decision != "deny"
    ]
    return Listing(tuple(shown), reached.real, written, cut=len(found) > most)


@contextmanager
def _reached(
    written: str, project: Path | None, judge: Judge, home: Path | None, *, follow: bool, asked: str
) -> Iterator[Reached]:
    check_name(written)
    named = tilde(written, home)
    if project is None:
        reached, outside = _outside(written, named, judge), True
    else:
        try:
            top = folder(project)
        except OSError as error:
            why = f"the project's folder cannot be used ({error.strerror}); start there"
            raise CannotOpen(f"{project}: {why}") from None
        try:
            reached, outside = _way(written, named, project, top, judge, follow=follow)
        finally:
            top.close()
    try:
        _judged(written, judge(named, reached.real), reached.real, asked, outside=outside)
        yield reached
    finally:
        reached.close()


def check_name(written: str) -> None:
    """Refuse what can be no name of a file, before anything is asked about it. Raises CannotOpen."""
    if not written or "\0" in written or len(written) > _LONGEST:
        raise CannotOpen(f"{visible(written[:80])}: no name of a file; name a file of the project")


def _outside(written: str, named: str, judge: Judge) -> Reached:
    """What the name leads to where no project is known, so that a rule must name it."""
    if not os.path.isabs(named):  # noqa: PTH117 - a Path would take some names apart
        raise CannotOpen(f"{written}: the project of this session is not known; name the file by its whole path")
    whole = absolute(named, "/")
    _vouched(written, judge(named, whole), whole)
    try:
        return anywhere(whole)
    except Leaves:
        raise CannotOpen(f"{written}: leads over a link that is not followed here; name the file itself") from None
    except OSError as error:
        raise cannot(written, error) from None


def _way(written: str, named: str, project: Path, top: Reached, judge: Judge, *, follow: bool) -> tuple[Reached, bool]:
    """What the name leads to, and whether it lies outside the project."""
    whole = absolute(named, str(project))
    # Before anything is touched: who may not have it does not learn whether it is there either.
    verdict = judge(named, whole)
    if verdict.decision == "deny":
        raise CannotOpen(f"{written}: {verdict.reason}")
    try:
        inside = _inside(whole, str(project), top.real)
        if inside is not None:
            try:
                return below(top, inside, follow=follow, names=(top.real, str(project)) if follow else ()), False
            except Leaves as leaves:
                if isinstance(leaves, Linked) or not follow:
                    raise
        _vouched(written, verdict, whole)
        return anywhere(whole), True
    except Leaves:
        raise CannotOpen(f"{written}: leads over a link that is not followed here; name the file itself") from None
    except OSError as error:
        raise cannot(written, error) from None


def _judged(written: str, verdict: Verdict, real: str, asked: str, *, outside: bool) -> None:
    if verdict.decision == "deny":
        raise CannotOpen(f"{written}: {verdict.reason}")
    if outside:
        _vouched(written, verdict, real)
        if real.startswith(_SYSTEM):
            raise CannotOpen(f"{written}: belongs to the system, not to files; name a file")
    elif verdict.decision == "ask" and verdict.rule is not None and real != asked:
        raise RuleAsks(f"{written}: {verdict.reason}; allow it first", real)


def _vouched(written: str, verdict: Verdict, path: str) -> None:
    if verdict.decision == "deny":
        raise CannotOpen(f"{written}: {verdict.reason}")
    # A rule for all files was written with a project's files in mind, not with the keys in the home directory.
    if verdict.decision != "allow" or verdict.rule is None or verdict.rule.spec is None:
        advice = f"name a file of the project, or allow this one in your own settings: Read(/{visible(path)})"
        raise CannotOpen(f"{written}: leads out of the project; {advice}")


def tilde(written: str, home: Path | None) -> str:
    """The name with the home folder in place of a ``~`` at its beginning."""
    if home is not None and (written == "~" or written.startswith("~/")):
        return f"{home}{written[1:]}"
    return written


def _inside(whole: str, *projects: str) -> str | None:
    """The path within the project, by either of its names; None for one outside."""
    for project in projects:
        root = absolute(project, "/").rstrip("/")
        if whole == root or whole.startswith(f"{root}/"):
            return whole[len(root) + 1 :]
    return None


def _readable(reached: Reached, written: str) -> int:
    try:
        return reached.readable()
    except OSError as error:
        raise cannot(written, error) from None


def cannot(written: str, error: OSError) -> CannotOpen:
    """What to say of a file that the system does not give."""
    why = (error.strerror or "cannot be opened").lower()
    return CannotOpen(f"{written}: {why}; name a readable file")
