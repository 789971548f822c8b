"""Finding files below a folder, such as the commands of a project: bounded, and without following links."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from .plain import CannotOpen
from .reaching import Leaves, Reached, below, folder

MOST_FILES = 1000
MOST_LOOKED_AT = 20_000
DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Found:
    """Files below a folder: their paths relative to it, with ``/``, in order; ``cut`` where there may be more."""

    files: tuple[str, ...]
    cut: bool


def find_files(
    root: Path,
    inside: str,
    *,
    suffixes: tuple[str, ...],
    most: int = MOST_FILES,
    looks: int = MOST_LOOKED_AT,
    deepest: int = DEEPEST,
    follow: bool = False,
) -> Found:
    """The regular files below ``root/inside`` with one of these endings; none where there is no such folder.

    Nothing else is named, whatever it is called: no pipe, device or folder, and no link, unless ``follow`` (for a
    folder of the user's own) lets ``inside`` lie behind a link and takes links to files. Folders behind links are never
    looked into. At most ``most`` files are named, ``looks`` names looked at, ``deepest`` folders entered into each
    other. Raises CannotOpen where ``inside`` leads over a link or cannot be read.
    """
    where = f"{root}/{inside}"
    try:
        top = folder(root)
        try:
            start = folder(root / inside) if follow else below(top, inside, follow=False)
        finally:
            top.close()
    except FileNotFoundError:
        return Found((), cut=False)
    except Leaves:
        raise CannotOpen(f"{where}: leads over a link, which is not followed; put the folder itself there") from None
    except OSError as error:
        raise CannotOpen(
            f"{where}: {(error.strerror or 'cannot be read').lower()}; make it a readable folder"
        ) from None
    scan = _Scan(suffixes, most, looks, deepest, follow=follow)
    scan.into(start, "", 1)
    return Found(tuple(sorted(scan.files)), scan.cut)


class _Scan:
    def __init__(self, suffixes: tuple[str, ...], most: int, looks: int, deepest: int, *, follow: bool) -> None:
        self.files: list[str] = []
        self.cut = False
        self._suffixes = suffixes
        self._most = most
        self._looks = looks
        self._deepest = deepest
        self._follow = follow

    def into(self, at: Reached, path: str, depth: int) -> None:
        """Look through a folder, which is let go of."""
        folders = []
        try:
            if not stat.S_ISDIR(os.fstat(at.handle).st_mode):
                return
            handle = at.readable()
            try:
                with os.scandir(handle) as entries:
                    for entry in entries:
                        self._looks -= 1
                        if self._looks < 0 or len(self.files) >= self._most:
                            self.cut = True
                            break
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.name)
                        elif entry.name.endswith(self._suffixes) and entry.is_file(follow_symlinks=self._follow):
                            self.files.append(f"{path}{entry.name}")
            finally:
                os.close(handle)
            if folders and depth >= self._deepest:
                self.cut = True
                return
            for name in sorted(folders):
                self._enter(at, path, name, depth)
        except OSError:
            self.cut = True
        finally:
            at.close()

    def _enter(self, at: Reached, path: str, name: str, depth: int) -> None:
        if self.cut and (self._looks < 0 or len(self.files) >= self._most):
            return
        try:
            inner = below(at, name, follow=False)
        except (OSError, Leaves):
            # Gone or replaced since it was listed.
            return
        self.into(inner, f"{path}{name}/", depth + 1)
