"""Files and folders that a plugin or the user chose by their place, such as the commands in the home directory.

They are no mentions, so nothing has to lie in a project, and links are followed, since people keep such folders
elsewhere; the user's own rules hold all the same, under the name and under the place that it leads to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .door import MOST_NAMES, Judge, Listing, Opened, RuleAsks, cannot, check_name, list_reached, read_reached, tilde
from .plain import LIMIT, CannotOpen
from .reaching import Leaves, Reached, anywhere


def open_chosen(written: str, *, judge: Judge, home: Path | None = None, limit: int = LIMIT, asked: str = "") -> Opened:
    """Read the file at this place. Raises CannotOpen, and RuleAsks where a rule says so."""
    with _reached(written, judge, home, asked) as reached:
        return read_reached(reached, written, limit, links=0)


def list_chosen(
    written: str, *, judge: Judge, most: int = MOST_NAMES, home: Path | None = None, asked: str = ""
) -> Listing:
    """The names in the folder at this place. Raises CannotOpen, and RuleAsks where a rule says so."""
    with _reached(written, judge, home, asked) as reached:
        return list_reached(reached, written, tilde(written, home), judge, most)


@contextmanager
def _reached(written: str, judge: Judge, home: Path | None, asked: str) -> Iterator[Reached]:
    check_name(written)
    # Nothing is normalized: what lies behind a link and .. is what the system takes it for, and judged as that.
    named = Path(tilde(written, home)).absolute()
    verdict = judge(str(named), os.path.realpath(named))
    if verdict.decision == "deny":
        raise CannotOpen(f"{written}: {verdict.reason}")
    try:
        reached = anywhere(str(named))
    except Leaves:
        raise CannotOpen(f"{written}: leads over a link that is not followed here; name the file itself") from None
    except OSError as error:
        raise cannot(written, error) from None
    try:
        verdict = judge(str(named), reached.real)
        if verdict.decision == "deny":
            raise CannotOpen(f"{written}: {verdict.reason}")
        if verdict.decision == "ask" and verdict.rule is not None and reached.real != asked:
            raise RuleAsks(f"{written}: {verdict.reason}; allow it first", reached.real)
        yield reached
    finally:
        reached.close()
