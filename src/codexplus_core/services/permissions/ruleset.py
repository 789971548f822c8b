"""All rules in force, and the one question they answer: allow, ask or deny."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Literal

from .command_pattern import CommandPattern
from .hosts import HostPattern, host_of
from .layer import Compiled, Ignored, Layer, compiled
from .narrowing import concerns, place_of
from .paths import PathPattern, odd_place
from .programs import plain_name
from .request import Argv, EditFile, Fetch, McpTool, Other, ReadFile, Request, ShellText, Verdict, WindowsText
from .rule import BadRule, Rule, read_deny, read_rule
from .shell import Unclear, Understood, canonical_of, read_shell, unclear
from .shell_characters import odd_character
from .shell_mentions import mentioned


class RuleSet:
    """The rules of several layers. The order of the layers decides nothing: denying beats asking beats allowing.

    ``problems`` are the entries that are no rules; each loses only itself, a denying one only in part. ``ignored`` is
    what a layer says without effect. ``unclear`` is the answer to a shell text that cannot be taken apart. Nothing is
    looked up on disk; the home directory is ``home``. Values never change, so any thread may ask.
    """

    def __init__(
        self, layers: Iterable[Layer], *, home: PurePath | None = None, unclear: Literal["ask", "deny"] = "ask"
    ) -> None:
        problems: list[BadRule] = []
        ignored: list[Ignored] = []
        found: dict[str, list[Compiled]] = {"allow": [], "ask": [], "deny": []}
        for layer in layers:
            for key, rule in _read(layer, problems, ignored):
                found[key].append(compiled(rule, layer, home))
        # The administrator's denial is the one to name where several apply.
        self._deny = tuple(sorted(found["deny"], key=lambda entry: not entry.enterprise))
        self._ask = tuple(found["ask"])
        # The narrower rule is the one to name: what allows everything says less about this.
        self._allow = tuple(sorted(found["allow"], key=lambda entry: entry.rule.spec is None))
        self._unclear = unclear
        self.problems = tuple(problems)
        self.ignored = tuple(ignored)

    @property
    def rules(self) -> dict[str, tuple[Rule, ...]]:
        """The rules in force by what they do: ``deny``, ``ask``, ``allow``."""
        lists = {"deny": self._deny, "ask": self._ask, "allow": self._allow}
        return {name: tuple(entry.rule for entry in entries) for name, entries in lists.items()}

    def judge(self, request: Request) -> Verdict:
        """What the rules say about the request; without any rule for it, ask."""
        read = _reading(request)
        writes = read.writes if isinstance(read, Understood) else ()
        canonical = read.canonical if isinstance(read, Understood) else None
        for entry in self._deny:
            if concerns(entry, request, read, denying=True):
                who = "an administrator's rule" if entry.enterprise else "the rule"
                return Verdict("deny", entry.rule, f"denied by {who} {entry.rule}", None, writes)
        if isinstance(read, Unclear) and self._unclear == "deny" and not isinstance(request, WindowsText):
            return Verdict("deny", None, f"the command cannot be checked: {read.reason}")
        for entry in self._ask:
            if concerns(entry, request, read, denying=False):
                return Verdict("ask", entry.rule, f"the rule {entry.rule} asks first", canonical, writes)
        rule, reason = self._allowed(request, read)
        if isinstance(request, WindowsText):
            canonical = request.text.strip() if rule is not None else None
        return Verdict("ask" if rule is None else "allow", rule, reason, canonical, writes)

    def _allowed(self, request: Request, read: Understood | Unclear | None) -> tuple[Rule | None, str]:
        if isinstance(request, WindowsText):
            return self._windows(request)
        if isinstance(read, Unclear):
            return None, f"the command cannot be checked: {read.reason}"
        if isinstance(read, Understood):
            return self._commands(read)
        if isinstance(request, ReadFile | EditFile):
            return self._file(request)
        if isinstance(request, Fetch):
            return self._url(request)
        return self._named(request)

    def _commands(self, read: Understood) -> tuple[Rule | None, str]:
        bash = [entry for entry in self._allow if entry.rule.tool == "Bash"]
        for entry in bash:
            if isinstance(entry.pattern, CommandPattern) and entry.pattern.canonical == read.canonical:
                return entry.rule, f"allowed as a whole by the rule {entry.rule}"
        if read.writes:
            paths = ", ".join(write.path for write in read.writes)
            return None, f"it writes {paths}; only a rule with the whole command allows that"
        moved = _moved(read)
        if moved:
            return None, moved
        used: list[Rule] = []
        for argv in read.commands:
            rule, reason = _covering(bash, argv)
            if rule is None:
                return None, reason
            used.append(rule)
        return used[0], "allowed by " + ", ".join(dict.fromkeys(f"the rule {rule}" for rule in used))

    def _windows(self, request: WindowsText) -> tuple[Rule | None, str]:
        text = request.text.strip()
        why = odd_character(text) or ("it has more than one line" if "\n" in text else "")
        if why:
            return None, f"the command cannot be checked: {why}"
        for entry in self._allow:
            if entry.rule.tool == "Bash" and entry.rule.spec == text and _exact(entry):
                return entry.rule, f"allowed by the rule {entry.rule}"
        return None, "only a rule with exactly this text allows a Windows command"

    def _file(self, request: ReadFile | EditFile) -> tuple[Rule | None, str]:
        tool = "Read" if isinstance(request, ReadFile) else "Edit"
        place = place_of(request)
        odd = odd_place(place)
        if odd:
            return None, f"{tool}({request.written}) cannot be checked: {odd}"
        for entry in self._allow:
            covered = entry.rule.tool == tool
            if covered and (not isinstance(entry.pattern, PathPattern) or entry.pattern.allows(place)):
                return entry.rule, f"allowed by the rule {entry.rule}"
        return None, f"no rule allows {tool}({request.written})"

    def _url(self, request: Fetch) -> tuple[Rule | None, str]:
        host = host_of(request.url)
        if host.odd:
            return None, f"the address cannot be checked: {host.odd}"
        for entry in self._allow:
            if entry.rule.tool != "WebFetch":
                continue
            if not isinstance(entry.pattern, HostPattern) or entry.pattern.allows(host):
                return entry.rule, f"allowed by the rule {entry.rule}"
        return None, f"no rule allows WebFetch(domain:{host.name})"

    def _named(self, request: Request) -> tuple[Rule | None, str]:
        if isinstance(request, McpTool):
            # A double underscore in a server's name would let one server pass for another.
            plain = "__" not in request.server and not request.server.endswith("_")
            names = {f"mcp__{request.server}", f"mcp__{request.server}__{request.tool}"} if plain else set()
            wanted, spec = f"mcp__{request.server}__{request.tool}", ""
        elif isinstance(request, Other):
            names, wanted, spec = {request.tool}, request.tool, request.text
        else:
            return None, "it is no command"
        for entry in self._allow:
            if entry.rule.tool in names and entry.rule.spec in (None, spec):
                return entry.rule, f"allowed by the rule {entry.rule}"
        return None, f"no rule allows {wanted}" + (f"({spec})" if spec else "")


def _read(layer: Layer, problems: list[BadRule], ignored: list[Ignored]) -> Iterable[tuple[str, Rule]]:
    for key, value in layer.others:
        ignored.append(Ignored(layer.source, key, str(value), "it has no meaning here; only allow, ask and deny have"))
    for number, entry in enumerate(layer.deny):
        denied, bad = read_deny(entry, f"{layer.source}: permissions.deny[{number}]")
        if bad is not None:
            problems.append(bad)
        if denied is not None:
            yield "deny", denied
    for key, entries in (("ask", layer.ask), ("allow", layer.allow)):
        for number, entry in enumerate(entries):
            if key == "allow" and not layer.grants:
                why = "a project may forbid, not allow, until you approve it"
                ignored.append(Ignored(layer.source, key, str(entry), why))
                continue
            try:
                yield key, read_rule(entry, f"{layer.source}: permissions.{key}[{number}]")
            except BadRule as bad:
                problems.append(bad)


def _reading(request: Request) -> Understood | Unclear | None:
    if isinstance(request, ShellText):
        return read_shell(request.text)
    if isinstance(request, WindowsText):
        return unclear("it is for cmd", mentioned(request.text))
    if not isinstance(request, Argv):
        return None
    why = next(filter(None, map(odd_character, request.argv)), "") if request.argv else "it is empty"
    if why or not request.argv[0]:
        words = (part for word in request.argv for part in (word, *mentioned(word)))
        return unclear(why or "it names no program", words)
    return Understood((request.argv,), (), canonical_of(request.argv))


def _covering(bash: list[Compiled], argv: tuple[str, ...]) -> tuple[Rule | None, str]:
    refused = ""
    for entry in bash:
        pattern = entry.pattern if isinstance(entry.pattern, CommandPattern) else CommandPattern("any")
        why = pattern.allows(argv)
        if why is None:
            return entry.rule, ""
        refused = refused or why
    shown = canonical_of(argv)
    if refused:
        return None, f"{shown!r}: {refused}; only a rule with the whole command allows that"
    return None, f"no rule allows {shown!r}"


def _exact(entry: Compiled) -> bool:
    return isinstance(entry.pattern, CommandPattern) and entry.pattern.kind == "exact"


def _moved(read: Understood) -> str:
    """Why what follows a change of folder is not what its rule meant; empty when nothing of the kind is there."""
    names = [plain_name(argv[0]) for argv in read.commands]
    if not {"cd", "chdir"} & set(names):
        return ""
    for argv, name in zip(read.commands, names, strict=True):
        if name == "git" or ("/" in argv[0] and not argv[0].startswith("/")):
            return f"{argv[0]} after cd runs in another folder; only a rule with the whole command allows that"
    return ""
