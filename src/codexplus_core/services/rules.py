"""The permission rules that settings files hold, and the service that answers by them: ``core.permissions``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..exchange import Session
from .config import Config, Notice, Origin, Settings
from .permissions.forbidden import Forbidden
from .permissions.layer import Layer
from .permissions.request import Argv, EditFile, ReadFile, Request, ShellText, Verdict, WindowsText, length_of
from .permissions.ruleset import RuleSet
from .reviewed import ReviewedRules

PROJECTS = 64
"""Projects whose rules are remembered."""
ASKED_ABOUT = 256
"""Rules that `Permissions.concerns` was asked about and that are kept ready."""
AT_ONCE = 4096
"""Characters of a command that may be judged on the event loop."""
_LISTS = ("allow", "ask", "deny")
_PLACED = ShellText | WindowsText | Argv | ReadFile | EditFile


def rules_for(
    settings: Settings, *, home: Path | None = None, granted: Sequence[str] = (), reviewed: bool = False
) -> RuleSet:
    """The rules in force where these settings count. ``home`` is what ``~/`` in a rule means.

    ``granted`` are further entries that allow, such as a command's ``allowed-tools``; where only the administrator's
    count they do not. ``reviewed`` says that the user has said yes to what the project allows.
    """
    only_managed = settings.get("allowManagedPermissionRulesOnly", False) is True
    replaced = _replaced_servers(settings)
    found: dict[Origin, dict[str, list[object]]] = {}
    for name in _LISTS:
        for item in settings.items(f"permissions.{name}"):
            if only_managed and item.origin.layer != "enterprise" and name == "allow":
                continue
            if name == "allow" and _is_about(item.value, replaced):
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
    if reviewed and not only_managed:
        rules = (item for item in settings.withheld if not _is_about(item.value, replaced))
        layers += [Layer(str(item.origin), True, (item.value,), root=item.origin.root) for item in rules]
    if granted and not only_managed:
        layers.append(Layer("granted", True, tuple(granted)))
    return RuleSet(layers, home=home)


def rule_notices(settings: Settings, *, within: str = "") -> list[Notice]:
    """The entries that are no rules, and those that do not count; with ``within`` those of this key or section."""
    rules = rules_for(settings)
    origins = {str(item.origin): item.origin for name in _LISTS for item in settings.items(f"permissions.{name}")}
    found = []
    for bad in rules.problems:
        place, _, key = bad.source.rpartition(": ")
        found.append(Notice(origins[place], key, bad.why))
    for entry in rules.ignored:
        found.append(
            Notice(origins[entry.source], f"permissions.{entry.key}", f"{entry.entry!r} is ignored", entry.why)
        )
    return [each for each in found if not within or f"{each.key}.".startswith(f"{within}.")]


def _replaced_servers(settings: Settings) -> frozenset[str]:
    """Servers of the user's own in whose place a repository has put others: what was allowed of those is not theirs."""
    return frozenset(
        f"mcp__{server.key.removeprefix('mcpServers.')}".casefold()
        for server in settings.items("mcpServers")
        if not server.origin.trusted and any(other.origin.trusted for other in server.overrides)
    )


def _is_about(rule: object, servers: frozenset[str]) -> bool:
    named = rule.casefold() if isinstance(rule, str) else ""
    return any(named.startswith((f"{server}__", f"{server}(")) or named.rstrip("_") == server for server in servers)


async def judged(rules: RuleSet, request: Request) -> Verdict:
    """What the rules say about the request, in a thread where it is a long command."""
    if length_of(request) <= AT_ONCE:
        return rules.judge(request)
    return await asyncio.to_thread(rules.judge, request)


class Permissions:
    """What the rules of the settings files say; the files are looked at again when they change.

    Nothing is run, opened or asked here: the verdict says ``allow``, ``ask`` or ``deny``, and why.
    """

    def __init__(self, config: Config, *, home: Path | None = None, reviewed: ReviewedRules | None = None) -> None:
        self._config = config
        self._home = home
        self._reviewed = ReviewedRules(None) if reviewed is None else reviewed
        self._rules: dict[tuple[Path | None, tuple[str, ...]], tuple[tuple[int, bool], RuleSet]] = {}
        self._alone: dict[str, RuleSet] = {}
        self._forbidden: dict[Path | None, tuple[RuleSet, str, tuple[Forbidden | None, Forbidden | None]]] = {}

    def rules(self, project: Path | None, granted: Sequence[str] = ()) -> RuleSet:
        """The rules that count in a project, None for the user's alone; ``granted`` as in `rules_for`."""
        settings = self._config.for_project(project)
        key = (project, tuple(granted))
        reviewed = self._reviewed.count(settings)
        state = (settings.generation, reviewed)
        known = self._rules.get(key)
        if known is not None and known[0] == state:
            return known[1]
        found = rules_for(settings, home=self._home, granted=granted, reviewed=reviewed)
        self._rules.pop(key, None)
        self._rules[key] = (state, found)
        while len(self._rules) > PROJECTS:
            self._rules.pop(next(iter(self._rules)))
        return found

    def judge(self, request: Request, *, session: Session | None = None, granted: Sequence[str] = ()) -> Verdict:
        """What the rules say about a request of a session: its project's rules and the user's, or the user's alone.

        A request that does not say where it would happen happens in the session's working directory. ``granted`` are
        rules that allow in this one case, such as the ``allowed-tools`` of a command whose file may grant them; no
        deny or ask rule yields to them.
        """
        return self._rules_of(session, granted).judge(_placed(request, session))

    async def decide(self, request: Request, *, session: Session | None = None, granted: Sequence[str] = ()) -> Verdict:
        """What ``judge`` says; a long command is judged in a thread, so that nobody else waits for it."""
        return await judged(self._rules_of(session, granted), _placed(request, session))

    def concerns(self, rule: str, request: Request, *, session: Session | None = None) -> bool:
        """Whether a rule is about a request, or about any part of it: the look that a deny rule takes, for other ends.

        The rules of the settings files do not count. What cannot be taken apart is looked through for what it may do,
        and an entry that is no rule is about all that can be read in it.
        """
        return self._asked_about(rule).judge(_placed(request, session)).decision == "deny"

    def forbidden(self, project: Path | None) -> tuple[Forbidden | None, Forbidden | None]:
        """What rules deny to read in a project and what to change, for looking for it; None where none does."""
        cwd = project or Path("/")
        rules, real = self.rules(project), os.path.realpath(cwd)
        known = self._forbidden.get(project)
        if known is None or known[0] is not rules or known[1] != real:
            found = rules.unreadable(cwd, Path(real)), rules.unwritable(cwd, Path(real))
            if len(self._forbidden) >= PROJECTS:
                self._forbidden.clear()
            known = self._forbidden[project] = (rules, real, found)
        return known[2]

    def _rules_of(self, session: Session | None, granted: Sequence[str]) -> RuleSet:
        return self.rules(None if session is None else session.cwd, granted)

    def _asked_about(self, rule: str) -> RuleSet:
        """A rule by itself, whatever the settings are."""
        known = self._alone.get(rule)
        if known is None:
            known = RuleSet([Layer("asked about", True, deny=(rule,))], home=self._home)
            if len(self._alone) >= ASKED_ABOUT:
                self._alone.clear()
            self._alone[rule] = known
        return known

    def of_files(self, project: Path | None) -> Callable[[str, str], Verdict]:
        """A judge of files that are read in a project: by the name that was written, and by the real one.

        Without a project it goes by the user's rules alone.
        """
        rules, cwd = self.rules(project), str(project or "/")
        real = os.path.realpath(cwd)

        def judge(written: str, real_path: str) -> Verdict:
            return rules.judge(ReadFile(written, real_path, cwd, real))

        return judge


def _placed(request: Request, session: Session | None) -> Request:
    """The request, in the session's working directory where it does not say where it would happen."""
    project = None if session is None else session.cwd
    if project is not None and isinstance(request, _PLACED) and not request.cwd:
        return replace(request, cwd=str(project))
    return request
