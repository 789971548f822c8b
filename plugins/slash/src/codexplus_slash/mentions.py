"""Files that a prompt mentions with ``@``: found in the text, read through the one door, put before the prompt.

The mention stays where it is. What is attached is worded as Claude Code 2.1 words it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from codexplus_core import ActionDenied, AskFirst, CannotOpen, Core, Granted, Opened, Proposal, Session

from .notebook import cells_of
from .whitespace import SPACE

TOO_LARGE = 100_000
"""Bytes of a file that is not attached any more: 25,000 tokens of four bytes, as in Claude Code."""
MOST = 50
"""Files that one prompt attaches."""
_LOOKED_AT = 10_000
_LONGEST = 4096

_MENTION = re.compile(rf'@(?<![^{SPACE}]@)(?:"([^"\n]+)"|([^{SPACE}"@][^{SPACE}]*))')
_LINES = re.compile(r"L(\d{1,9})(?:-(\d{1,9}))?\Z", re.ASCII)
_PATH_LIKE = re.compile(r"[/.]")
# `@server:uri`, a resource of an MCP server.
_RESOURCE = re.compile(r"[^/]+:[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention: the path as it was written, and the lines that are meant, both included (0: all)."""

    path: str
    first: int = 0
    last: int = 0

    @property
    def is_a_path(self) -> bool:
        """Whether it can only mean a file, and not a person, a decorator or a resource of a server."""
        return bool(_PATH_LIKE.search(self.path) or " " in self.path) and not _RESOURCE.match(self.path)


@dataclass(frozen=True, slots=True)
class Attachment:
    """What is put before the prompt: a text, or an image with its bytes."""

    text: str
    image: bytes = b""
    media_type: str = ""


def mentions_in(text: str, skip: Sequence[tuple[int, int]] = ()) -> list[Mention]:
    """The files that a text mentions, in order, each once; what begins within a span of ``skip`` is none."""
    if "@" not in text:
        return []
    found: dict[Mention, None] = {}
    for match in islice(_MENTION.finditer(text), _LOOKED_AT):
        if any(start <= match.start() < end for start, end in skip):
            continue
        mention = _mention(match[1] or _without_tail(match[2]))
        # `@agent-NAME` is Claude Code's way to call an agent, which Codex has not.
        if 0 < len(mention.path) <= _LONGEST and not (mention.path.startswith("agent-") and not mention.is_a_path):
            found[mention] = None
    return list(found)


def _without_tail(word: str) -> str:
    """A word without what ends a sentence: that ends no name."""
    end = len(word)
    while end and not (word[end - 1].isalnum() or word[end - 1] in "_/"):
        end -= 1
    return word[:end]


def _mention(written: str) -> Mention:
    path, _, fragment = written.partition("#")
    lines = _LINES.match(fragment)
    if lines is None:
        return Mention(path)
    first = int(lines[1])
    return Mention(path, first, int(lines[2]) if lines[2] else first)


@dataclass(frozen=True, slots=True)
class Attached:
    """What was attached, and ``asks``, the questions about files that a rule wants a yes for.

    ``missed`` says of each file that was not attached why, for the user.
    """

    attachments: tuple[Attachment, ...] = ()
    asks: tuple[Proposal, ...] = ()
    missed: tuple[str, ...] = ()


async def attach_files(
    core: Core,
    session: Session,
    mentions: Sequence[Mention],
    *,
    source: str,
    notes: bool,
    granted: Granted | None = None,
) -> Attached:
    """What the mentioned files hold, in order. A file that is not read is left out; with ``notes`` one says which.

    Files outside the project are read only where a rule of the user's names them, and nothing that a rule denies.
    ``granted`` is the yes to what an earlier call asked.
    """
    cwd = session.cwd
    if cwd is None or not mentions:
        return Attached()
    found: list[Attachment] = []
    asks: list[Proposal] = []
    missed: list[str] = []
    known: set[tuple[str, int, int]] = set()
    for mention in mentions[:MOST]:
        place = place_of(mention, cwd)
        if (place, mention.first, mention.last) in known:
            continue
        known.add((place, mention.first, mention.last))
        try:
            found += await _read(core, session, mention, place, source, granted)
        except (CannotOpen, ActionDenied) as problem:
            asks += [problem.proposal] if isinstance(problem, AskFirst) else []
            if notes and mention.is_a_path:
                missed.append(f"Not attached: {problem}")
                found.append(_reminder(missed[-1]))
    if notes and len(mentions) > MOST:
        missed.append(f"Only the first {MOST} of {len(mentions)} mentioned files are attached.")
        found.append(_reminder(missed[-1]))
    return Attached(tuple(found), tuple(asks), tuple(missed))


def place_of(mention: Mention, cwd: Path) -> str:
    """The absolute path that a mention means, links not followed."""
    written = f"{Path.home()}{mention.path[1:]}" if mention.path.startswith("~/") else mention.path
    return os.path.normpath(cwd / written)


def numbered(text: str, first: int = 0, last: int = 0) -> str:
    """The lines of a text with their numbers; a warning where there are none."""
    lines = text.replace("\r\n", "\n").split("\n")
    if not text:
        return "<system-reminder>Warning: the file exists but the contents are empty.</system-reminder>"
    shown = lines[max(first, 1) - 1 : last] if first or last else lines
    if not shown:
        return (
            "<system-reminder>Warning: the file exists but is shorter than the provided offset"
            f" ({first}). The file has {len(lines)} lines.</system-reminder>"
        )
    return "\n".join(f"{number}\t{line}" for number, line in enumerate(shown, start=max(first, 1)))


async def _read(
    core: Core, session: Session, mention: Mention, place: str, source: str, granted: Granted | None
) -> list[Attachment]:
    try:
        opened = await core.files.open(mention.path, session=session, source=source, granted=granted)
    except CannotOpen as problem:
        # Only the one who has looked knows that it is a folder.
        try:
            listing = await core.files.list(mention.path, session=session, source=source, granted=granted)
        except CannotOpen:
            raise problem from None
        names = "\n".join(name.rstrip("/") for name in listing.names)
        return _called("Bash", {"command": f"ls {place}", "description": f"Lists files in {place}"}, names)
    return _shown(opened, mention, place)


def _shown(opened: Opened, mention: Mention, place: str) -> list[Attachment]:
    asked = {"file_path": place}
    if opened.kind == "image":
        return [_reminder(_call("Read", asked)), Attachment("", opened.data, opened.media_type)]
    text = opened.text()
    if mention.first == 0 and len(opened.data) >= TOO_LARGE:
        raise CannotOpen(f"{mention.path}: larger than {TOO_LARGE - 1} bytes; name lines of it, such as #L1-200")
    cells = cells_of(text) if place.endswith(".ipynb") else None
    shown = numbered(text, mention.first, mention.last) if cells is None else cells
    if len(shown) > 2 * TOO_LARGE:
        raise CannotOpen(f"{mention.path}: these lines are too large; name fewer of them")
    return _called("Read", asked, shown)


def _called(tool: str, asked: Mapping[str, str], result: str) -> list[Attachment]:
    return [_reminder(_call(tool, asked)), _reminder(f"Result of calling the {tool} tool:\n{result}")]


def _call(tool: str, asked: Mapping[str, str]) -> str:
    words = json.dumps(asked, ensure_ascii=False, separators=(",", ":"))
    return f"Called the {tool} tool with the following input: {words}"


def _reminder(text: str) -> Attachment:
    return Attachment(f"<system-reminder>\n{text}\n</system-reminder>")
