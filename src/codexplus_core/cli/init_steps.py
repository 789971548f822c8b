"""What plugins have `init` write (`--skills`, `--prompts`, …): found, shown, written, taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..contributions import InitStep
from ..services import codex, init_entries, init_files
from ..services.codex_tables import Values
from ..services.init_files import Planned
from ..services.paths import state_dir
from ..services.problem import Problem
from .plugin_commands import installed

# Whose these are; a clear no is better than "unrecognized arguments".
OF_PLUGINS = {
    "skills": ("slash", "offer your slash commands as Codex skills ($name)"),
    "prompts": ("slash", "offer your slash commands as custom prompts, for Codex 0.60 to 0.116"),
    "hooks": ("hooks", "have Codex report its own events"),
    "mcp": ("mcp", "offer the MCP client to Codex as one server"),
}
_SHOWN = 5


def chosen(options: Iterable[str]) -> list[InitStep]:
    """The steps behind these options. Raises Problem where no plugin has one."""
    wanted = list(options)
    if not wanted:
        return []
    from ..loader import load_plugins
    from ..services.plugins_allowed import plugins_allowed_here

    steps = init_files.steps_of(load_plugins(None, allowed=plugins_allowed_here()))
    for option in wanted:
        if option not in steps:
            raise _not_here(option)
    return [steps[option] for option in wanted]


def with_tables(options: Iterable[str], env: Mapping[str, str]) -> list[str]:
    """The options of earlier calls, beyond these, whose tables in Codex's configuration name the proxy's address."""
    remembered = [option for option in init_files.read(state_dir(env)).options if option in OF_PLUGINS]
    others = [option for option in remembered if option not in set(options)]
    if not others:
        return []
    from ..loader import load_plugins

    steps = init_files.steps_of(load_plugins(None))
    return [option for option in others if option in steps and steps[option].codex_tables is not None]


def tables(steps: Iterable[InitStep], root: str, version: str) -> dict[str, Values]:
    """The tables that these steps want in the configuration of a Codex of this version (``""``: not known).

    Raises Problem where it is too old to start with one.
    """
    found: dict[str, Values] = {}
    for step in steps:
        if step.codex_tables is None:
            continue
        if version and codex.version_numbers(version) < codex.version_numbers(step.codex_since):
            raise Problem(f"--{step.option}: needs Codex {step.codex_since}, this one is {version}; update it first")
        found.update(step.codex_tables(root))
    return found


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one step would do: to files of its own, and to lists in those of others."""

    step: InitStep
    files: Planned
    entries: list[init_entries.Planned]

    @property
    def changes(self) -> bool:
        """Whether anything is to be written or removed."""
        return self.files.changes or any(entries.changes for entries in self.entries)


def plan(step: InitStep, env: Mapping[str, str], home: Path, url: str) -> Chosen:
    """Work out what a step would do; ``url`` is the base URL that Codex will have. Raises Problem."""
    given = {**env, init_files.BASE_URL: url}
    files = init_files.plan(step.option, step.files(given), home)
    entries = init_entries.plan(step.option, step.entries(given), home) if step.entries else []
    return Chosen(step, files, entries)


def announce(chosen: Chosen) -> None:
    """Say what will be written and what is left alone."""
    planned = chosen.files
    entries = init_entries.announced(chosen.entries)
    if planned.new or entries:
        print(f"This will write, for --{planned.option}:")
        _some(str(path) for path, _ in planned.new)
        for line in entries:
            print(f"  {line}")
    if planned.changed:
        print(f"This will bring up to date, for --{planned.option}:")
        _some(str(path) for path, _ in planned.changed)
    if planned.gone:
        print(f"This will remove, for --{planned.option}:")
        _some(str(path) for path in planned.gone)
    if not chosen.changes and (planned.same or chosen.entries):
        print(f"Nothing to write for --{planned.option}: {len(planned.same)} files are as they should be.")
    for path, why in planned.left:
        print(f"  {path}: {why}; left alone")


def carry_out(chosen: Chosen, home: Path) -> None:
    """Do it, and say how to use it."""
    # The files first: an entry may name one of them.
    init_files.apply(chosen.files, home)
    for entries in chosen.entries:
        backup = init_entries.apply(entries, home)
        if backup is not None and entries.before is not None:
            print(f"{entries.path} as it was is kept in {backup}")
    if chosen.step.hint:
        print(chosen.step.hint)


def undo(home: Path) -> None:
    """Take back what was written for every option."""
    said = {
        "restored": "restored as it was before init",
        "entries": "was changed since init, so only the entries of codex-plus were taken back; everything else stays",
        "nothing": "nothing of codex-plus is in it; left alone",
    }
    for path, how in init_entries.undo(home):
        print(f"{path}: {said[how]}")
    done = init_files.undo(home)
    gone = [str(path) for path, removed in done if removed]
    if gone:
        print(f"Removed {len(gone)} file{'s' if gone[1:] else ''} that init had written:")
        _some(gone)
    for path, removed in done:
        if not removed:
            print(f"{path}: was changed since init wrote it; left alone")


def _some(paths: Iterable[str]) -> None:
    every = list(paths)
    for path in every[:_SHOWN]:
        print(f"  {path}")
    if every[_SHOWN:]:
        print(f"  and {len(every) - _SHOWN} more")


def _not_here(option: str) -> Problem:
    plugin = OF_PLUGINS[option][0]
    distribution = f"codex-plus-{plugin}"
    if any(name.startswith(f"{distribution}==") for name in installed()):
        return Problem(f"--{option}: the installed {distribution} cannot do this; update it", exit_code=2)
    return Problem(f"--{option}: needs the plugin {plugin}; install {distribution} beside codex-plus", exit_code=2)
