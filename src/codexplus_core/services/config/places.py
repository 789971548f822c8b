"""Which settings files there are, and in what order they count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..paths import codex_home, state_dir
from .origin import Layer
from .parsing import JSON_LIMIT, PROJECTS, YAML_LIMIT

FOLDERS = (".codexplus", ".claude", ".codex")
"""The first one first; the next fills what it does not say."""
SUFFIXES = (".json", ".yaml", ".yml")
SHARED = ".mcp.json"
SERVERS = "mcp.json"
"""In the state directory: the user's servers that ``codex-plus mcp add`` keeps, in the shape of ``~/.claude.json``."""
PARENTS = 16
"""Folders above a project that are looked at for ``.mcp.json``."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file that may hold settings.

    ``root`` is the project's directory for a project's file, which is not left on the way to it; for a file of the
    user it is the folder, which must belong to nobody else. ``only`` names the keys that count there, None for all.
    ``within`` is for a file of the user's that is mostly something else: the way to the object in it that holds those
    keys. ``above`` is True for a file of a folder above the project.
    """

    layer: Layer
    path: Path
    root: Path
    only: tuple[str, ...] | None = None
    within: tuple[str, ...] | None = None
    above: bool = False

    @property
    def of_project(self) -> bool:
        """Whether a repository could have brought the file."""
        return self.layer in ("local", "project") and self.within is None

    @property
    def own_servers(self) -> bool:
        """Whether it is the user's ``mcp.json``, which holds servers and nothing else."""
        return self.within is not None and self.path.name == SERVERS

    @property
    def yaml(self) -> bool:
        """Whether it is YAML, else JSON."""
        return self.path.suffix != ".json"

    @property
    def limit(self) -> int:
        """Bytes that are read. ``~/.claude.json`` keeps much else, and may be large."""
        return YAML_LIMIT if self.yaml else JSON_LIMIT if self.within is None else 4 * JSON_LIMIT


@lru_cache(maxsize=64)
def project_places(project: Path) -> tuple[Place, ...]:
    """The files of a project, highest first: local ones of all three folders, then shared ones, then ``.mcp.json``."""
    local = _files("local", [project / name for name in FOLDERS], "settings.local", project)
    shared = _files("project", [project / name for name in FOLDERS], "settings", project)
    return (*local, *shared, Place("project", project / SHARED, project, only=("mcpServers",)))


@lru_cache(maxsize=64)
def parent_places(project: Path, home: Path) -> tuple[Place, ...]:
    """``.mcp.json`` of the folders above a project, the nearest first, up to the home directory or to what holds it.

    Claude Code 2.1 reads them, too. What they hold can only ask, like a project's.
    """
    found: list[Place] = []
    for folder in project.parents[:PARENTS]:
        if home.is_relative_to(folder):
            break
        found.append(Place("project", folder / SHARED, folder, only=("mcpServers",), above=True))
    return tuple(found)


def server_places(home: Path, env: Mapping[str, str], project: Path | None) -> tuple[Place, ...]:
    """The user's own servers: for one project (``local``), or for all (``user``).

    They stand in ``mcp.json`` of the state directory and in Claude Code's ``~/.claude.json``, which has the same shape.
    """
    state, claude, _ = user_folders(home, env)
    folder = claude if env.get("CLAUDE_CONFIG_DIR") else home
    layer: Layer = "user" if project is None else "local"
    within = () if project is None else (PROJECTS, str(project))
    return tuple(
        Place(layer, path, path.parent, only=("mcpServers",), within=within)
        for path in (state / SERVERS, folder / ".claude.json")
    )


def user_folders(home: Path, env: Mapping[str, str]) -> tuple[Path, ...]:
    """The user's three folders, moved by the variables that move them for the programs that they belong to."""
    given = {**env, "HOME": str(home)}
    claude = env.get("CLAUDE_CONFIG_DIR")
    return (
        state_dir(given),
        Path(claude).expanduser().absolute() if claude else home / ".claude",
        codex_home(given),
    )


def user_places(home: Path, env: Mapping[str, str]) -> tuple[Place, ...]:
    """The files of the user. Claude Code 2.1 has no ``settings.local.json`` there, so neither have we."""
    found: list[Place] = []
    for folder in user_folders(home, env):
        found += _files("user", [folder], "settings", folder)
    return tuple(found)


def _files(layer: Layer, folders: list[Path], stem: str, root: Path) -> list[Place]:
    return [Place(layer, folder / f"{stem}{suffix}", root) for folder in folders for suffix in SUFFIXES]
