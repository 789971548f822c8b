"""Whether a rule that denies or asks concerns a request: rather once too often."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .calls import Asked
from .command_pattern import CommandPattern
from .hosts import HostPattern, host_of
from .layer import Compiled
from .paths import PathPattern, Place
from .request import EditFile, Fetch, McpTool, Other, ReadFile, Request
from .shell import Unclear, Understood
from .shell_mentions import base_name

_FETCHERS = frozenset(("curl", "wget", "xh", "aria2c", "lynx", "w3m", "links", "elinks", "lwp-request"))
# HTTPie's two programs; elsewhere in a line these words are the beginning of an address.
_HTTPIE = frozenset(("http", "https"))
_URLS = re.compile(r"[\s'\"=,<>]+")


def concerns(compiled: Compiled, request: Request, asked: Asked | None, *, denying: bool) -> bool:
    """Whether the rule is about the request. ``asked`` is the command line of one that has any."""
    rule = compiled.rule
    if rule.tool == "*":
        return True
    if asked is not None:
        return _about_commands(compiled, asked)
    if isinstance(request, ReadFile):
        return rule.tool == "Read" and _about_file(compiled, place_of(request))
    if isinstance(request, EditFile):
        # What may not be read may not be replaced either (Claude Code 2.1.329 has it so).
        covered = rule.tool == "Edit" or (denying and rule.tool == "Read" and compiled.pattern is not None)
        return covered and _about_file(compiled, place_of(request))
    if isinstance(request, McpTool):
        joined = f"mcp__{request.server}__{request.tool}".casefold()
        named = rule.tool.casefold()
        return named == joined or (named.startswith("mcp__") and joined.startswith(named.rstrip("_") + "__"))
    if isinstance(request, Fetch):
        pattern = compiled.pattern
        if rule.tool != "WebFetch":
            return False
        return not isinstance(pattern, HostPattern) or pattern.touches(host_of(request.url), request.url)
    return isinstance(request, Other) and _about_other(compiled, request)


def _about_other(compiled: Compiled, request: Other) -> bool:
    rule = compiled.rule
    if rule.tool.casefold() != request.tool.casefold():
        return False
    return rule.spec is None or rule.spec.casefold() == request.text.strip().casefold()


def place_of(request: ReadFile | EditFile) -> Place:
    """The file as path rules see it."""
    return Place(request.written, request.real, request.cwd, request.real_cwd)


def _about_file(compiled: Compiled, place: Place) -> bool:
    return not isinstance(compiled.pattern, PathPattern) or compiled.pattern.touches(place)


def _about_commands(compiled: Compiled, asked: Asked) -> bool:
    rule, pattern, read = compiled.rule, compiled.pattern, asked.read
    if rule.tool == "Bash":
        if not isinstance(pattern, CommandPattern):
            return True
        if isinstance(read, Unclear):
            return pattern.mentioned_in(asked.words)
        return read.canonical == pattern.canonical or any(map(pattern.touches, asked.calls))
    if rule.tool == "WebFetch":
        return isinstance(pattern, HostPattern) and any(_leads_to(pattern, url) for url in _fetched(asked))
    if rule.tool not in ("Read", "Edit"):
        return False
    editing = rule.tool == "Edit"
    if not isinstance(pattern, PathPattern):
        return editing and isinstance(read, Understood) and bool(read.writes)
    return (asked.files.editing if editing else asked.files.reading).meet(pattern)


def _fetched(asked: Asked) -> Iterator[str]:
    """The words that may be addresses for a program that fetches them."""
    if isinstance(asked.read, Unclear):
        if not _FETCHERS.isdisjoint(asked.read.programs_seen):
            yield from _addresses(asked.read.words)
        return
    for call in asked.calls:
        if base_name(call.argv[0]) in _FETCHERS | _HTTPIE:
            yield from _addresses(call.argv[1:])
        elif not call.harmless and not _FETCHERS.isdisjoint(map(base_name, call.arguments.words)):
            yield from _addresses(call.arguments.words)


def _addresses(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        yield from (part for part in (word, *_URLS.split(word)) if part and not part.startswith("-"))


def _leads_to(pattern: HostPattern, word: str) -> bool:
    url = word if "://" in word else f"http://{word}"
    return bool(pattern.name) and pattern.touches(host_of(url), url)
