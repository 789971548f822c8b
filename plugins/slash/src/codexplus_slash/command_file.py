"""A command that lies in a file: what its frontmatter says, its body, and where it comes from."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from codexplus_core import PackFile

from . import frontmatter
from .code_description import describe

LARGEST = 256 * 1024
"""Bytes of a command file."""
Scope = Literal["project", "user", "plugin"]
Kind = Literal["markdown", "skill", "javascript", "python", "module"]

_OPEN_FLAGS = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
) | getattr(os, "O_BINARY", 0)
_TEXT_KINDS = ("markdown", "skill")
_LONGEST_DESCRIPTION = 2000
_HEADING = re.compile(r"#+\s+(.+)")
_TOOL = re.compile(r"(?:[^\s,()]|\((?:[^()]|\([^()]*\))*\)|[()])+")
_ARGUMENT_NAME = re.compile(r"[^\s\d]\S*|\d+[^\s\d]\S*")


class CannotLoad(Exception):
    """A file that cannot be a command; the message says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that may be a command, as it was found; nothing of it has been read.

    ``root`` is the folder that the name counts from. ``within`` is the folder, without links on the way to it, that
    the file may not lie out of, None for what the user's own links may lead to. ``leave`` is True where Markdown
    outside may be linked to all the same. ``pack`` has the bytes of a file of a signed pack, which then are not read.
    """

    name: str
    path: Path
    root: Path
    scope: Scope
    kind: Kind
    label: str
    within: Path | None = None
    leave: bool = False
    base: Path | None = None
    plugin_root: Path | None = None
    pack: PackFile | None = None


@dataclass(frozen=True, slots=True)
class CommandFile:
    """A command as its file was read, once: ``digest`` is the SHA-256 of the very bytes that ``body`` came from.

    ``name`` is what is typed after the slash, ``aliases`` are further such names. ``path`` is the file as it was found,
    ``root`` the folder that its name counts from (``…/commands``, ``…/skills``). ``label`` is for listings:
    ``(project:frontend)``. ``body`` begins in line ``body_line`` of the file; of code it is the whole text. ``base`` is
    a skill's own folder and ``plugin_root`` a plugin's, None for others. ``problems`` are sentences about what was
    passed over in the file. ``pack`` is its file in a signed pack.
    """

    name: str
    path: Path
    root: Path
    scope: Scope
    kind: Kind
    label: str
    aliases: tuple[str, ...] = ()
    description: str = ""
    argument_hint: str = ""
    model: str = ""
    allowed_tools: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    user_invocable: bool = True
    disable_model_invocation: bool = False
    body: str = ""
    body_line: int = 1
    digest: str = ""
    problems: tuple[str, ...] = ()
    base: Path | None = None
    plugin_root: Path | None = None
    pack: PackFile | None = None


def load(source: Source) -> CommandFile:
    """Read a command file: a regular one, at most LARGEST bytes, all of it once. Raises CannotLoad."""
    data = _read(source) if source.pack is None else _vouched(source.pack)
    digest = hashlib.sha256(data).hexdigest()
    problems: list[str] = []
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        text = data.decode("utf-8", "replace")
        problems.append(f"it is no UTF-8 from byte {error.start} on; what is not was replaced")
    found = frontmatter.split(text) if source.kind in _TEXT_KINDS else frontmatter.Frontmatter({}, text, 1)
    values = found.values
    name = _text(values.get("name")) if source.kind == "skill" else ""
    command = CommandFile(
        name=source.name,
        path=source.path,
        root=source.root,
        scope=source.scope,
        kind=source.kind,
        label=source.label,
        aliases=(name,) if name and name != source.name else (),
        description=_description(source, found)[:_LONGEST_DESCRIPTION],
        argument_hint=_as_written(found, "argument-hint")[:_LONGEST_DESCRIPTION],
        model=_text(values.get("model")),
        allowed_tools=tuple(_tools(values.get("allowed-tools"))),
        arguments=tuple(_names(values.get("arguments"))),
        user_invocable=_truth(values.get("user-invocable"), default=True),
        disable_model_invocation=_truth(values.get("disable-model-invocation"), default=False),
        body=found.body,
        body_line=found.body_line,
        digest=digest,
        problems=(*problems, *found.problems),
        base=source.base,
        plugin_root=source.plugin_root,
        pack=source.pack,
    )
    return command if source.kind in _TEXT_KINDS else _as_code_says(command)


def _as_code_says(command: CommandFile) -> CommandFile:
    said = describe("javascript" if command.kind == "javascript" else "python", command.body)
    return replace(
        command, description=said.description, argument_hint=said.argument_hint, model=said.model,
        allowed_tools=said.allowed_tools, problems=(*command.problems, *said.problems),
    )  # fmt: skip


def _vouched(file: PackFile) -> bytes:
    if len(file.data) > LARGEST:
        raise CannotLoad(f"{file.file}: is larger than {LARGEST // 1024} KB, too large for a command")
    return file.data


def _read(source: Source) -> bytes:
    path = source.path
    try:
        # The path without links is what is checked and what is opened; the last part is not followed again.
        real = Path(os.path.realpath(path, strict=True))
        if source.within is not None and not real.is_relative_to(source.within):
            if not source.leave:
                raise CannotLoad(
                    f"{path}: leads out of {source.within}; put a copy there, or link to it from your home"
                )
            if real.suffix != path.suffix:
                raise CannotLoad(f"{path}: leads out of {source.within}, to what is no {path.suffix} file; remove it")
        descriptor = os.open(real, _OPEN_FLAGS)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise CannotLoad(f"{path}: is no regular file; remove it")
            if source.within is not None and _opened(descriptor, real) != real:
                raise CannotLoad(f"{path}: was changed while it was read; try again")
            data = file.read(LARGEST + 1)
    except OSError as error:
        why = "is a loop of links" if error.errno == errno.ELOOP else f"cannot be read ({error.strerror})"
        raise CannotLoad(f"{path}: {why}; make it readable, or remove it") from error
    if len(data) > LARGEST:
        raise CannotLoad(f"{path}: is larger than {LARGEST // 1024} KB, too large for a command; make it shorter")
    return data


def _opened(descriptor: int, real: Path) -> Path:
    """Where the file that is open lies: a folder on the way may have become a link since it was looked at."""
    if sys.platform != "linux":
        return real
    try:
        return Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:
        return real  # no /proc here


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _sound(str(value).strip()) if isinstance(value, str | int | float) else ""


def _sound(text: str) -> str:
    # An escape in YAML can write half a character, which nothing can send.
    return text.encode("utf-8", "replace").decode("utf-8")


def _as_written(found: frontmatter.Frontmatter, key: str) -> str:
    # `[file] ` is a list in YAML and a hint to people.
    value = found.values.get(key)
    return found.written.get(key, "") if isinstance(value, list | dict) else _text(value)


def _description(source: Source, found: frontmatter.Frontmatter) -> str:
    said = _as_written(found, "description")
    if said or source.kind not in _TEXT_KINDS:
        return said
    for line in found.body.splitlines():
        words = line.strip()
        if words:
            heading = _HEADING.fullmatch(words)
            first = heading[1] if heading else words
            return first if len(first) <= 100 else f"{first[:97]}..."
    return ""


def _tools(value: Any) -> Iterator[str]:
    """A text with commas or blanks between the rules, blanks inside of parentheses kept; or a list of such texts."""
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str):
            yield from _TOOL.findall(_sound(text))


def _names(value: Any) -> Iterator[str]:
    given = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    for name in given:
        # A number would be a position.
        if isinstance(name, str) and _ARGUMENT_NAME.fullmatch(name):
            yield _sound(name)


def _truth(value: Any, *, default: bool) -> bool:
    if value is None:
        return default
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")
