"""The configuration: settings of every layer, for each project, read again when a file changes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .cleaning import Cleaner
from .documents import Document, Shelf
from .managed import Imposed, Managed
from .merging import Merger
from .origin import LAYERS, Notice, Origin, Value, dotted
from .overview import listing
from .places import Place, parent_places, project_places, server_places, user_places
from .policy import PolicyPlace
from .schema import Schema
from .settings import File, Settings
from .sheet import Means, Sheet

EVERY_S = 0.5
"""How long files are taken to be as they were."""
PROJECTS = 64
"""Projects whose settings are remembered."""


@dataclass(slots=True)
class _View:
    settings: Settings
    documents: tuple[object, ...]
    until: float  # when its files are to be looked at again


class Config(Mapping[str, Any]):
    """Settings of the administrator, the command line, a project and the user, in this order of weight.

    ``home`` is the user's home directory; None reads no file at all, for tests. ``cli_overrides`` is what the command
    line sets, in the shape of a settings file. ``env`` moves the user's folders (``CODEX_PLUS_HOME``,
    ``CLAUDE_CONFIG_DIR``, ``CODEX_HOME``) and is what ``${VAR}`` reads. ``policy`` is where the administrator's policy
    lies. ``served`` is what ``serve`` was told (``host``, ``port``, ``upstream``): ``config["port"]``.

    As a mapping it is the user-level view: ``served``, then the settings without any project. Nothing watches the
    files: when asked, and at most every ``every_s`` seconds, it looks whether one has changed.

    Raises BadPolicy for a policy that cannot be relied on. One that becomes so later stays as it was, and
    ``policy_problem`` says what is wrong.
    """

    def __init__(
        self,
        home: Path | None,
        cli_overrides: Mapping[str, Any] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        policy: PolicyPlace | None = None,
        served: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        every_s: float = EVERY_S,
    ) -> None:
        self._home = home
        self._env: Mapping[str, str] = MappingProxyType(dict(env or {}))
        self._overrides = dict(cli_overrides or {})
        self._served = dict(served or {})
        self._clock = clock
        self._every_s = every_s
        self._schema = Schema()
        self._shelf = Shelf()
        self._managed = Managed(policy, self._schema, self._env)
        self._imposed = Imposed(self._schema, self._env)
        self._views: dict[Path | None, _View] = {}
        self._users: tuple[Place, ...] | None = None
        self.generation = 0

    # -- views

    @property
    def user(self) -> Settings:
        """The settings without any project."""
        view = self._views.get(None)
        if view is not None and self._clock() < view.until:
            return view.settings  # as below, without another call: every request asks several times
        return self.for_project(None)

    def for_project(self, cwd: Path | None) -> Settings:
        """The settings that count in a session's working directory, None for the user's alone.

        Only that directory itself is looked into, and its parents for ``.mcp.json``, whose servers can only ask. Their
        settings do not count, up to the root of the repository or at all: Claude Code 2.1 ignores them too, and
        whoever owns a directory above must not decide below.
        """
        now = self._clock()
        view = self._views.get(cwd)
        if view is not None and now < view.until:
            return view.settings
        project, remarks = self._project(cwd)
        places = self._places(project)
        found = self._shelf.documents(places)
        identity = (project, self._managed.look(), self._imposed.sheet, *found)
        if view is not None and view.documents == identity:
            view.until = now + self._every_s
            return view.settings
        self.generation += 1
        settings = self._settings(project, found, remarks)
        # The one that was asked for last goes to the end; the front has been without a change for longest.
        self._views.pop(cwd, None)
        self._views[cwd] = _View(settings, identity, now + self._every_s)
        self._forget()
        return settings

    def overview(self, project: Path | None) -> dict[str, Any]:
        """All settings that count in a project, to be shown: what ``codex-plus config list --json`` prints.

        ``settings`` has a row for each: ``key``, ``value`` as written and without secrets, ``layer``, ``file``,
        ``line``, ``trusted``, and where they are: ``asks`` (a repository's, asked about first), ``overrides`` (what it
        hides), ``parts`` (members of a list, each with its origin), ``reads`` (variables). ``ignored``, ``warnings``
        and ``remarks`` are rows with ``key``, ``text`` and ``fix``; ``files`` the files that are there.
        """
        return listing(self.for_project(project))

    @property
    def administrators(self) -> Settings:
        """What the administrator's policy says by itself, without anybody's own settings."""
        policies = [sheet for sheet in (self._managed.look(), self._imposed.sheet) if sheet is not None]
        return Settings(
            Merger(self._schema).merge([sheet.tree for sheet in policies]),
            schema=self._schema,
            warnings=_told_once(notice for sheet in policies for notice in sheet.warnings),
            ignored=[notice for sheet in policies for notice in sheet.ignored],
            generation=self.generation,
        )

    @property
    def has_policy(self) -> bool:
        """Whether there is a policy of the administrator."""
        return self._managed.look() is not None or self._imposed.sheet is not None

    def impose(self, data: bytes | None, file: Path) -> None:
        """Count ``data``, a policy in YAML, as the administrator's, below the policy's own file; None: no longer.

        It is for the plugin that fetches such a policy and has verified it: nothing is checked here but what it says.
        ``file`` is where it is kept, for messages. Raises BadPolicy where it cannot be relied on; what was imposed
        before stays then.
        """
        before = self._imposed.sheet
        self._imposed.take(data, file)
        if self._imposed.sheet is not before:
            # At once, not when the files are looked at the next time.
            for view in self._views.values():
                view.until = -math.inf

    @property
    def policy_problem(self) -> str:
        """Why the policy's file cannot be relied on since it changed, ``""`` if it can."""
        self._managed.look()
        return self._managed.problem

    def _project(self, cwd: Path | None) -> tuple[Path | None, list[Notice]]:
        if cwd is None or self._home is None:
            return None, []
        project, home = _real(cwd), _real(self._home)
        if project != home:
            return project, []
        what = "is your home directory: the settings in it are yours, no project's are read"
        return None, [Notice(Origin("user", cwd), "", what)]

    def _places(self, project: Path | None) -> tuple[Place, ...]:
        if self._home is None:
            return ()
        users = self._users
        if users is None:
            users = (*user_places(self._home, self._env), *server_places(self._home, self._env, None))
            self._users = users
        if project is None:
            return users
        # The user's own local servers come before those of files that a repository could have brought.
        own, home = server_places(self._home, self._env, project), _real(self._home)
        return (*own, *project_places(project), *parent_places(project, home), *users)

    def _forget(self) -> None:
        while len(self._views) > PROJECTS:
            self._views.pop(next(iter(self._views)))
            projects = [view.settings.project for view in self._views.values()]
            self._shelf.keep_only({place for project in projects for place in self._places(project)})

    # -- building one

    def _settings(self, project: Path | None, documents: tuple[Document, ...], remarks: list[Notice]) -> Settings:
        literal = self._profile(documents) == "claude-code"
        always = {"CLAUDE_PROJECT_DIR": str(project)} if project is not None and not literal else {}
        means = Means(self._schema, self._env, always, literal=literal)
        policies = [sheet for sheet in (self._managed.sheet, self._imposed.sheet) if sheet is not None]
        sheets = [*policies, self._command_line(means), *(_sheet(document, means) for document in documents)]
        merger = Merger(self._schema)
        by_weight = sorted(sheets, key=lambda sheet: LAYERS.index(sheet.origin.layer))
        values = merger.merge([sheet.tree for sheet in by_weight])
        return Settings(
            values,
            schema=self._schema,
            project=project,
            warnings=_told_once(notice for sheet in by_weight for notice in sheet.warnings),
            ignored=[*(notice for sheet in by_weight for notice in sheet.ignored), *merger.narrowed],
            remarks=remarks,
            withheld=[
                Value("permissions.allow", leaf.value, leaf.origin, written=leaf.written)
                for sheet in by_weight
                for leaf in sheet.withheld
                if sheet.origin.layer in ("project", "local")
            ],
            unusable=[
                Value(dotted(path), leaf.value, leaf.origin, written=leaf.written)
                for sheet in by_weight
                for path, leaf in sheet.unusable
            ],
            files=[*self._managed.files(), *(_file(document) for document in documents)],
            generation=self.generation,
        )

    def _command_line(self, means: Means) -> Sheet:
        return Cleaner(Origin("command line"), lambda _: None, means).clean(self._overrides)

    def _profile(self, documents: tuple[Document, ...]) -> str:
        """The compatibility profile, which decides how variables are read and so is looked up before anything else."""
        own = [doc.parsed.data for doc in documents if doc.parsed and not doc.because and doc.place.layer == "user"]
        said = [data.get("compatibility") for data in (self._managed.data, self._overrides, *own)]
        return next((word for word in said if word in ("default", "claude-code")), "default")

    # -- the user-level view as a mapping

    def __getitem__(self, key: str) -> Any:
        if key in self._served:
            return self._served[key]
        found = self.user.value(key)
        if found is None:
            raise KeyError(key)
        return self.user.get(key)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._served, *self.user.keys())))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path.absolute()


def _told_once(notices: Iterable[Notice]) -> list[Notice]:
    """A file that is read for two layers, as the user's ``mcp.json`` is, is broken once."""
    return list({str(notice): notice for notice in notices}.values())


def _trusted(document: Document) -> bool:
    return not document.place.of_project and not document.because


def _file(document: Document) -> File:
    return File(document.place.path, document.place.layer, document.state, _trusted(document))


def _sheet(document: Document, means: Means) -> Sheet:
    place = document.place
    origin = Origin(place.layer, place.path, root=place.root, trusted=_trusted(document))
    lines = document.parsed.lines if document.parsed is not None else {}
    cleaner = Cleaner(origin, lines.get, means, only=place.only, untrusted_because=document.because)
    sheet = cleaner.clean(document.parsed.data if document.parsed is not None else {})
    cleaner.add_deny(list(document.rescued))
    if document.problem:
        sheet.warnings.insert(0, Notice(origin, "", document.problem, document.todo))
    if document.because:
        todo = f"run: chmod go-w {place.root} {place.path}; until then it counts like a project's"
        sheet.warnings.insert(0, Notice(origin, "", f"{document.because}, or its folder does", todo))
    return sheet
