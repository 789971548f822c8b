"""One file's settings after judgement: what counts, what a fault costs, and what is not this file's to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from . import steps
from .expand import Expander, Missing, declared, why_undeclared, why_unset
from .origin import KeyPath, Notice, Origin, dotted
from .schema import DENY, Key
from .scope import variable_not_for_projects, word_not_for_projects
from .shapes import BAD, shown
from .sheet import Leaf, Means, Sheet, Tree, joined, leaf_at
from .stray import slip

NOTICES = 100
"""Of each kind that are kept for one file; a hostile one could bring a million."""
ALLOWED = 500
"""Entries of an allow list: each is held against those of every other layer."""
ONLY_ADMIN = "only the administrator's policy can set this"
"""Why a key of the administrator's has no effect anywhere else."""
# What a shell, or a matcher, reads by rules of its own; a hook's command finds the variables in its environment.
_HOOK_UNEXPANDED = frozenset({"command", "matcher", "if", "permissions", "prompt"})
_SERVER_UNEXPANDED = frozenset({"permissions"})


class Cleaner:
    """Judges the settings of one file."""

    def __init__(
        self,
        origin: Origin,
        line_of: Callable[[KeyPath], int | None],
        means: Means,
        *,
        only: tuple[str, ...] | None = None,
        untrusted_because: str = "",
    ) -> None:
        self.sheet = Sheet(origin)
        self._origin = origin
        self._line_of = line_of
        self._means = means
        self._only = only
        self._because = untrusted_because
        self._origins: dict[int | None, Origin] = {}

    def clean(self, data: Mapping[str, Any]) -> Sheet:
        """Take what counts of ``data``."""
        for name, value in data.items():
            if self._only is not None and name not in self._only:
                wrong = slip(name, value, self._only)
                if wrong is not None:
                    self._warn((name,), *wrong)
                else:
                    held = " and ".join(self._only)
                    self._ignore((name,), f"this file holds only {held}", "put it into settings.json")
                continue
            self._take(self.sheet.tree, (name,), value)
        rules = leaf_at(self.sheet.tree, DENY[1])
        if rules is not None:
            self._keep_deny(rules)
        return self.sheet

    def add_deny(self, rules: list[str]) -> None:
        """Add deny rules that were recovered from a broken file."""
        if rules:
            items = tuple(Leaf(rule, rule, self._origin) for rule in rules)
            self._keep_deny(Leaf(rules, rules, self._origin, items=items))

    # -- one key

    def _take(self, into: Tree, path: tuple[str, ...], value: Any) -> None:
        schema = self._means.schema
        key = schema.find(path)
        if self._reads_like_another(key, path):
            return
        section = schema.is_section(path)
        if not section and self._is_stray(key, path):
            near = get_close_matches(path[-1], schema.names_below(path[:-1]), n=1, cutoff=0.6)
            todo = f"did you mean {near[0]}?" if near else "remove it, or correct its name"
            self._warn(path, "is no key that is known, and what it means would not be enforced", todo)
            return
        if key is not None and key.name == "security.**" and len(path) == 2 and not section and self._origin.trusted:
            near = get_close_matches(path[-1], schema.names_below(path[:-1]), n=1, cutoff=0.6)
            todo = f"did you mean {near[0]}?" if near else "nothing reads it; remove it, or correct its name"
            self._warn(path, "is no key that is known", todo, fault=False)
        below = key is not None and key.name.endswith("**") and isinstance(value, dict)
        # Even an empty object would hide what the user has there.
        if key is not None and (not below or (not section and key.project == "no" and not self._origin.trusted)):
            self._known(into, key, path, value)
        elif section or below:
            self._section(into, path, value)
        else:
            self._unknown(into, path, value)

    def _is_stray(self, key: Key | None, path: tuple[str, ...]) -> bool:
        """Whether a policy says what nobody enforces: a slip in the name of a rule must not lose the rule."""
        if self._origin.layer != "enterprise" or len(path) < 2 or not self._means.schema.is_section(path[:-1]):
            return False
        return key is None or key.name == "security.**"

    def _reads_like_another(self, key: Key | None, path: tuple[str, ...]) -> bool:
        """Drop ``"permissions.deny"``: one name in the file, and in a dotted key the same as what it imitates."""
        if not steps.splits(path[-1]) or (key is not None and key.names_are_free):
            return False
        if steps.names(dotted(path))[:1] not in self._means.schema.beginnings:
            return False
        what, todo = (
            "is a single name with a dot or bracket in it, not a key in a section",
            "write it as nested objects",
        )
        if self._origin.trusted:
            self._warn(path, what, f"{todo}; it does not count")
        else:
            self._ignore(path, what, todo)
        return True

    def _section(self, into: Tree, path: tuple[str, ...], value: Any) -> None:
        if not isinstance(value, dict):
            self._warn(path, f"expected an object, got {shown(value)}", "write it as an object; it does not count")
            return
        inner: Tree = {}
        for name, item in value.items():
            self._take(inner, (*path, name), item)
        if inner or not value:
            into[path[-1]] = inner

    def _unknown(self, into: Tree, path: tuple[str, ...], value: Any) -> None:
        if not self._origin.trusted:
            word = word_not_for_projects(path[-1])
            if word:
                self._ignore(path, f"{self._who()} cannot set what is called {word!r}")
                return
        if len(path) == 1 and self._is_ours() and len(self.sheet.warnings) < NOTICES:
            near = get_close_matches(path[0], self._means.schema.top, n=1, cutoff=0.8)
            if near:
                self._warn(path, "is no key that is known", f"did you mean {near[0]}?")
        if isinstance(value, dict):
            inner: Tree = {}
            for name, item in value.items():
                self._unknown(inner, (*path, name), item)
            if inner or not value:
                into[path[-1]] = inner
            return
        into[path[-1]] = self._leaf(path, value, value)

    def _known(self, into: Tree, key: Key, path: tuple[str, ...], value: Any) -> None:
        if key.only is not None and self._origin.layer not in key.only:
            self._ignore(path, ONLY_ADMIN, "leave it to the administrator")
            return
        if not self._origin.trusted and not self._may(key, path, value):
            return
        leaf = self._list(key, path, value) if key.listed else self._single(key, path, value)
        if leaf is None:
            # Named by somebody, it is missed by that name.
            if key.names_are_free and len(self.sheet.unusable) < NOTICES:
                self.sheet.unusable.append((path, Leaf(value, value, self._at(path))))
            return
        into[path[-1]] = leaf

    def _may(self, key: Key, path: tuple[str, ...], value: Any) -> bool:
        if key.project == "no":
            if key.name == "permissions.allow" and not self._because and isinstance(value, list):
                rules = [each for each in value if isinstance(each, str)]
                self.sheet.withheld += [Leaf(rule, rule, self._at(path)) for rule in rules[:ALLOWED]]
            self._ignore(path, key.why if not self._because else f"this file {self._because}")
        elif key.name == "env.*" and variable_not_for_projects(path[-1]):
            self._ignore(path, f"{self._who()} cannot set this variable: it decides what runs or where requests go")
        elif key.merge == "any" and value is False:
            self._ignore(path, f"{self._who()} can only switch this on")
        else:
            return True
        return False

    def _single(self, key: Key, path: tuple[str, ...], value: Any) -> Leaf | None:
        checked = key.check(value)
        self._complain(path, checked.complaints)
        if checked.value is BAD:
            return None
        return self._expanded(key, path, checked.value)

    def _list(self, key: Key, path: tuple[str, ...], value: Any) -> Leaf | None:
        rescue = key.name in DENY
        if not isinstance(value, list):
            self._warn(path, f"expected a list, got {shown(value)}", "write it in square brackets")
            value = [value] if rescue else None
        if value is None:
            return None
        items: list[Leaf] = []
        # Fewer entries of what is allowed are never too many; those of what is denied all count.
        for number, item in enumerate(value[:ALLOWED] if key.merge == "restrict" else value):
            where: KeyPath = (*path, number)
            checked = key.check(_as_rule(item) if rescue else item)
            self._complain(where, checked.complaints)
            leaf = None if checked.value is BAD else self._expanded(key, where, checked.value)
            if leaf is not None:
                items.append(leaf)
        return self._leaf(path, [item.value for item in items], [item.written for item in items], items=tuple(items))

    # -- variables

    def _expanded(self, key: Key, path: KeyPath, value: Any) -> Leaf | None:
        # Claude Code 2.1 replaces nothing in the environment of a settings file, so its profile does not either.
        if not key.expands or (self._means.literal and key.name == "env.*"):
            return self._leaf(path, value, value)
        if key.name == "hooks.*" and isinstance(value.get("hooks"), list):
            kept: list[tuple[Any, Any]] = []
            reads: tuple[str, ...] = ()
            for number, hook in enumerate(value["hooks"]):
                leaf = self._replaced((*path, "hooks", number), hook, _HOOK_UNEXPANDED)
                if leaf is not None:
                    kept.append((leaf.value, hook))
                    reads = (*reads, *leaf.reads)
            if not kept and value["hooks"]:
                return None
            made, written = [hook for hook, _ in kept], [hook for _, hook in kept]
            return self._leaf(path, {**value, "hooks": made}, {**value, "hooks": written}, reads=reads)
        skip = {"hooks.*": _HOOK_UNEXPANDED, "mcpServers.*": _SERVER_UNEXPANDED}.get(key.name, frozenset())
        return self._replaced(path, value, skip)

    def _replaced(self, path: KeyPath, value: Any, skip: frozenset[str]) -> Leaf | None:
        names = None if self._origin.trusted else declared(value)
        means = self._means
        expander = Expander(means.env, declared=names, always=means.always, literal=means.literal)
        try:
            made = expander.value(value, skip=skip)
        except Missing as missing:
            name = str(missing)
            undeclared = names is not None and name not in names
            wrong = why_undeclared(name, self._who(), means.env) if undeclared else why_unset(name)
            self._warn(path, *wrong, fault=False)
            return None
        return self._leaf(path, made, value, reads=tuple(expander.reads))

    def _keep_deny(self, leaf: Leaf) -> None:
        before = leaf_at(self.sheet.tree, DENY[0])
        section = self.sheet.tree.setdefault("permissions", {})
        if isinstance(section, dict):
            section["deny"] = leaf if before is None else joined(before, leaf)

    # -- saying so

    def _is_ours(self) -> bool:
        """Whether an unknown key is likely a slip: Claude Code has many that mean nothing here."""
        return self._origin.file is not None and self._origin.file.parent.name != ".claude"

    def _who(self) -> str:
        return "a project" if not self._because else "a file that others can write"

    def _leaf(
        self,
        path: KeyPath,
        value: Any,
        written: Any,
        *,
        reads: tuple[str, ...] = (),
        items: tuple[Leaf, ...] | None = None,
    ) -> Leaf:
        if items is None and isinstance(value, list):
            items = tuple(self._leaf((*path, number), item, item) for number, item in enumerate(value))
        return Leaf(value, written, self._at(path), tuple(dict.fromkeys(reads)), items)

    def _at(self, path: KeyPath) -> Origin:
        origin = self._origin
        # What is missing has no line of its own; what it is missing in has.
        lines = (self._line_of(path[:depth]) for depth in range(len(path), 0, -1))
        line = next((line for line in lines if line is not None), None)
        known = self._origins.get(line)
        if known is None:
            known = self._origins[line] = Origin(origin.layer, origin.file, line, origin.root, origin.trusted)
        return known

    def _complain(self, path: KeyPath, complaints: tuple[tuple[KeyPath, str], ...]) -> None:
        for where, what in complaints:
            self._warn((*path, *where), what, "correct it; the entry does not count")

    def _warn(self, path: KeyPath, what: str, todo: str, *, fault: bool = True) -> None:
        self.sheet.faulty = self.sheet.faulty or fault
        if len(self.sheet.warnings) < NOTICES:
            self.sheet.warnings.append(Notice(self._at(path), dotted(path), what, todo))

    def _ignore(self, path: KeyPath, why: str, todo: str = "set it in your own settings.json") -> None:
        if len(self.sheet.ignored) < NOTICES:
            self.sheet.ignored.append(Notice(self._at(path), dotted(path), why, todo))


def _as_rule(item: Any) -> Any:
    """A deny rule that YAML took for a mapping: ``- Bash(rm: *)``."""
    if isinstance(item, dict) and len(item) == 1:
        name, rest = next(iter(item.items()))
        return f"{name}: {rest}" if isinstance(rest, str) else name
    return item
