"""Whether a shell command of a command file may run, and why not: rules first, then what the file itself grants."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from codexplus_core import Argv, Core, Session, ShellText, WindowsText, shell_commands

from .arguments import Included
from .command_file import CommandFile
from .git_programs import git_places, names_programs
from .read_only import is_harmless, needs_network, only_looks, only_talks
from .surroundings import Surroundings

# Prefixes that decide nothing about what a command does; Claude Code looks through them, too.
_HARMLESS = re.compile(
    r"(?:(?:LANG|LC_[A-Z]+|TZ|TERM|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|CLICOLOR|CI)=[\w.:@/-]*[ \t]+)+(?=\S)"
)
_TIMEOUT = re.compile(r"timeout[ \t]+\d+(?:\.\d+)?[smh]?[ \t]+(?=[^-\s])")


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to become of an inclusion.

    ``decision`` is ``"run"``, ``"ask"`` (a rule of the user's wants a question first) or ``"no"``; ``reason`` is a
    sentence for people. ``text`` is what the shell gets, ``permissions`` what a project's command gets in the sandbox:
    what it needs as it stands in the file, whatever was typed after its name; none means that it needs no sandbox.
    """

    included: Included
    decision: Literal["run", "ask", "no"]
    reason: str
    text: str
    permissions: tuple[str, ...] = ()
    unnamed: bool = False
    """No rule speaks of it, neither for nor against."""

    @property
    def beyond_rules(self) -> bool:
        """Whether what was typed makes another command of it than the one that stands in the file.

        Nobody has allowed that one yet, not even with a command of the user's own: a prompt may have been pasted.
        """
        included = self.included
        return included.nested or (bool(included.options) and not _only_talking(included.command))


def judge(core: Core, command: CommandFile, included: Included, plain: str, where: Surroundings) -> Judged:
    """Judge one inclusion; ``plain`` is the same with sample arguments. Runs nothing; files are looked for by name."""
    if included.problem:
        return Judged(included, "no", included.problem, "")
    text, granted, cwd = included.command, command.allowed_tools, where.cwd
    permissions: tuple[str, ...] = ()
    if command.scope != "user" or _runs_programs_of_others(text, cwd):
        permissions = permissions_for(plain, cwd, where.root)
    if command.scope != "user" and not permissions and permissions_for(text, cwd, where.root):
        permissions = ("run:*", "read_repo", "write_repo")  # with what was typed it does more
    request = WindowsText(text, str(cwd)) if sys.platform == "win32" else ShellText(text, str(cwd))
    verdict = core.permissions.judge(request, session=where.session, granted=granted)
    canonical = verdict.canonical or text
    if verdict.decision == "deny":
        return Judged(included, "no", verdict.reason, text)
    if verdict.decision == "ask" and verdict.rule is not None:
        return Judged(included, "ask", verdict.reason, canonical, permissions)
    if verdict.decision == "allow":
        return Judged(included, "run", verdict.reason, canonical, permissions)
    if only_looking(text, cwd):
        return Judged(included, "run", "it only looks", canonical, permissions)
    if _grants_all(granted):
        # The file that grants everything is the one that holds the command: whoever trusts it has read both.
        return Judged(included, "run", f"{command.path.name} allows every command", canonical, permissions)
    if sys.platform != "win32" and _part_by_part(core, where.session, granted, text, cwd):
        return Judged(included, "run", "each of its commands is allowed or only looks", text, permissions)
    return Judged(included, "no", verdict.reason, text, permissions, unnamed=True)


def only_looking(text: str, cwd: Path) -> bool:
    """Whether a text consists of commands that only look."""
    found = None if sys.platform == "win32" else shell_commands(_bare(text))
    return bool(found) and all(only_looks(argv, cwd) for argv in found or ()) and not _moved(found or ())


def permissions_for(text: str, cwd: Path, root: Path | None) -> tuple[str, ...]:
    """What a project's command is granted in the sandbox: to look; where it does more, to change the project.

    Nothing for one that only makes files: it needs no sandbox, and in one it could make none at the project's top.
    ``root`` is the folder of the repository, which git reads in whatever folder of it one works.
    """
    found = () if sys.platform == "win32" else shell_commands(_bare(text)) or ()
    looks = [only_looks(argv, cwd) for argv in found]
    if found and not all(looks) and _only_makes_files(found, cwd):
        return ()
    # A program that is called by its path may be the project's own, which `*` does not mean.
    granted = ["run:*", *dict.fromkeys(f"run:{argv[0]}" for argv in found if "/" in argv[0]), "read_repo"]
    if root is not None and root != cwd:
        granted.append(f"read:{_escaped(str(root))}/**")
    if not found or not all(looks):
        granted.append("write_repo")
        granted += ["net"] if any(needs_network(argv) for argv in found) else []
    return tuple(granted)


def _only_talking(text: str) -> bool:
    found = None if sys.platform == "win32" else shell_commands(_bare(text))
    return bool(found) and all(only_talks(argv) for argv in found or ())


def _runs_programs_of_others(text: str, cwd: Path) -> bool:
    """Whether git is among the commands, in a repository whose own configuration makes it run programs."""
    found = None if sys.platform == "win32" else shell_commands(_bare(text))
    if found is None:
        return re.search(r"\bgit\b", text) is not None and names_programs(cwd)
    return any(names_programs(place) for place in git_places(found, cwd))


def _only_makes_files(found: Sequence[Sequence[str]], cwd: Path) -> bool:
    # After a `cd` the names would mean other files.
    return all(argv[0] != "cd" and is_harmless(argv, cwd) for argv in found)


def _part_by_part(core: Core, session: Session, granted: Sequence[str], text: str, cwd: Path) -> bool:
    bare = _bare(text)
    found = shell_commands(bare)
    if not found or _moved(found):
        return False
    for argv in found:
        allowed = core.permissions.judge(Argv(argv, str(cwd)), session=session, granted=granted)
        if allowed.decision == "deny" or (allowed.decision == "ask" and allowed.rule is not None):
            return False
        if allowed.decision != "allow" and not only_looks(argv, cwd):
            return False
    return True


def _bare(text: str) -> str:
    return _TIMEOUT.sub("", _HARMLESS.sub("", text.strip(), count=1), count=1) if text[:1].isalpha() else text


def _moved(found: Sequence[Sequence[str]]) -> bool:
    # A repository in another folder may bring settings of its own, and a path there is another file.
    names = [argv[0] for argv in found]
    return "cd" in names and any(name == "git" or "/" in name for name in names)


def _grants_all(granted: Sequence[str]) -> bool:
    return any(rule.strip() in ("Bash", "Bash(*)", "Bash(:*)") for rule in granted)


def _escaped(path: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", path)
