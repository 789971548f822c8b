"""Where and under which settings a command is expanded: folder, repository, profile, time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codexplus_core import Core, Session

from .accessible import Accessibility, accessibility

INCLUSION_SECONDS = 120.0
"""Seconds that an inclusion may take where ``slash.timeout`` says nothing: as long as in Claude Code."""
LOCAL_SECONDS = 30.0
"""Seconds of a command that is one shell command and answers without the model."""
_LONGEST = 3600.0
_DEEPEST = 64
# Names by which Claude Code knows its own models; Codex has others.
_FOREIGN = frozenset({"opus", "sonnet", "haiku", "opusplan", "best"})
_THE_SESSIONS = frozenset({"", "inherit", "default"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds for one expansion.

    ``cwd`` is the session's working directory, or the home directory where Codex named none; ``root`` the folder of the
    repository around it. ``timeout`` is in seconds, None where no setting names it. ``strict`` is the profile that does
    exactly what was recorded of Claude Code. ``named_upstream`` says that the user has said where requests go: such a
    gateway may serve any model. ``wish`` is how the user wants to be answered.
    """

    session: Session
    cwd: Path
    root: Path | None
    strict: bool
    timeout: float | None
    env: Mapping[str, str]
    shell_disabled: bool
    models: Mapping[str, str]
    named_upstream: bool = False
    wish: Accessibility = field(default_factory=Accessibility)


def is_strict(core: Core) -> bool:
    """Whether the profile is that of Claude Code."""
    return bool(core.config.get("compatibility") == "claude-code")


def surroundings_of(core: Core, session: Session, *, strict: bool) -> Surroundings:
    """What holds in a session now."""
    cwd = session.cwd or Path.home()
    settings = core.config.for_project(session.cwd)
    models = settings.get("slash.models", {})
    return Surroundings(
        session=session,
        cwd=cwd,
        root=repository_of(cwd),
        strict=strict,
        timeout=_seconds(settings, strict=strict),
        env=_variables(settings, session, strict=strict),
        shell_disabled=settings.get("disableSkillShellExecution", False) is True,
        models={str(name): str(model) for name, model in models.items()} if isinstance(models, Mapping) else {},
        named_upstream=_is_named(core.config.get("upstream")),
        wish=accessibility(core.config.get("accessibility")),
    )


def model_of(wanted: str, where: Surroundings) -> str:
    """The model that a command's ``model`` means, ``""`` for the session's own.

    Claude Code's names mean nothing to OpenAI's services. They count where the user has named the upstream, or has said
    in ``slash.models`` what they mean; whole ones in the strict profile, too, as recorded.
    """
    model = where.models.get(wanted, wanted)
    if model in _THE_SESSIONS:
        return ""
    if wanted in where.models or where.named_upstream:
        return model
    return "" if model in _FOREIGN or (model.startswith("claude-") and not where.strict) else model


def is_passed_over(wanted: str, where: Surroundings) -> bool:
    """Whether a command names a model and gets the session's all the same."""
    return wanted not in _THE_SESSIONS and not model_of(wanted, where)


def _is_named(upstream: Any) -> bool:
    return bool(upstream.get("url")) if isinstance(upstream, Mapping) else bool(upstream)


def user_folders(env: Mapping[str, str]) -> dict[str, Path]:
    """The user's folders that a variable moves, by the name that they have otherwise."""
    names = {".codexplus": "CODEX_PLUS_HOME", ".claude": "CLAUDE_CONFIG_DIR", ".codex": "CODEX_HOME"}
    return {folder: Path(env[name]) for folder, name in names.items() if env.get(name)}


def plugin_folders(core: Core) -> list[Path]:
    """Claude Code plugins that the user has chosen, by ``slash.plugins``: a list of folders. A project chooses none."""
    given = core.config.get("slash")
    folders = given.get("plugins") if isinstance(given, Mapping) else None
    return [Path(each).expanduser() for each in folders if isinstance(each, str)] if isinstance(folders, list) else []


def repository_of(cwd: Path) -> Path | None:
    """The folder at or above ``cwd`` that holds ``.git``, None outside every repository.

    A repository of the home directory, or of one above it, is none: all that is the user's lies in it.
    """
    home = Path.home()
    found = next((folder for folder in (cwd, *cwd.parents)[:_DEEPEST] if os.path.lexists(folder / ".git")), None)
    return None if found is None or home.is_relative_to(found) else found


def _seconds(settings: Any, *, strict: bool) -> float | None:
    value = settings.get("slash.timeout", None)
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return min(float(value), _LONGEST)
    # Claude Code's own name for it, in milliseconds.
    given = settings.get("env.BASH_DEFAULT_TIMEOUT_MS", None) or os.environ.get("BASH_DEFAULT_TIMEOUT_MS", "")
    text = str(given) if strict else ""
    return min(int(text) / 1000, _LONGEST) if text.isascii() and text.isdigit() and int(text) > 0 else None


def _variables(settings: Any, session: Session, *, strict: bool) -> dict[str, str]:
    """The variables of shell commands: the user's own ``env``. A project's could make any program do anything."""
    values = [value for value in settings.items("env") if value.origin.trusted]
    found = {value.key.removeprefix("env."): str(value.value) for value in values}
    if strict:
        found |= {"CLAUDECODE": "1", "CLAUDE_CODE_ENTRYPOINT": "cli", "CLAUDE_CODE_SESSION_ID": session.id}
    return found
