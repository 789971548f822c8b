"""Files that `init` wrote for plugins: brought up to date, taken back, and nobody else's touched."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..contributions import InitStep
from . import codex_setup
from .codex_config import port_of_ours
from .paths import codex_home, private_dir, read_private, read_regular, write_atomic
from .problem import Problem

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
BASE_URL = "CODEX_PLUS_BASE_URL"
"""Where steps find the base URL under which Codex reaches the proxy."""

_LIMIT = 1 << 20
_FOREIGN = ""


@dataclass(slots=True)
class Record:
    """What was written: by option the SHA-256 of each file by its path, and the folders that were made for them."""

    options: dict[str, dict[str, str]] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Planned:
    """What would be done for one option.

    ``new``, ``changed`` and ``same`` are files with their bytes, ``gone`` ours that are wanted no more, ``left`` those
    that are left alone, with the reason.
    """

    option: str
    new: tuple[tuple[Path, bytes], ...] = ()
    changed: tuple[tuple[Path, bytes], ...] = ()
    same: tuple[tuple[Path, bytes], ...] = ()
    gone: tuple[Path, ...] = ()
    left: tuple[tuple[Path, str], ...] = ()

    @property
    def changes(self) -> bool:
        """Whether any file is to be written or removed."""
        return bool(self.new or self.changed or self.gone)


def plan(option: str, wanted: Mapping[Path, str], home: Path) -> Planned:
    """Compare what a step wants with what is there. Raises Problem where the record cannot be read."""
    known = read(home).options.get(option, {})
    found: dict[str, list[tuple[Path, bytes]]] = {"new": [], "changed": [], "same": []}
    left = []
    for path, text in sorted(wanted.items()):
        data, there = text.encode(), _there(path)
        if there is None:
            found["new"].append((path, data))
        elif str(path) not in known:
            left.append((path, "is there already and not from here"))
        elif there == _digest(data):
            found["same"].append((path, data))
        elif there == known[str(path)]:
            found["changed"].append((path, data))
        else:
            left.append((path, "was changed since it was written"))
    gone = sorted(Path(name) for name in known if Path(name) not in wanted)
    lists = {name: tuple(files) for name, files in found.items()}
    return Planned(option, **lists, gone=tuple(gone), left=tuple(left))


def apply(planned: Planned, home: Path) -> None:
    """Do it. Raises Problem where something cannot be written or removed."""
    record = read(home)
    # An option is remembered even where there is no file yet: the proxy keeps it up to date from now on.
    mine = record.options.setdefault(planned.option, {})
    folders = [folder for path, _ in planned.new for folder in (path.parent, *path.parent.parents)]
    missing = [str(folder) for folder in dict.fromkeys(folders) if not folder.exists()]
    record.folders = list(dict.fromkeys([*record.folders, *missing]))
    # New files are remembered before they are there, changed ones after: a crash in between leaves each as one of ours.
    mine.update({str(path): _digest(data) for path, data in (*planned.new, *planned.same)})
    _store(record, home)
    for path, data in planned.new:
        if not _write_new(path, data):
            del mine[str(path)]
    for path, data in planned.changed:
        write_atomic(path, data)
        mine[str(path)] = _digest(data)
    for path in planned.gone:
        _remove(path, mine.pop(str(path), _FOREIGN))
    record.folders = _emptied(record.folders, within={path.parent for path in planned.gone})
    _store(record, home)


class Keeper:
    """Brings what `init` wrote up to date: called when the proxy starts, and once a minute while it runs."""

    def __init__(self, plugins: Any, home: Path, env: Mapping[str, str], log: Any) -> None:
        self._plugins = plugins
        self._home = home
        self._env = env
        self._log = log
        self._steps: dict[str, InitStep] | None = None

    def __call__(self) -> None:
        """Look, and write where something differs; costs next to nothing where `init` wrote no such files."""
        try:
            options = tuple(read(self._home).options)
            if options and self._steps is None:
                self._steps = steps_of(self._plugins)
            for option in options:
                step = (self._steps or {}).get(option)
                planned = None if step is None else plan(option, step.files(with_url(self._env)), self._home)
                if planned is not None and planned.changes:
                    apply(planned, self._home)
                    self._log.info("init_files_kept", option=option, new=len(planned.new), gone=len(planned.gone))
        except (OSError, Problem) as error:
            self._log.warning("init_files_unusable", reason=str(error))


def with_url(env: Mapping[str, str]) -> dict[str, str]:
    """The environment for steps, with the base URL that Codex is told to use where it is the proxy's."""
    url = codex_setup.configured_url(codex_setup.config_file(codex_home(env)))
    found = {name: value for name, value in env.items() if name != BASE_URL}
    return found if url is None or port_of_ours(url) is None else {**found, BASE_URL: url}


def steps_of(plugins: Any) -> dict[str, InitStep]:
    """The steps of loaded plugins, by option; the first of a name wins."""
    found: dict[str, InitStep] = {}
    for _, step in plugins.call_sync("add_init_steps"):
        found.setdefault(step.option, step)
    return found


def undo(home: Path) -> list[tuple[Path, bool]]:
    """Remove all that was written, for every option; each path with whether it is gone (False: was changed, stays)."""
    record = read(home)
    files = [(Path(name), digest) for kept in record.options.values() for name, digest in kept.items()]
    done = [(path, _remove(path, digest)) for path, digest in files]
    _emptied(record.folders)
    _store(Record(), home)
    return done


def read(home: Path) -> Record:
    """What was written so far. Raises Problem for a record that cannot be understood."""
    raw = read_private(_file(home)) if home.is_dir() else None
    if raw is None:
        return Record()
    try:
        stored: Any = json.loads(raw)
        options = {str(name): dict(kept) for name, kept in stored["options"].items()}
        return Record(options, [str(folder) for folder in stored["folders"]])
    except (ValueError, AttributeError, KeyError, TypeError):
        raise Problem(f"{_file(home)}: cannot be understood; move it away, then run the command again") from None


def _file(home: Path) -> Path:
    return home / "init-files.json"


def _store(record: Record, home: Path) -> None:
    if record.options:
        stored = {"options": record.options, "folders": record.folders}
        write_atomic(private_dir(home) / _file(home).name, json.dumps(stored, indent=1).encode())
    elif os.path.lexists(_file(home)):
        _file(home).unlink()


def _there(path: Path) -> str | None:
    """The digest of what is at a path, None for nothing; what is no plain file has no digest that we ever wrote."""
    if not os.path.lexists(path):
        return None
    if path.is_symlink():
        return _FOREIGN
    try:
        return _digest(read_regular(path, limit=_LIMIT))
    except OSError:
        return _FOREIGN


def _write_new(path: Path, data: bytes) -> bool:
    """Whether it was written: what somebody else put there meanwhile is theirs."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, _NEW, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise Problem(f"{path}: cannot be written ({error.strerror}); make {path.parent} writable") from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    return True


def _remove(path: Path, digest: str) -> bool:
    there = _there(path)
    if there is None:
        return True
    if there != digest or digest == _FOREIGN:
        return False
    try:
        path.unlink()
    except OSError as error:
        raise Problem(f"{path}: cannot be removed ({error.strerror}); remove it by hand") from error
    return True


def _emptied(folders: Iterable[str], *, within: set[Path] | None = None) -> list[str]:
    """The folders that stay; those that are empty now (of ``within``, or of all) are removed."""
    kept = []
    for name in sorted(folders, key=len, reverse=True):
        if within is None or Path(name) in within:
            with contextlib.suppress(OSError):
                Path(name).rmdir()
                continue
        kept.append(name)
    return kept[::-1]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
