"""One settings file's permissions, and whether it may grant any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from .command_pattern import CommandPattern, read_pattern
from .hosts import HostPattern, read_host_pattern
from .paths import PathPattern
from .rule import Rule, split_rules

_LISTS = ("allow", "ask", "deny")


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something a settings file says that has no effect, and why."""

    source: str
    key: str
    entry: str
    why: str

    def __str__(self) -> str:
        return f"{self.source}: permissions.{self.key}: {self.entry!r} is ignored: {self.why}"


@dataclass(frozen=True, slots=True)
class Layer:
    """The entries of one source, as they are written there.

    ``grants`` says whether its ``allow`` counts: a project that nobody approved can only narrow. ``enterprise`` marks
    the administrator's rules. ``root`` is the folder that a leading ``/`` of its paths means: the project, or the
    settings folder in the home directory.
    """

    source: str
    grants: bool
    allow: tuple[object, ...] = ()
    ask: tuple[object, ...] = ()
    deny: tuple[object, ...] = ()
    enterprise: bool = False
    root: PurePath | None = None
    others: tuple[tuple[str, object], ...] = ()
    """Keys that are no rules (``defaultMode``); they have no meaning here and are reported."""

    @classmethod
    def of(
        cls,
        permissions: object,
        source: str,
        *,
        grants: bool,
        enterprise: bool = False,
        root: PurePath | None = None,
    ) -> Layer:
        """The layer that a ``permissions`` object means; a list may also be one string, as in frontmatter."""
        given: Mapping[object, object] = permissions if isinstance(permissions, Mapping) else {}
        lists = {name: _entries(given.get(name)) for name in _LISTS}
        others = tuple((str(key), value) for key, value in given.items() if key not in _LISTS)
        if permissions is not None and not isinstance(permissions, Mapping):
            others = (("", permissions),)
        return cls(source, grants, **lists, enterprise=enterprise, root=root, others=others)


def _entries(given: object) -> tuple[object, ...]:
    if given is None:
        return ()
    if isinstance(given, str):
        return tuple(split_rules(given))
    return tuple(given) if isinstance(given, list | tuple) else (given,)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule with what its parentheses mean; None where it has none, or where they are compared as they are."""

    rule: Rule
    pattern: CommandPattern | PathPattern | HostPattern | None
    enterprise: bool


def compiled(rule: Rule, layer: Layer, home: PurePath | None) -> Compiled:
    """The rule, ready to be asked. Its text has been read before, so nothing is raised."""
    pattern: CommandPattern | PathPattern | HostPattern | None = None
    if rule.spec is not None:
        if rule.tool == "Bash":
            pattern = read_pattern(rule.spec)
        elif rule.tool in ("Read", "Edit"):
            pattern = PathPattern(rule.spec, root=layer.root, home=home)
        elif rule.tool == "WebFetch":
            pattern = read_host_pattern(rule.spec)
    return Compiled(rule, pattern, layer.enterprise)
