"""Sub-commands that plugins add: listed from a cache without importing a plugin, loaded when one is asked for."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..services.problem import Problem

if TYPE_CHECKING:
    from ..contributions import CliCommand

GROUP = "codexplus.plugins"


def cache_file(home: Path) -> Path:
    """Where the plugins' sub-commands are remembered."""
    return home / "cache" / "cli.json"


def _home() -> Path:
    from ..services.paths import state_dir

    return state_dir()


def installed(path: Iterable[str] | None = None) -> list[str]:
    """``name==version`` of every installed distribution with a plugin.

    importlib.metadata would need 60 ms for it in an environment of a hundred distributions; one look at the directory
    names and one at each entry_points.txt needs 5.
    """
    found = []
    for entry in dict.fromkeys(sys.path if path is None else path):
        try:
            with os.scandir(entry or ".") as items:
                folders = sorted(item.path for item in items if item.name.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue
        for folder in folders:
            try:
                text = Path(folder, "entry_points.txt").read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            if f"[{GROUP}]" in text:
                distribution, _, version = Path(folder).stem.partition("-")
                found.append(key(distribution, version))
    return found


def key(distribution: str, version: str) -> str:
    """How a distribution is named in the cache, however its name is spelled."""
    return f"{re.sub(r'[-_.]+', '-', distribution).lower()}=={version}"


def listed(home: Path | None = None, path: Iterable[str] | None = None) -> tuple[list[tuple[str, str]], list[str]]:
    """Names and help lines of the plugins' sub-commands, and the distributions of which none are known yet."""
    rows: list[tuple[str, str]] = []
    unknown = []
    remembered = _remembered(home or _home())
    for name in installed(path):
        if name in remembered:
            rows += [(row[0], row[1]) for row in remembered[name]]
        else:
            unknown.append(name.partition("==")[0])
    return sorted(dict(reversed(rows)).items()), unknown


def _remembered(home: Path) -> dict[str, list[list[str]]]:
    try:
        stored = json.loads(cache_file(home).read_text(encoding="utf-8"))
        return {
            str(name): [[str(word) for word in row] for row in rows if len(row) == 2] for name, rows in stored.items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def load() -> tuple[dict[str, CliCommand], list[str]]:
    """Load the plugins and ask them for their sub-commands; the first of a name wins.

    Besides, the names of the plugins that the administrator's policy keeps out.
    """
    from ..loader import load_plugins
    from ..services.plugins_allowed import plugins_allowed_here

    loaded = load_plugins(None, allowed=plugins_allowed_here())
    return collect(loaded), [plugin.name for plugin in loaded.plugins if plugin.forbidden]


def collect(loaded: Any, home: Path | None = None) -> dict[str, CliCommand]:
    """The sub-commands of loaded plugins, remembered for the next `--help`."""
    commands: dict[str, CliCommand] = {}
    rows: dict[str, list[list[str]]] = {
        key(plugin.distribution, plugin.version): [] for plugin in loaded.plugins if plugin.distribution
    }
    names = {plugin.name: key(plugin.distribution, plugin.version) for plugin in loaded.plugins if plugin.distribution}
    for plugin, command in loaded.call_sync("add_cli"):
        commands.setdefault(command.name, command)
        if plugin in names:
            rows[names[plugin]].append([command.name, command.help])
    _remember(home or _home(), rows)
    return commands


def _remember(home: Path, rows: dict[str, list[list[str]]]) -> None:
    from ..services.paths import private_dir, write_atomic

    if _remembered(home) == rows:
        return
    try:
        private_dir(home / "cache", within=home)
        write_atomic(cache_file(home), json.dumps(rows).encode("utf-8"))
    except Problem:
        # Only the list in --help is poorer for it; a read-only home must not stop a command.
        return
