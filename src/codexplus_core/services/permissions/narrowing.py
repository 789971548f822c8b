"""Whether a rule that denies or asks concerns a request: rather once too often."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .command_pattern import CommandPattern
from .hosts import HostPattern, host_of
from .layer import Compiled
from .paths import PathPattern, Place
from .programs import needs_exact, plain_name
from .request import EditFile, Fetch, McpTool, Other, ReadFile, Request
from .shell import Unclear, Understood
from .shell_mentions import base_name, mentioned

# What they are given is text to them.
_PRINTERS = frozenset(("echo", "printf", "true", "false", "notify-send"))
# Their plain words are names of scripts, branches and packages; only what looks like a path is a file.
_NAMERS = frozenset(("npm", "pnpm", "yarn", "cargo", "git", "make", "docker", "systemctl", "kill"))
_WRITERS_WORDS = """
    tee cp mv ln rm mkdir rmdir touch chmod chown chgrp dd truncate sed perl install unlink shred rsync patch ed ex
    scp sponge split tar unzip curl wget
"""
_WRITERS = frozenset(_WRITERS_WORDS.split())
_PIECES = re.compile(r"[=:@,]")
_GLUED = re.compile(r"-[A-Za-z](.+)")


def concerns(compiled: Compiled, request: Request, read: Understood | Unclear | None, *, denying: bool) -> bool:
    """Whether the rule is about the request. ``read`` is what its shell text means, None for other requests."""
    rule = compiled.rule
    if rule.tool == "*":
        return True
    if read is not None:
        return _about_commands(compiled, read, getattr(request, "cwd", ""))
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


def _about_commands(compiled: Compiled, read: Understood | Unclear, cwd: str) -> bool:
    rule, pattern = compiled.rule, compiled.pattern
    if rule.tool == "Bash":
        if not isinstance(pattern, CommandPattern):
            return True
        if isinstance(read, Unclear):
            return pattern.seen_among(read.programs_seen) and pattern.mentioned_in(read.words)
        return read.canonical == pattern.canonical or any(pattern.touches(argv) for argv in read.commands)
    if rule.tool not in ("Read", "Edit"):
        return False
    editing = rule.tool == "Edit"
    if not isinstance(pattern, PathPattern):
        return editing and isinstance(read, Understood) and bool(read.writes)
    names = {name for name in _files_in(read, editing=editing) if not pattern.cannot_mean(name)}
    return any(pattern.touches(Place(name, None, cwd)) for name in names)


def _files_in(read: Understood | Unclear, *, editing: bool) -> Iterator[str]:
    """The words that may name a file which the text reads or, when ``editing``, writes."""
    if isinstance(read, Unclear):
        yield from _names(read.words)
        return
    yield from (write.path for write in read.writes)
    for argv in read.commands:
        program = plain_name(argv[0])
        if program in _PRINTERS or (editing and not {program, base_name(argv[0])} & _WRITERS):
            continue
        if "/" in argv[0]:
            yield argv[0]
        words: Sequence[str] = argv[1:]
        if program in _NAMERS:
            words = [word for word in words if re.search(r"[/.\\]", word)]
        yield from _names(words)
        if needs_exact(argv):
            yield from _names(part for word in argv[1:] for part in mentioned(word))


def _names(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        glued = _GLUED.fullmatch(word)
        if glued is not None:
            yield glued[1]
        if not word.startswith("-"):
            yield word
        yield from (piece for piece in _PIECES.split(word)[1:] if piece)
        if _PIECES.search(word) and not word.startswith("-"):
            yield _PIECES.split(word)[0]
