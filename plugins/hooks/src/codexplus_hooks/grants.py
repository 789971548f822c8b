"""What a hook may do where it is held: what it declares, what it needs to start, and the writes that its text shows."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from codexplus_core import Core, ShellText, shell_commands

from .flat import PLACE, prepared
from .hook import LONGEST_SECONDS, PACK_ROOT, Hook
from .named import below_project, from_project

Level = Literal["process", "lsm"]

SHELL = "/bin/sh"
UNDECLARED = ("run:*", "read_repo")
"""What a project's hook gets that declares nothing: the system's programs and a look at the project, no network.

Besides, it may start the project's programs that its command names, as ``.claude/hooks/check.sh``: they are in the
question, with their content.
"""

DEFAULT_SECONDS = 5.0
_CLAUDE_SECONDS = 600.0
_CLAUDE_OTHERS = {"UserPromptSubmit": 30.0, "SessionEnd": 1.5}

BUILT_IN = frozenset({
    ":", ".", "alias", "bg", "break", "cd", "command", "continue", "eval", "exec", "exit", "export", "fg", "getopts",
    "hash", "jobs", "local", "read", "readonly", "return", "set", "shift", "times", "trap", "type", "ulimit", "umask",
    "unalias", "unset", "wait",
})  # fmt: skip
"""What a shell does itself, whatever program has that name."""

# These are programs, too, but every shell has its own.
_MOSTLY_BUILT_IN = frozenset({"echo", "printf", "test", "[", "true", "false", "kill", "pwd"})

_STAND_IN = "codexplusplaceholder"


@dataclass(frozen=True, slots=True)
class Held:
    """How a hook is run. ``permissions`` are empty, and ``sandbox`` is ``process``, for what is not held at all.

    ``writes`` are the files that its command shows it to write; they are among the permissions.
    """

    permissions: tuple[str, ...]
    sandbox: Level
    writes: tuple[str, ...]


def held(core: Core, hook: Hook, project: Path | None) -> Held:
    """How the hook is held in a project.

    The user's own hooks are not, unless they declare what they need; then they get that and no more. A project's are
    held in any case.
    """
    writes = writes_of(core, hook, project)
    if hook.trusted and hook.permissions is None:
        return Held((), "process", writes)
    declared = UNDECLARED if hook.permissions is None else hook.program_permissions
    if project is None:
        declared = tuple(each for each in declared if each not in ("read_repo", "write_repo"))
    needed = [*(["run:sh"] if hook.shell else []), *(f"write:{_escaped(path)}" for path in writes)]
    if project is not None:
        needed += [f"run:{program}" for program in own_programs(hook)] if hook.permissions is None else []
        needed += [f"read:{_escaped(path)}" for path in below_project(hook) if ".." not in Path(path).parts]
    if hook.pack is not None and hook.names_its_pack:
        needed += [f"read:{_escaped(str(hook.pack.root))}/**", *(f"run:{path}" for path in _programs_of_pack(hook))]
    permissions = tuple(dict.fromkeys((*declared, *needed)))
    # Without any permission only the level makes the core hold it: `"permissions": []` is not "let it do everything".
    return Held(permissions, "process" if hook.trusted and permissions else "lsm", writes)


def writes_of(core: Core, hook: Hook, project: Path | None) -> tuple[str, ...]:
    """The files that the redirections of a flat hook's command write, as they are written there."""
    return shown_writes(core, hook, project) if hook.shape == "flat" else ()


def shown_writes(core: Core, hook: Hook, project: Path | None) -> tuple[str, ...]:
    """The same for hooks of both shapes; in Claude Code's nothing is granted for them."""
    if not hook.shell or ">" not in hook.shell or sys.platform == "win32":
        return ()
    # What stands in for the places is one plain word, so the rest can be understood.
    plain = PLACE.sub(_STAND_IN, hook.shell)
    verdict = core.permissions.judge(ShellText(plain, str(project or "/")))
    found = (write.path for write in verdict.writes)
    return tuple(dict.fromkeys(path for path in found if _STAND_IN not in path and not path.startswith("/dev/")))


def own_programs(hook: Hook) -> tuple[str, ...]:
    """The project's own programs that the command starts, as paths seen from the project."""
    if "/" not in hook.shell:
        return ()
    started = (argv[0] for argv in shell_commands(from_project(hook.shell)) or ())
    return tuple(
        word for word in dict.fromkeys(started) if "/" in word and word[0] != "/" and ".." not in Path(word).parts
    )


def undeclared(hook: Hook) -> tuple[str, ...]:
    """The programs that the command starts and its declared permissions do not name: these do not run."""
    if hook.permissions is None or hook.shape == "python" or "run:*" in hook.permissions:
        return ()
    named = {each.partition(":")[2].removeprefix("./") for each in hook.permissions if each.startswith("run:")}
    texts = [hook.argv] if hook.argv else shell_commands(from_project(hook.shell)) or ()
    words = dict.fromkeys(argv[0] for argv in texts if argv and argv[0] not in BUILT_IN | _MOSTLY_BUILT_IN)
    # The proxy itself shows notifications.
    shown = {"notify-send"} if hook.notifies else set[str]()
    return tuple(word for word in words if not {word, word.removeprefix("./"), Path(word).name} & (named | shown))


def _programs_of_pack(hook: Hook) -> list[str]:
    """The programs of its pack that a hook starts."""
    root = "" if hook.pack is None else str(hook.pack.root)
    text = hook.shell.replace(f"${{{PACK_ROOT}}}", root).replace(f"${PACK_ROOT}", root)
    started = [argv[0] for argv in shell_commands(text) or () if argv]
    started += [word.replace(f"${{{PACK_ROOT}}}", root) for word in hook.argv[:1]]
    return [word for word in dict.fromkeys(started) if root and word.startswith(f"{root}/") and ".." not in word]


def argv_of(hook: Hook, project: Path | None) -> tuple[str, ...]:
    """The command that is started."""
    if hook.argv:
        place = str(project or "")
        program = hook.argv[0].replace("${CLAUDE_PROJECT_DIR}", place).replace("$CLAUDE_PROJECT_DIR", place)
        if hook.pack is not None:
            root = str(hook.pack.root)
            return tuple(word.replace(f"${{{PACK_ROOT}}}", root) for word in (program, *hook.argv[1:]))
        return (program, *hook.argv[1:])
    text = prepared(hook.shell) if hook.shape == "flat" else hook.shell
    return ("cmd", "/d", "/s", "/c", text) if sys.platform == "win32" else (SHELL, "-c", text)


def seconds_of(hook: Hook, *, strict: bool) -> float:
    """How long it may take: what it says, else 5 s; in the profile of Claude Code what that gives it."""
    if hook.timeout is not None:
        return min(hook.timeout, LONGEST_SECONDS)
    return _CLAUDE_OTHERS.get(hook.event, _CLAUDE_SECONDS) if strict else DEFAULT_SECONDS


def _escaped(path: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", path)
