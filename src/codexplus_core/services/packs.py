"""Files that somebody vouches for: commands, skills, hooks and MCP definitions of signed packs.

The core verifies no signature. It hands out what plugins provide, and says where nothing else may be used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from .config import Config

PackKind = Literal["command", "skill", "module", "hook", "mcp", "other"]


@dataclass(frozen=True, slots=True)
class PackFile:
    """A file of a signed pack, with the very bytes that were verified.

    ``path`` is its name in the pack (``commands/deploy.md``), ``file`` where it lies on disk, ``root`` the pack's
    folder. ``kind`` says what it is for: ``"command"`` (``commands/``), ``"skill"`` (a ``SKILL.md``), ``"module"``
    (``modules/``), ``"hook"`` (``hooks/hooks.json``), ``"mcp"`` (``.mcp.json``), ``"other"`` for what these refer to.
    ``managed`` is True where the administrator's policy names the key. Use ``data``: what lies on disk may be another
    file by now.
    """

    pack: str
    version: str
    kind: PackKind
    path: str
    data: bytes = field(repr=False, compare=False)
    sha256: str
    file: Path
    root: Path
    managed: bool = False


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file of a pack that is not used, by a manifest whose signature is good: ``problem`` says why it is refused.

    There is nothing to read: it is for whoever calls it by name, who is told why it does not work.
    """

    pack: str
    kind: PackKind
    path: str
    problem: str


class PackProvider(Protocol):
    """Where verified files come from."""

    @property
    def problems(self) -> tuple[tuple[str, str], ...]:
        """The packs that are there and are not used: each one's name, or its folder's, and a sentence."""
        ...

    @property
    def refused(self) -> tuple[RefusedFile, ...]:
        """What the packs that are not used would bring, as far as somebody who is trusted has signed it."""
        ...

    def files(self) -> tuple[PackFile, ...]:
        """Every file of every verified pack; the same tuple as long as nothing changes. Raises nothing."""
        ...

    def holds(self, file: PackFile) -> bool:
        """Whether the pack of this file is on disk as it was verified; looks now."""
        ...


class Packs:
    """The verified files of all plugins that provide some, and whether others may be used."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._providers: list[PackProvider] = []
        self._seen: tuple[tuple[PackFile, ...], ...] = ()
        self._by_kind: dict[str, tuple[PackFile, ...]] = {}
        self._generation = 0

    def provide(self, provider: PackProvider) -> None:
        """Add a source of verified files."""
        self._providers.append(provider)

    def files(self, kind: PackKind) -> tuple[PackFile, ...]:
        """The verified files of one kind, by pack and path; the same tuple as long as nothing changes."""
        self._look()
        return self._by_kind.get(kind, ())

    @property
    def generation(self) -> int:
        """Another number when the files are others."""
        self._look()
        return self._generation

    @property
    def problems(self) -> tuple[tuple[str, str], ...]:
        """The packs that are there and are not used: each one's name, or its folder's, and a sentence."""
        self._look()
        return tuple(problem for provider in self._providers for problem in provider.problems)

    @property
    def refused(self) -> tuple[RefusedFile, ...]:
        """What the packs that are not used would bring, as far as somebody who is trusted has signed it."""
        self._look()
        return tuple(file for provider in self._providers for file in provider.refused)

    def holds(self, file: PackFile) -> bool:
        """Whether a file's pack is on disk as it was verified: to be asked right before a program of it starts."""
        return any(provider.holds(file) for provider in self._providers)

    def required(self, project: Path | None, *, of_project: bool = False) -> bool:
        """Whether only verified files are used (``security.requireSigned``).

        ``of_project`` asks for what a repository brings. Its own settings decide about that alone: a repository that
        demands signatures must not switch off the hooks and commands of its reader.
        """
        if self._config.user.get("security.requireSigned") is True:
            return True
        if not of_project or project is None:
            return False
        return self._config.for_project(project).get("security.requireSigned") is True

    def _look(self) -> None:
        found = tuple(provider.files() for provider in self._providers)
        if len(found) == len(self._seen) and all(one is other for one, other in zip(found, self._seen, strict=True)):
            return
        self._seen = found
        self._generation += 1
        by_kind: dict[str, list[PackFile]] = {}
        for file in sorted((file for files in found for file in files), key=lambda each: (each.pack, each.path)):
            by_kind.setdefault(file.kind, []).append(file)
        self._by_kind = {kind: tuple(files) for kind, files in by_kind.items()}
