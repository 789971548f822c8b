"""The hooks in Codex's own configuration: where each one stands, and whether Codex runs it."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .bridge_files import BRIEF, NATIVE_EVENTS, Places

Trust = Literal["trusted", "untrusted", "changed", "disabled"]

_LIMIT = 4 << 20
_MATCHED = frozenset(NATIVE_EVENTS) - {"UserPromptSubmit", "Stop", "Interrupt"}
_TIMEOUT_S = 600
_BRIEF_S = 1
_LONGEST_BRIEF_S = 3


@dataclass(frozen=True, slots=True)
class NativeHook:
    """One command that Codex starts itself; ``ours`` where it is the bridge's."""

    event: str
    command: str
    source: Path
    line: int
    trust: Trust
    ours: bool

    @property
    def place(self) -> str:
        """File and line, for people."""
        return f"{self.source}:{self.line}"


@dataclass(frozen=True, slots=True)
class NativeHooks:
    """All of them, whether the feature is switched on, and sentences about files that cannot be read."""

    hooks: tuple[NativeHook, ...]
    enabled: bool
    problems: tuple[str, ...] = ()

    @property
    def bridge(self) -> tuple[NativeHook, ...]:
        """Those that hand events to the proxy."""
        return tuple(hook for hook in self.hooks if hook.ours)

    @property
    def others(self) -> tuple[NativeHook, ...]:
        """The user's own, and those of the project."""
        return tuple(hook for hook in self.hooks if not hook.ours)

    @property
    def asleep(self) -> tuple[NativeHook, ...]:
        """Those of the bridge that Codex does not run: not trusted, changed since, or switched off."""
        return tuple(hook for hook in self.bridge if hook.trust != "trusted")


def read(here: Places, project: Path | None = None) -> NativeHooks:
    """Read the user's configuration of Codex and a project's. Blocking; raises nothing."""
    problems: list[str] = []
    config = _toml(here.codex / "config.toml", problems)
    states = _table(_table(config, "hooks"), "state")
    folders = [here.codex]
    if project is not None and project / ".codex" != here.codex:
        folders.append(project / ".codex")
    found: list[NativeHook] = []
    for folder in folders:
        for path, reader in ((folder / "hooks.json", _json), (folder / "config.toml", _toml)):
            hooks = _table(reader(path, problems), "hooks")
            found += _hooks_in(path, hooks, states, here) if hooks else ()
    features = _table(config, "features")
    enabled = features.get("hooks", features.get("codex_hooks")) is not False
    return NativeHooks(tuple(found), enabled, tuple(problems))


def not_heard(here: Places) -> str:
    """Why a session is not heard of through an installed bridge, in a sentence; ``""`` where nothing is amiss."""
    found = read(here)
    if not found.bridge:
        return ""
    if not found.enabled:
        return (
            f"Codex's hooks are switched off in {here.codex / 'config.toml'} (features.hooks), so hooks see less of it"
        )
    if found.asleep:
        return (
            "Codex does not trust the hooks of codex-plus yet, and codex exec leaves such hooks out without a word:"
            " start codex in a terminal once and trust them"
        )
    return ""


def digest(event: str, matcher: str | None, handler: Mapping[str, Any]) -> str:
    """What Codex 0.169 keeps of a hook that its user trusts: measured, and the same in its public source."""
    limit = handler.get("timeout")
    seconds = max(limit, 1) if isinstance(limit, int) else _BRIEF_S if event in BRIEF else _TIMEOUT_S
    if event in BRIEF:
        seconds = min(seconds, _LONGEST_BRIEF_S)
    kept: dict[str, Any] = {
        "type": "command",
        "command": handler["command"],
        "timeout": seconds,
        "async": handler.get("async") is True,
    }
    if isinstance(handler.get("statusMessage"), str):
        kept["statusMessage"] = handler["statusMessage"]
    identity: dict[str, Any] = {"event_name": _label(event), "hooks": [kept]}
    if matcher is not None and event in _MATCHED:
        identity["matcher"] = matcher
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _hooks_in(path: Path, hooks: Mapping[str, Any], states: Mapping[str, Any], here: Places) -> Iterator[NativeHook]:
    text = _text(path)
    seen: dict[str, int] = {}
    for event in NATIVE_EVENTS:
        groups = hooks.get(event)
        for i, group in enumerate(groups if isinstance(groups, list) else ()):
            handlers = group.get("hooks") if isinstance(group, dict) else None
            for j, handler in enumerate(handlers if isinstance(handlers, list) else ()):
                command = handler.get("command") if isinstance(handler, dict) else None
                if not isinstance(command, str):
                    continue
                matcher = group.get("matcher")
                state = _table(states, f"{path}:{_label(event)}:{i}:{j}")
                known = digest(event, matcher if isinstance(matcher, str) else None, handler)
                seen[command] = seen.get(command, -1) + 1
                line = line_of(text, command, seen[command])
                ours = str(here.folder) in command and command.rstrip().endswith(event)
                yield NativeHook(event, command, path, line, _trust(state, known), ours)


def _trust(state: Mapping[str, Any], known: str) -> Trust:
    if state.get("enabled") is False:
        return "disabled"
    trusted = state.get("trusted_hash")
    if trusted is None:
        return "untrusted"
    return "trusted" if trusted == known else "changed"


def line_of(text: str, command: str, nth: int = 0) -> int:
    """The line in which a JSON or TOML file has this command for the nth time, from 0; 1 where it is not found."""
    spellings = {command, json.dumps(command)[1:-1], json.dumps(command, ensure_ascii=False)[1:-1]}
    lines = [number for number, line in enumerate(text.split("\n"), 1) if any(each in line for each in spellings)]
    return lines[min(nth, len(lines) - 1)] if lines else 1


def _label(event: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LIMIT).decode("utf-8", "replace") if path.is_file() else ""
    except OSError:
        return ""


def _json(path: Path, problems: list[str]) -> Mapping[str, Any]:
    text = _text(path)
    try:
        content = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        problems.append(f"{path}: is no JSON ({error}), so Codex reads no hook in it")
        return {}
    return content if isinstance(content, dict) else {}


def _toml(path: Path, problems: list[str]) -> Mapping[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except (ValueError, RecursionError) as error:
        problems.append(f"{path}: is no TOML ({error})")
        return {}
