"""All rules in force, and the one question they answer: allow, ask or deny."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath
from typing import Literal

from .calls import Asked
from .command_pattern import CommandPattern
from .forbidden import Forbidden
from .hosts import HostPattern, host_of
from .layer import Compiled, Ignored, Layer, compiled
from .narrowing import concerns, place_of
from .paths import PathPattern, odd_place
from .programs import everywhere_the_same, plain_name
from .reading import reading_of
from .request import (
    Argv,
    EditFile,
    Fetch,
    McpTool,
    Other,
    ReadFile,
    Request,
    ShellText,
    Verdict,
    WindowsText,
    length_of,
)
from .rule import BadRule, Rule, misspelt, read_deny, read_rule
from .shell import Unclear, Understood, canonical_of
from .shell_characters import odd_character

MOST_CHARACTERS = 64 * 1024
"""Characters of a command that are looked at, when some rule may deny it."""
MOST_RULES = 500
"""Denying, and asking, entries of a project's own that count; each costs every command a little."""
MOST_WORDS = 5000
"""Words of a command that are held against the rules; what takes long grows with them."""
REMEMBERED = 128
"""Commands of at most `REMEMBERED_CHARACTERS` whose verdict is remembered: a hook's is the same at every event."""
REMEMBERED_CHARACTERS = 1024


class RuleSet:
    """The rules of several layers. The order of the layers decides nothing: denying beats asking beats allowing.

    ``problems`` are the entries that are no rules; each loses only itself, a denying one only in part. Among them are
    those that ask or deny about a tool whose name may be misspelt; they count as written. ``ignored`` is what a layer
    says without effect. ``unclear`` is the answer to a shell text that cannot be taken apart. Nothing is looked up on
    disk; the home directory is ``home``. Values never change, so any thread may ask.
    """

    def __init__(
        self, layers: Iterable[Layer], *, home: PurePath | None = None, unclear: Literal["ask", "deny"] = "ask"
    ) -> None:
        problems: list[BadRule] = []
        ignored: list[Ignored] = []
        found: dict[str, list[Compiled]] = {"allow": [], "ask": [], "deny": []}
        for layer in _bounded(layers, ignored):
            for key, rule in _read(layer, problems, ignored):
                found[key].append(compiled(rule, layer, home))
        # The administrator's denial is the one to name where several apply.
        self._deny = tuple(sorted(found["deny"], key=lambda entry: not entry.enterprise))
        self._ask = tuple(found["ask"])
        # The narrower rule is the one to name: what allows everything says less about this.
        self._allow = tuple(sorted(found["allow"], key=lambda entry: entry.rule.spec is None))
        self._unclear = unclear
        self._verdicts: dict[Request, Verdict] = {}
        self.problems = tuple(problems)
        self.ignored = tuple(ignored)

    @property
    def rules(self) -> dict[str, tuple[Rule, ...]]:
        """The rules in force by what they do: ``deny``, ``ask``, ``allow``."""
        lists = {"deny": self._deny, "ask": self._ask, "allow": self._allow}
        return {name: tuple(entry.rule for entry in entries) for name, entries in lists.items()}

    def judge(self, request: Request) -> Verdict:
        """What the rules say about the request; without any rule for it, ask.

        A command with too much in it is not held against the rules: denied where a rule denies any command or file.
        """
        if not isinstance(request, Argv | ShellText) or length_of(request) > REMEMBERED_CHARACTERS:
            return self._judged(request)
        known = self._verdicts.get(request)
        if known is None:
            known = self._judged(request)
            if len(self._verdicts) >= REMEMBERED:
                self._verdicts.clear()
            self._verdicts[request] = known
        return known

    def _judged(self, request: Request) -> Verdict:
        much = _too_much(request)
        if much:
            return self._unjudged(much)
        read = reading_of(request)
        if isinstance(read, Unclear) and len(read.words) > MOST_WORDS:
            return self._unjudged(f"it holds more than {MOST_WORDS} different words")
        asked = None if read is None else Asked(read, getattr(request, "cwd", ""))
        writes = read.writes if isinstance(read, Understood) else ()
        canonical = read.canonical if isinstance(read, Understood) else None
        for entry in self._deny:
            if concerns(entry, request, asked, denying=True):
                who = "an administrator's rule" if entry.enterprise else "the rule"
                return Verdict("deny", entry.rule, f"denied by {who} {entry.rule}", None, writes)
        if isinstance(read, Unclear) and self._unclear == "deny" and not isinstance(request, WindowsText):
            return Verdict("deny", None, f"the command cannot be checked: {read.reason}")
        for entry in self._ask:
            if concerns(entry, request, asked, denying=False):
                return Verdict("ask", entry.rule, f"the rule {entry.rule} asks first", canonical, writes)
        rule, reason = self._allowed(request, read)
        if isinstance(request, WindowsText):
            canonical = request.text.strip() if rule is not None else None
        return Verdict("ask" if rule is None else "allow", rule, reason, canonical, writes)

    def unreadable(self, cwd: PurePath, real_cwd: PurePath) -> Forbidden | None:
        """The files that may not be read in a folder, also called ``real_cwd``; None where no rule is about reading."""
        return self._forbidden("Read", cwd, real_cwd)

    def unwritable(self, cwd: PurePath, real_cwd: PurePath) -> Forbidden | None:
        """The files that a rule for editing denies to change there; None where there is no such rule."""
        return self._forbidden("Edit", cwd, real_cwd)

    def _forbidden(self, tool: str, cwd: PurePath, real_cwd: PurePath) -> Forbidden | None:
        denied = [entry for entry in self._deny if entry.rule.tool in ("*", tool)]
        patterns = [entry.pattern if isinstance(entry.pattern, PathPattern) else None for entry in denied]
        return Forbidden(patterns, str(cwd), str(real_cwd)) if patterns else None

    def _unjudged(self, why: str) -> Verdict:
        """Any rule might be about it: to find out would take seconds, and whoever sends such a text knows that."""
        reason = f"the command cannot be checked: {why}"
        for entry in self._deny:
            if entry.rule.tool in ("*", "Bash", "Read", "Edit"):
                advice = "make it shorter, or put the long part into a file"
                return Verdict("deny", entry.rule, f"{reason}, but it may be one for the rule {entry.rule}; {advice}")
        return Verdict("deny" if self._unclear == "deny" else "ask", None, reason)

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
        used: list[Rule] = []
        moved = False
        for argv in read.commands:
            if moved and not everywhere_the_same(argv[0]):
                why = "after cd runs in another folder; only a rule with the whole line allows that"
                return None, f"{argv[0]} {why}"
            rule, reason = _covering(bash, argv, moved=moved)
            moved = moved or plain_name(argv[0]) in ("cd", "chdir")
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


def _bounded(layers: Iterable[Layer], ignored: list[Ignored]) -> Iterable[Layer]:
    """The layers, with no more than MOST_RULES entries of a kind from those that grant nothing, all together."""
    room = {"ask": MOST_RULES, "deny": MOST_RULES}
    full: set[str] = set()
    for layer in layers:
        if layer.grants or layer.enterprise:
            yield layer
            continue
        kept = {key: entries[: room[key]] for key, entries in (("ask", layer.ask), ("deny", layer.deny))}
        for key, entries in (("ask", layer.ask), ("deny", layer.deny)):
            if len(kept[key]) < len(entries) and key not in full:
                full.add(key)
                why = f"a project may have {MOST_RULES} of a kind: with more, judging a command takes long"
                ignored.append(Ignored(layer.source, key, str(entries[room[key]]), f"{why}; so are all that follow"))
            room[key] -= len(kept[key])
        yield replace(layer, ask=kept["ask"], deny=kept["deny"])


def _read(layer: Layer, problems: list[BadRule], ignored: list[Ignored]) -> Iterable[tuple[str, Rule]]:
    for key, value in layer.others:
        ignored.append(Ignored(layer.source, key, str(value), "it has no meaning here; only allow, ask and deny have"))
    for entry in layer.deny:
        denied, bad = read_deny(entry, f"{layer.source}: permissions.deny")
        if bad is not None:
            problems.append(bad)
        if denied is not None:
            yield "deny", denied
    for key, entries in (("ask", layer.ask), ("allow", layer.allow)):
        for entry in entries:
            if key == "allow" and not layer.grants:
                why = "a project may forbid, not allow, until you approve it"
                ignored.append(Ignored(layer.source, key, str(entry), why))
                continue
            try:
                rule = read_rule(entry, f"{layer.source}: permissions.{key}")
            except BadRule as bad:
                problems.append(bad)
                continue
            if key == "ask" and (doubt := misspelt(rule)) is not None:
                problems.append(doubt)
            yield key, rule


def _too_much(request: Request) -> str:
    """Why a command is not even read, empty for all others."""
    if isinstance(request, Argv) and len(request.argv) > MOST_WORDS:
        return f"it has more than {MOST_WORDS} arguments"
    long = isinstance(request, ShellText | WindowsText | Argv) and length_of(request) > MOST_CHARACTERS
    return f"it is longer than {MOST_CHARACTERS} characters" if long else ""


def _covering(bash: list[Compiled], argv: tuple[str, ...], *, moved: bool) -> tuple[Rule | None, str]:
    refused = ""
    for entry in bash:
        pattern = entry.pattern if isinstance(entry.pattern, CommandPattern) else CommandPattern("any")
        why = pattern.allows(argv, moved=moved)
        if why is None:
            return entry.rule, ""
        refused = refused or why
    shown = canonical_of(argv)
    if refused:
        return None, f"{shown!r}: {refused}; only a rule with the whole command allows that"
    return None, f"no rule allows {shown!r}"


def _exact(entry: Compiled) -> bool:
    return isinstance(entry.pattern, CommandPattern) and entry.pattern.kind == "exact"
