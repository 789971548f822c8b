"""One hook as it stands in a settings file or a folder, and one run of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from codexplus_core import PackFile, permission_fault

Shape = Literal["nested", "flat", "python"]
Scope = Literal["user", "project", "enterprise"]

PRE_INPUT = "pre_input"
POST_OUTPUT = "post_output"
"""The events of the Python hooks ``pre_input.py`` and ``post_output.py``; no settings file can name them."""

EVENTS = (
    "SessionStart", "UserPromptExpansion", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse",
    "PostToolUseFailure", "PostToolBatch", "Notification", "SubagentStart", "SubagentStop", "MessageDisplay", "Stop",
    "StopFailure", "PreCompact", "PostCompact", "CwdChanged", "SessionEnd",
)  # fmt: skip
"""The events that come to hooks here, in the order in which they come first in a session."""

LONGEST_SECONDS = 3600.0
"""What a hook may take, whatever it says."""

PACK_ROOT = "CLAUDE_PLUGIN_ROOT"
"""The variable with the folder of the pack that a hook comes from, as Claude Code calls it for its plugins."""

_NOTIFY = "notify"


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook.

    ``shell`` is a text for the shell, ``argv`` a command that needs none; one of the two is set. ``timeout`` is in
    seconds, None where nothing says it. ``permissions`` is None where none are declared, which is not the same as an
    empty list. ``condition`` is a permission rule (``if``) that the tool call must match. ``shape`` is Claude Code's
    ``nested`` one, the specification's ``flat`` one, or a ``python`` file. ``source`` is the file it comes from, None
    for the command line, ``place`` its key there (``PreToolUse[0].hooks[1]``). ``trusted`` is False for what the user
    has to allow first. ``buffers`` is True for a ``post_output.py`` that may replace the answer.
    """

    event: str
    matcher: str = ""
    shell: str = ""
    argv: tuple[str, ...] = ()
    timeout: float | None = None
    condition: str = ""
    asynchronous: bool = False
    once: bool = False
    permissions: tuple[str, ...] | None = None
    shape: Shape = "nested"
    source: Path | None = None
    line: int | None = None
    place: str = ""
    scope: Scope = "user"
    trusted: bool = True
    buffers: bool = False
    content: str = field(default="", repr=False)
    """The SHA-256 of a Python hook's file, ``""`` for others."""
    pack: PackFile | None = None
    """The file of the signed pack that it stands in; None for others."""

    @property
    def command(self) -> str:
        """The command as people and the model read it."""
        return self.shell or " ".join(self.argv)

    @property
    def digest(self) -> str:
        """The SHA-256 over all that decides when it runs and what; not over where it stands."""
        decides = [
            self.event, self.matcher, self.shell, self.argv, self.timeout, self.condition, self.asynchronous,
            self.permissions, self.shape, self.buffers, self.content,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(decides).encode("ascii")).hexdigest()

    @property
    def title(self) -> str:
        """What it is called in questions and messages; stays the same when the command changes."""
        return f"hook {self.place or self.event}"

    @property
    def origin(self) -> str:
        """The file and line, or what stands for them."""
        if self.source is None:
            return "command line"
        return f"{self.source}:{self.line}" if self.line else str(self.source)

    @property
    def names_its_pack(self) -> bool:
        """Whether it starts or reads files of its pack."""
        return self.pack is not None and any(PACK_ROOT in word for word in (self.shell, *self.argv))

    @property
    def notifies(self) -> bool:
        """Whether it declares ``notify``: the proxy shows a desktop notification in its place."""
        return _NOTIFY in (self.permissions or ())

    @property
    def program_permissions(self) -> tuple[str, ...]:
        """The declared permissions that a sandbox knows: all but ``notify``."""
        return tuple(each for each in self.permissions or () if each != _NOTIFY)


def permission_faults(permissions: Iterable[str]) -> list[str]:
    """What of a hook's declared permissions nobody grants, each as a sentence: the hook would not start."""
    return [fault for each in permissions if each != _NOTIFY and (fault := permission_fault(each))]


@dataclass(frozen=True, slots=True)
class Ran:
    """How one run of a hook ended.

    ``code`` is the exit code, -n after signal n; None where it did not start, was not to be had, or had to be killed.
    ``problem`` says why there is no answer of the hook's (it did not start, it took too long), ``""`` otherwise; that
    is never a denial. ``started`` is False where nothing ran. ``seconds`` is how long it took.
    """

    hook: Hook
    code: int | None
    stdout: str = ""
    stderr: str = ""
    problem: str = ""
    started: bool = True
    timed_out: bool = False
    truncated: bool = False
    seconds: float = 0.0
