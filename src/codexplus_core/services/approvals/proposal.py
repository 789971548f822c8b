"""What a user is asked about: all that decides what would happen, and the digest that stands for it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

Scope = Literal["project", "user", "plugin"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Something that is to happen on the user's machine if the user allows it.

    ``kind`` is ``"run"``, ``"read"``, ``"connect"`` or a word of your own. ``title`` names the thing and stays the same
    when it changes (``"hook PreToolUse[0]"``, ``"MCP server github"``), so that a question can show what changed.
    ``source`` is the file that asks for it, ``source_digest`` the SHA-256 of that file's bytes, ``project`` the
    project's directory (None: it holds everywhere). ``text`` is the canonical command, or what it does in one line;
    ``argvs`` are the commands as they would be started, ``programs`` what their names mean here as (name, path,
    SHA-256), files of the project that they run among them. ``permissions`` are those declared, ``writes`` the places
    written to, ``env_names`` the variables handed over, ``timeout`` seconds. ``env`` are the variables whose values a
    project's settings say, as (name, value): ``settings.items("env")`` whose origin is not trusted; an environment can
    make a harmless command run another. ``notes`` are shown, no more.

    Raises ValueError for an empty title or text.
    """

    kind: str
    scope: Scope
    title: str
    source: str = ""
    source_digest: str = ""
    project: Path | None = None
    text: str = ""
    argvs: tuple[tuple[str, ...], ...] = ()
    programs: tuple[tuple[str, str, str], ...] = ()
    permissions: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    env_names: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    timeout: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.title.strip() or not self.text.strip():
            raise ValueError("Proposal: title and text are what the user reads; neither may be empty")


@dataclass(frozen=True, slots=True)
class Granted:
    """The user's yes to everything that was asked, by the digests of the proposals."""

    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something is allowed where nobody can be asked.

    ``message`` is one line for whoever wanted it: what is missing and how to allow it beforehand (``""`` where it is
    granted). ``id`` is what ``codex-plus approvals allow`` takes.
    """

    granted: bool
    message: str = ""
    id: str = ""


# Words for people: other ones make nothing else happen.
_WORDS = frozenset({"title", "notes"})


def digest(proposal: Proposal, *, real: str | None = None) -> str:
    """The SHA-256 over everything that decides what would happen; any change in it asks again.

    The project counts by its real path at this moment (``real``, where the caller has just looked): neither a copy of
    it nor a link that leads elsewhere today inherits an answer.
    """
    decides = {"v": 1, **{name: value for name, value in _plain(proposal, real).items() if name not in _WORDS}}
    for name in ("programs", "permissions", "writes", "env_names", "env"):
        # Sets by nature: their order decides nothing.
        decides[name] = sorted(decides[name])
    text = json.dumps(decides, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def dump(proposal: Proposal) -> bytes:
    """A proposal as it is kept, its project as the real path."""
    return json.dumps(_plain(proposal), separators=(",", ":"), ensure_ascii=True).encode("ascii")


def load(data: bytes) -> Proposal:
    """A kept proposal, of an older version, too. Raises ValueError, KeyError or TypeError for bytes that are none."""
    value: dict[str, Any] = json.loads(data)
    # One that was kept before a field came to be has nothing in it.
    for name in ("permissions", "writes", "env_names", "notes"):
        value[name] = tuple(value.get(name, ()))
    for name in ("argvs", "programs", "env"):
        value[name] = tuple(tuple(entry) for entry in value.get(name, ()))
    value["project"] = None if value["project"] is None else Path(value["project"])
    return Proposal(**value)


def _plain(proposal: Proposal, real: str | None = None) -> dict[str, Any]:
    value = {field.name: getattr(proposal, field.name) for field in fields(proposal)}
    value["source"] = str(proposal.source)
    value["project"] = None if proposal.project is None else real or os.path.realpath(proposal.project)
    value["timeout"] = None if proposal.timeout is None else float(proposal.timeout)
    return value
