"""The text that ``apply_patch`` takes: which files it touches and how, and the same text with one of them changed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

_BEGIN, _END = "*** Begin Patch", "*** End Patch"
_FILE = re.compile(r"\*\*\* (Add|Update|Delete) File: (.+)")
_MOVE = "*** Move to: "
_EOF = "*** End of File"
_HEREDOC = re.compile(
    r"""\s*(?:cd\s+(?P<folder>[^\s;&|<>`$'"()]+)\s+&&\s+)?apply_patch\s*<<\s*(?P<quote>['"]?)(?P<word>\w+)(?P=quote)\n"""
    r"""(?P<patch>.*?)\n(?P=word)\s*""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Hunk:
    """One place of a file that is changed: the lines before and after, and the words behind its ``@@``."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    lines: tuple[str, ...]
    head: str = ""


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a patch does to one file. ``content`` are the lines of a new one; ``moved`` is its new name, if any."""

    kind: Literal["add", "update", "delete"]
    path: str
    content: tuple[str, ...] = ()
    hunks: tuple[Hunk, ...] = ()
    moved: str | None = None


def parse_patch(text: str) -> list[FileChange] | None:
    """The files of a patch in order; None for a text that is no patch."""
    lines = text.strip("\n").splitlines()
    begins = next((at for at, line in enumerate(lines) if line.strip() == _BEGIN), None)
    if begins is None:
        return None
    found: list[FileChange] = []
    body: list[str] = []
    for line in lines[begins + 1 :]:
        if line.strip() == _END:
            break
        # As Codex reads it: a heading may be indented, but not where the line could be a change's context.
        named = _FILE.match(line.rstrip() if found and found[-1].kind == "update" else line.strip())
        if named is None:
            body.append(line)
            continue
        _close(found, body)
        kind: Literal["add", "update", "delete"] = (
            "add" if named[1] == "Add" else "delete" if named[1] == "Delete" else "update"
        )
        found.append(FileChange(kind, named[2].strip()))
        body = []
    _close(found, body)
    return found or None


def _close(found: list[FileChange], body: list[str]) -> None:
    if not found:
        return
    last = found[-1]
    if last.kind == "add":
        found[-1] = replace(last, content=tuple(line[1:] for line in body if line.startswith("+")))
    elif last.kind == "update":
        moved = next((line[len(_MOVE) :].strip() for line in body[:1] if line.startswith(_MOVE)), None)
        found[-1] = replace(last, hunks=tuple(_hunks(body[1:] if moved else body)), moved=moved)


def _hunks(body: list[str]) -> list[Hunk]:
    found: list[tuple[str, list[str]]] = []
    for line in body:
        if line.startswith("@@") or not found:
            found.append((line if line.startswith("@@") else "", []))
        if not line.startswith("@@") and line.rstrip() != _EOF:
            found[-1][1].append(line)
    return [_hunk(head, lines) for head, lines in found if lines]


def _hunk(head: str, lines: list[str]) -> Hunk:
    # An empty line of the context often comes without its space.
    old = tuple(line[1:] for line in lines if not line.startswith("+"))
    new = tuple(line[1:] for line in lines if not line.startswith("-"))
    return Hunk(old, new, tuple(lines), head[2:].strip())


def patch_text(changes: list[FileChange]) -> str:
    """The patch that makes these changes."""
    lines = [_BEGIN]
    for change in changes:
        lines.append(f"*** {change.kind.title()} File: {change.path}")
        if change.moved is not None:
            lines.append(_MOVE + change.moved)
        lines += [f"+{line}" for line in change.content]
        for hunk in change.hunks:
            lines += [f"@@ {hunk.head}".rstrip(), *hunk.lines]
    return "\n".join([*lines, _END])


def edited(old: str, new: str) -> Hunk:
    """The hunk that puts one text in the place of another."""
    before, after = old.splitlines(), new.splitlines()
    lines = [*(f"-{line}" for line in before), *(f"+{line}" for line in after)]
    return Hunk(tuple(before), tuple(after), tuple(lines))


def in_shell(script: str) -> tuple[str, str] | None:
    """(folder, patch) where a shell script is only ``apply_patch`` with a here document, which Codex runs itself."""
    found = _HEREDOC.fullmatch(script)
    return None if found is None else (found["folder"] or "", found["patch"])
