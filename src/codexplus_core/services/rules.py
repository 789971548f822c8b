"""The permission rules that settings files hold, and the service that answers by them: ``core.permissions``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..exchange import Session
from .config import Config, Origin, Settings
from .permissions.layer import Layer
from .permissions.request import Argv, EditFile, ReadFile, Request, ShellText, Verdict, WindowsText
from .permissions.ruleset import RuleSet

PROJECTS = 64
"""Projects whose rules are remembered."""
_LISTS = ("allow", "ask", "deny")
_PLACED = ShellText | WindowsText | Argv | ReadFile | EditFile


def rules_for(settings: Settings, *, home: Path | None = None) -> RuleSet:
    """The rules in force where these settings count. ``home`` is what ``~/`` in a rule means."""
    only_managed = settings.get("allowManagedPermissionRulesOnly", False) is True
    found: dict[Origin, dict[str, list[object]]] = {}
    for name in _LISTS:
        for item in settings.items(f"permissions.{name}"):
            if only_managed and item.origin.layer != "enterprise" and name == "allow":
                continue
            found.setdefault(item.origin, {}).setdefault(name, []).append(item.value)
    layers = [
        Layer(
            str(origin),
            origin.trusted,
            tuple(lists.get("allow", ())),
            tuple(lists.get("ask", ())),
            tuple(lists.get("deny", ())),
            enterprise=origin.layer == "enterprise",
            root=origin.root,
        )
        for origin, lists in found.items()
    ]
    return RuleSet(layers, home=home)


class Permissions:
    """What the rules of the settings files say; the files are looked at again when they change.

    Nothing is run, opened or asked here: the verdict says ``allow``, ``ask`` or ``deny``, and why.
    """

    def __init__(self, config: Config, *, home: Path | None = None) -> None:
        self._config = config
        self._home = home
        self._rules: dict[Path | None, tuple[int, RuleSet]] = {}

    def rules(self, project: Path | None) -> RuleSet:
        """The rules that count in a project, None for the user's alone."""
        settings = self._config.for_project(project)
        known = self._rules.get(project)
        if known is not None and known[0] == settings.generation:
            return known[1]
        found = rules_for(settings, home=self._home)
        self._rules.pop(project, None)
        self._rules[project] = (settings.generation, found)
        while len(self._rules) > PROJECTS:
            self._rules.pop(next(iter(self._rules)))
        return found

    def judge(self, request: Request, *, session: Session | None = None) -> Verdict:
        """What the rules say about a request of a session: its project's rules and the user's, or the user's alone.

        A request that does not say where it would happen happens in the session's working directory.
        """
        project = None if session is None else session.cwd
        if project is not None and isinstance(request, _PLACED) and not request.cwd:
            request = replace(request, cwd=str(project))
        return self.rules(project).judge(request)

    def of_files(self, project: Path) -> Callable[[str, str], Verdict]:
        """A judge of files that are read in a project: by the name that was written, and by the real one."""
        rules, real = self.rules(project), os.path.realpath(project)

        def judge(written: str, real_path: str) -> Verdict:
            return rules.judge(ReadFile(written, real_path, str(project), real))

        return judge
