"""One permission rule as settings files write it: ``Bash(git status:*)``, ``Read(./.env)``, ``mcp__github``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from ..problem import Problem
from .command_pattern import read_pattern
from .hosts import read_host_pattern
from .paths import PathPattern
from .shell_words import Odd

PATH_TOOLS = {"Read": "Read", "Edit": "Edit", "Write": "Edit", "MultiEdit": "Edit", "NotebookEdit": "Edit"}
"""The tools whose rules name files, and the one that stands for each."""

_KNOWN = ("Bash", *PATH_TOOLS, "WebFetch")
# Claude Code's others, of which rules know no more than the name.
_OTHERS = (
    "Agent", "AskUserQuestion", "BashOutput", "ExitPlanMode", "Glob", "Grep", "KillShell", "LS", "NotebookRead",
    "PowerShell", "Skill", "SlashCommand", "Task", "TodoWrite", "WebSearch",
)  # fmt: skip
_NEAR = 0.75  # two letters of "Edti" have changed places
_SHAPE = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*(?:\*)?)(?:\((.*)\))?", re.DOTALL)
_TOOL = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.-]*)")
_MCP = re.compile(r"mcp__[A-Za-z0-9_.-]*?[A-Za-z0-9.-](?:__(?:\*|[A-Za-z0-9_.-]+))?")
_ASSIGNMENTS = re.compile(r"^(?:\w+=\S*\s+)+")
_WORD = re.compile(r"[A-Za-z0-9_./+-]+")


class BadRule(Problem):
    """An entry that is no rule: where it stands (``source``), what is wrong with it and what to write (``why``)."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"{source}: {why}")
        self.source = source
        self.why = why


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. ``tool`` is Bash, Read, Edit, WebFetch, an MCP name or another tool, ``*`` for all of them.

    ``spec`` is what stands in the parentheses, None without any. ``text`` is the entry as it was written, ``source``
    the file and key that it comes from.
    """

    tool: str
    spec: str | None
    text: str
    source: str

    def __str__(self) -> str:
        return f"{self.text} ({self.source})"


def read_rule(text: object, source: str) -> Rule:
    """The rule that an entry of a settings file means. Raises BadRule."""
    if not isinstance(text, str):
        raise BadRule(source, f'{text!r} is no text; write a rule such as "Bash(git status:*)"')
    entry = text.strip()
    found = _SHAPE.fullmatch(entry)
    if found is None:
        raise BadRule(source, f"{entry!r} is no rule; write Tool or Tool(what), such as Bash(git status:*)")
    tool, spec = found.groups()
    for known in _KNOWN:
        if tool.casefold() == known.casefold() and tool != known:
            raise BadRule(source, f"{entry!r}: there is no tool {tool!r}; write {known!r}")
    try:
        return _checked(tool, spec, entry, source)
    except (Odd, ValueError) as error:
        raise BadRule(source, f"{entry!r}: {error}; {_advice(tool)}") from None


def _checked(tool: str, spec: str | None, entry: str, source: str) -> Rule:
    if tool.endswith("*") and not tool.startswith("mcp__"):
        raise ValueError("a wildcard in a tool's name means nothing")
    if tool.startswith("mcp__"):
        if spec is not None:
            raise ValueError("MCP tools take no parentheses")
        if not _MCP.fullmatch(tool):
            raise ValueError("it is no MCP name")
        return Rule(tool.removesuffix("__*"), None, entry, source)
    if spec is not None and not spec.strip():
        raise ValueError("the parentheses are empty")
    if spec is None:
        return Rule(PATH_TOOLS.get(tool, tool), None, entry, source)
    if tool == "Bash":
        pattern = read_pattern(spec)
        return Rule(tool, None if pattern.kind == "any" else spec.strip(), entry, source)
    if tool in PATH_TOOLS:
        PathPattern(spec)
        return Rule(PATH_TOOLS[tool], spec.strip(), entry, source)
    if tool == "WebFetch":
        read_host_pattern(spec)
        return Rule(tool, spec.strip(), entry, source)
    return Rule(tool, None if spec.strip() == "*" else spec.strip(), entry, source)


def _advice(tool: str) -> str:
    if tool == "Bash":
        return "write a plain command, or its beginning and :*, such as Bash(npm run build) or Bash(git log:*)"
    if tool.startswith("mcp__"):
        return "write mcp__server, mcp__server__tool or mcp__server__*"
    if tool == "WebFetch":
        return "write WebFetch(domain:example.com)"
    return f"write {tool} or {tool}(what)"


def read_deny(text: object, source: str) -> tuple[Rule | None, BadRule | None]:
    """A denying entry: a bad one becomes the widest denial that the readable part of it names, and is reported.

    Only an entry without any tool in it denies nothing. What is misspelt, perhaps, is taken as it is and reported.
    """
    try:
        rule = read_rule(text, source)
        return rule, misspelt(rule)
    except BadRule as bad:
        widest = _widest(text.strip(), source) if isinstance(text, str) else None
        what = f"taken for {_shown(widest)}" if widest is not None else "it denies nothing"
        return widest, BadRule(source, f"{bad.why} (until then {what})")


def is_known(tool: str) -> bool:
    """Whether a rule about this tool can mean anything: a tool of Claude Code's, of an MCP server, or all of them."""
    return tool.startswith("mcp__") or tool in (*_KNOWN, *_OTHERS, "*")


def misspelt(rule: Rule) -> BadRule | None:
    """What to say of a tool that nobody knows and whose name is close to one that is; it may be somebody's own."""
    if is_known(rule.tool):
        return None
    names = {name.casefold(): name for name in (*_KNOWN, *_OTHERS)}
    near = get_close_matches(rule.tool.casefold(), names, n=1, cutoff=_NEAR)
    meant = names[near[0]] if near else "mcp__…" if rule.tool.casefold().startswith("mcp_") else ""
    if not meant:
        return None
    what = f"no tool {rule.tool!r} is known, so it holds for none that is"
    return BadRule(rule.source, f"{rule.text!r}: {what}; write {meant!r} if that is meant")


def _shown(rule: Rule) -> str:
    return rule.tool if rule.spec is None else f"{rule.tool}({rule.spec})"


def _widest(entry: str, source: str) -> Rule | None:
    if entry.startswith("*"):
        return Rule("*", None, entry, source)
    found = _TOOL.match(entry)
    if found is None:
        return None
    tool = found[1]
    tool = next((known for known in _KNOWN if known.casefold() == tool.casefold()), tool)
    rest = entry[found.end() :].strip().removeprefix("(").strip()
    if tool.startswith("mcp__"):
        server = tool.removeprefix("mcp__").partition("__")[0].rstrip("_")
        return Rule(f"mcp__{server}" if server else "mcp__", None, entry, source)
    if tool == "Bash":
        # The corrected spelling may be all that was missing; else the program alone, with any arguments.
        words = _WORD.findall(_ASSIGNMENTS.sub("", re.sub(r"['\"\\]", "", rest)))
        for spec in (rest.removesuffix(")"), f"{words[0]}:*" if words else ""):
            try:
                pattern = read_pattern(spec)
            except Odd:
                continue
            return Rule(tool, None if pattern.kind == "any" else spec, entry, source)
        return Rule(tool, None, entry, source)
    if tool in PATH_TOOLS:
        try:
            PathPattern(rest.removesuffix(")"))
        except ValueError:
            return Rule(PATH_TOOLS[tool], None, entry, source)
        return Rule(PATH_TOOLS[tool], rest.removesuffix(")").strip(), entry, source)
    return Rule(tool, None, entry, source)


def split_rules(text: str) -> list[str]:
    """The entries of a list that is written in one string, parted by commas or blanks outside parentheses."""
    entries: list[str] = []
    current: list[str] = []
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")" and depth > 0)
        if depth == 0 and (character == "," or character.isspace()):
            entries.append("".join(current))
            current.clear()
        else:
            current.append(character)
    entries.append("".join(current))
    return [entry for entry in entries if entry]
