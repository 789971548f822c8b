"""Whether a repository's own configuration makes git run programs: filters, textconv, diff drivers, merge drivers.

Their names are the repository's choice, so no setting of ours can override them all. They come with an archive or a
copied folder, never with a clone.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

_LARGEST = 1 << 20
_DEEPEST = 64
# In git's grammar a key may follow its section on one line; an included file may say anything.
_NAMES = re.compile(
    r"^[ \t]*(?:\[[^\n]*\][ \t]*)?(?:textconv|clean|smudge|process|driver|\w*command|\w*cmd)[ \t]*(?:[=#;\r]|$)"
    r"|\[[ \t]*include",
    re.IGNORECASE | re.MULTILINE,
)


def names_programs(cwd: Path) -> bool:
    """Whether git in ``cwd`` may run programs that the repository names; in doubt it may."""
    folder = next((each for each in (cwd, *cwd.parents)[:_DEEPEST] if os.path.lexists(each / ".git")), None)
    if folder is None:
        return False
    try:
        git = folder / ".git"
        if git.is_file():
            git = folder / _text(git).partition("gitdir:")[2].strip()
        shared = git / "commondir"
        common = git / _text(shared).strip() if shared.is_file() else git
        files = [path for path in (common / "config", git / "config.worktree") if os.path.lexists(path)]
        return any(_NAMES.search(_text(path)) for path in files)
    except (OSError, ValueError):
        return True


def git_places(commands: Sequence[Sequence[str]], cwd: Path) -> Iterator[Path]:
    """The folders in which git is started by one of ``commands``."""
    at = cwd
    for argv in commands:
        if argv[0] == "cd" and len(argv) > 1:
            at = at / argv[-1][:4000]
        elif Path(argv[0]).name == "git":
            yield at
            yield from (at / word[:4000] for option, word in pairwise(argv) if option == "-C")


def _text(path: Path) -> str:
    # Neither a pipe nor a device may keep the proxy waiting.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path}: is no regular file")
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"{path}: is larger than {_LARGEST} bytes")
    return data.decode("utf-8", "surrogateescape")
