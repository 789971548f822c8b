"""All files that the rules of a project deny to read, or to change, for those who have to find them among many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .path_parts import Part
from .paths import PathPattern, Place

REMEMBERED = 1024
"""Paths of which is remembered whether they are denied: the next run of a hook meets the same ones."""

# Names that may mean another file somewhere, or that a pattern may mean in another spelling: asked about in full.
_ODD = r"(?s:.*[\\:~*?\[].*|.*[. ])\Z"
_ANY = r"(?s:.*)\Z"


class Forbidden:
    """The deny rules for reading, or for editing; ``patterns`` are theirs, None for a rule that denies everything.

    ``cwd`` is the folder that relative rules begin at, ``real_cwd`` the same without links.
    """

    def __init__(self, patterns: Sequence[PathPattern | None], cwd: str, real_cwd: str) -> None:
        self._everything = None in patterns
        self._patterns = tuple(pattern for pattern in patterns if pattern is not None)
        # A folder of no sensible name holds nothing of a rule that is about certain folders.
        self._anywhere = self._everything or any(pattern.may_hold("/\0") for pattern in self._patterns)
        self._cwd, self._real_cwd = cwd, real_cwd
        self._known: dict[str, bool] = {}
        names = [pattern.names for pattern in self._patterns]
        self._last = _one_of([parts[-1] if parts else None for parts in names], odd=True)
        self._before = _one_of([part for parts in names for part in parts[:-1] if part is not None], odd=False)

    @property
    def key(self) -> str:
        """The same for rules that take the same names for suspects."""
        return f"{self._last.pattern}\0{self._before.pattern}"

    def denies(self, path: str) -> bool:
        """Whether a rule denies this absolute path, by either name of the project; a denied folder is denied whole."""
        if self._everything:
            return True
        known = self._known.get(path)
        if known is None:
            place = Place(self._by_cwd(path), path, self._cwd, self._real_cwd)
            known = any(pattern.touches(place) for pattern in self._patterns)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[path] = known
        return known

    def may_hold(self, folder: str) -> bool:
        """Whether a rule can concern anything in this folder."""
        if self._anywhere:
            return True
        names = {folder, self._by_cwd(folder)}
        return any(pattern.may_hold(name) for pattern in self._patterns for name in names)

    def suspects(self, name: str) -> bool:
        """Whether a file or folder of this name may be denied, wherever it lies; a quick no for nearly all."""
        return not name.isascii() or self._last.match(name.lower()) is not None

    def leads(self, name: str) -> bool:
        """Whether what lies in a folder of this name may be denied for the name of the folder."""
        return not name.isascii() or self._before.match(name.lower()) is not None

    def _by_cwd(self, path: str) -> str:
        """The path by the name that the project was given."""
        inside = path == self._real_cwd or path.startswith(f"{self._real_cwd}/")
        return self._cwd + path[len(self._real_cwd) :] if inside else path


def _one_of(parts: Iterable[Part], *, odd: bool) -> re.Pattern[str]:
    texts = {_ODD} if odd else set()
    for part in parts:
        if part is None:
            texts.add(_ANY)
        else:
            texts.add(re.escape(part) + r"\Z" if isinstance(part, str) else part.pattern)
    return re.compile("|".join(sorted(texts)) if texts else r"(?!)")
