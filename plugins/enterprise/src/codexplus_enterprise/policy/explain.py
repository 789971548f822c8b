"""What the settings in force say about a model, a URL or a command, in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codexplus_core import Core, ShellText

from .rules import Rules


@dataclass(frozen=True, slots=True)
class Explained:
    """A verdict: ``kind`` of what was asked, ``allowed`` ("yes", "no" or "asks"), ``why``, and ``rules`` by place."""

    kind: str
    subject: str
    allowed: str
    why: str
    rules: tuple[str, ...] = ()


def kinds_of(subject: str) -> tuple[str, ...]:
    """What a text can be: ``url``, ``command`` or ``model``; a single word may be either of the last two."""
    if "://" in subject:
        return ("url",)
    return ("command",) if " " in subject.strip() else ("model", "command")


def hint_of(subject: str, kinds: tuple[str, ...]) -> str:
    """What to say to somebody who may have meant a host and wrote no scheme; ``""`` where that is unlikely."""
    first, _, _ = subject.partition("/")
    host, _, port = first.partition(":")
    if "url" in kinds or " " in subject or "." not in host or not (port == "" or port.isdigit()):
        return ""
    # gpt-6.1-sol has a dot, too: a host's last part is letters, or all of it is numbers.
    last = host.rpartition(".")[2]
    if not (last.isalpha() or host.replace(".", "").isdigit()):
        return ""
    return f"{subject} was read as a {' and as a '.join(kinds)}; as a host it is: https://{subject}"


def explain(core: Core, subject: str, project: Path | None, kind: str) -> Explained:
    """What counts in ``project``, None for outside every one, for a subject of this kind."""
    settings = core.config.for_project(project)
    rules = Rules(settings)
    if kind == "model":
        why = "" if rules.models is None or rules.models.allows(subject) else rules.models.denial(subject)
        return _listed(settings, kind, subject, why, "security.modelAllowlist")
    if kind == "url":
        why = "" if rules.endpoints is None else rules.endpoints.denial(subject)
        return _listed(settings, kind, subject, why, "security.endpointAllowlist")
    where = str(project) if project is not None else ""
    verdict = core.permissions.judge(ShellText(subject, where))
    words = {"allow": "yes", "ask": "asks", "deny": "no"}
    return Explained(kind, subject, words[verdict.decision], verdict.reason)


def _listed(settings: Any, kind: str, subject: str, why: str, key: str) -> Explained:
    places = tuple(f"{item.value} ({item.origin})" for item in settings.items(key))
    if not why and settings.get(key) is None:
        return Explained(kind, subject, "yes", f"{key} is not set")
    return Explained(kind, subject, "no" if why else "yes", why or f"{key} has it", places)
