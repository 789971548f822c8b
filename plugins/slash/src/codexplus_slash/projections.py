"""Your commands as Codex shows them in its own popups: as skills (``$name``), and as prompts from 0.60 to 0.116.

Both are doors: a small file for each command, whose text leads back here. Measured: Codex 0.98, 0.120 and 0.169 send
``$name args`` as it was typed and, as an item of its own, the skill's file; 0.60 and 0.98 send a prompt's file with
``$ARGUMENTS`` filled in; 0.29 sends the file as it is, and needs none, because it sends ``/name args`` as it was typed.
Told so by ``agents/openai.yaml``, 0.120 and 0.169 keep a skill out of what the model reads.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from codexplus_core import InitStep

from .catalogue import Catalogue
from .command_file import CommandFile
from .surroundings import user_folders

MOST = 200
"""Commands that are offered: more would make no popup better, and 0.98 tells the model of each."""
_NOT_BY_THE_MODEL = "policy:\n  allow_implicit_invocation: false\n"
_DESCRIPTION = 300
_NAME = 64
_MARK = "codex-plus-command:"
_UNFIT = re.compile(r"[^a-z0-9]+")
_SKILL_TYPED = re.compile(r"\$([A-Za-z0-9_-]+)(?:\s+(.*))?", re.DOTALL)
_SKILL_ITEM = re.compile(
    rf'<skill>\n<name>([^<\n]+)</name>\n<path>([^<\n]+)</path>\n.*?^[ \t]*{_MARK} "(\S+)"$', re.DOTALL | re.MULTILINE
)


def steps() -> list[InitStep]:
    """What ``codex-plus init --skills`` and ``--prompts`` write."""
    return [
        InitStep(
            "skills", skills, "In Codex type $ and the name of a command; the popup knows them after its next start."
        ),
        InitStep("prompts", prompts, "In Codex 0.60 to 0.116 type /prompts: and the name of a command."),
    ]


def skills(env: Mapping[str, str]) -> dict[Path, str]:
    """A skill for each of the user's commands: ``$CODEX_HOME/skills/NAME/SKILL.md``, and who may call it."""
    found = {}
    for name, command in _named(_commands(env)):
        folder = skills_folder(env) / name
        found[folder / "SKILL.md"] = _skill(name, command)
        found[folder / "agents" / "openai.yaml"] = _NOT_BY_THE_MODEL
    return found


def prompts(env: Mapping[str, str]) -> dict[Path, str]:
    """A custom prompt for each of the user's commands: ``$CODEX_HOME/prompts/NAME.md``."""
    folder = _codex_home(env) / "prompts"
    return {folder / f"{name}.md": _prompt(command) for name, command in _named(_commands(env))}


def skills_folder(env: Mapping[str, str]) -> Path:
    """The folder of the user's skills."""
    return _codex_home(env) / "skills"


def skills_sent(items: Any, folder: Path, project: Path | None) -> dict[str, str]:
    """The commands behind those of our skills that came with the newest prompt of a request, by the skills' names.

    ``folder`` is that of the user's skills as this process knows it. Codex may have another one (``CODEX_HOME``), but
    none within the ``project`` counts: that has skills, too, and may say in them what it likes.
    """
    found = {}
    every: list[Any] = items if isinstance(items, list) else []
    for item in reversed(every):
        if not isinstance(item, dict) or item.get("role") == "assistant" or str(item.get("type")).endswith("_output"):
            break
        content = item.get("content")
        for part in content if isinstance(content, list) else ():
            text = part.get("text") if isinstance(part, dict) else None
            ours = _SKILL_ITEM.match(text) if isinstance(text, str) else None
            if ours is not None and _is_the_users(ours[2], ours[1], folder, project):
                found[ours[1]] = ours[3]
    return found


def _is_the_users(path: str, name: str, folder: Path, project: Path | None) -> bool:
    real = Path(os.path.realpath(path))
    if str(real) == os.path.realpath(folder / name / "SKILL.md"):
        return True
    if project is None or real.parts[-3:] != ("skills", name, "SKILL.md"):
        return False
    levels = (project, *project.parents)
    root = next((level for level in levels if os.path.lexists(level / ".git")), project)
    return not real.is_relative_to(os.path.realpath(root))


def called_by_skill(prompt: str, known: Mapping[str, str]) -> str | None:
    """``/name args`` where a prompt is ``$name args`` and ``known`` has the command behind that skill.

    None for everything else: a word that begins with ``$`` is nobody's business.
    """
    typed = _SKILL_TYPED.fullmatch(prompt.strip())
    command = None if typed is None else known.get(typed[1])
    return None if command is None or typed is None else f"/{command} {typed[2] or ''}".strip()


def _commands(env: Mapping[str, str]) -> list[CommandFile]:
    """The user's own commands. A project's are not offered: the files would be there in every other project, too."""
    home = Path(env.get("HOME") or Path.home())
    view = Catalogue(home, folders=user_folders(env)).of(None, strict=False)
    return [each for each in view.all() if each.scope == "user" and each.user_invocable][:MOST]


def _named(commands: Iterable[CommandFile]) -> Iterator[tuple[str, CommandFile]]:
    """Each command with a name that Codex takes: small letters, digits and dashes; the first of a name has it."""
    taken: set[str] = set()
    for command in commands:
        name = _UNFIT.sub("-", command.name.lower()).strip("-")[:_NAME]
        if name and name not in taken:
            taken.add(name)
            yield name, command


def _skill(name: str, command: CommandFile) -> str:
    said = _one_line(command.description) or f"the command /{command.name}"
    hint = f" {_one_line(command.argument_hint)}" if command.argument_hint else ""
    return f"""---
name: {name}
description: {json.dumps(f"{said}{hint} (Only when the user types ${name}.)", ensure_ascii=False)}
metadata:
  {_MARK} {json.dumps(command.name, ensure_ascii=False)}
---
The user called the command /{command.name} by its skill. codex-plus has put what the command says in place of the
user's message, so there is nothing to read here.

If the message still begins with ${name}, codex-plus was not there. Then read {command.path} and do what it says;
the words behind ${name} are its arguments.
"""


def _prompt(command: CommandFile) -> str:
    lines = [f"description: {json.dumps(_one_line(command.description), ensure_ascii=False)}"]
    if command.argument_hint:
        lines.append(f"argument-hint: {json.dumps(_one_line(command.argument_hint), ensure_ascii=False)}")
    head = "\n".join(lines)
    return f"---\n{head}\n---\n/{command.name} $ARGUMENTS\n"


def _one_line(text: str) -> str:
    words = "".join(each if each.isprintable() else " " for each in " ".join(text.split()))
    return words if len(words) <= _DESCRIPTION else f"{words[: _DESCRIPTION - 1]}…"


def _codex_home(env: Mapping[str, str]) -> Path:
    named = env.get("CODEX_HOME")
    return Path(named).expanduser() if named else Path(env.get("HOME") or Path.home()) / ".codex"
