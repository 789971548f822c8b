"""The part of a policy that Codex can enforce by itself, as its own ``requirements.toml`` and ``managed_config.toml``.

Measured with Codex 0.169.0: it refuses what ``requirements.toml`` forbids whatever its user configures, reads the file
at each start, and ignores keys that it does not know without a word.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

EVENTS = (
    "SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse", "SubagentStart",
    "SubagentStop", "PreCompact", "PostCompact", "Stop", "Interrupt", "SessionEnd",
)  # fmt: skip
"""The hook events that Codex 0.169 knows itself."""
_HOOK_FIELDS = ("type", "command", "timeout", "statusMessage")
_BASH = re.compile(r"Bash\((?P<words>[^()*?\[\]$;&|<>`\\\"'{}]+?)(?::\*| \*)\)")
_READ = re.compile(r"Read\((?P<path>(?://|~/)[^()]+)\)")
_GLOB = re.compile(r"[*?\[]")


@dataclass(slots=True)
class Compiled:
    """Both files' text, and ``left``: what of the policy only codex-plus can enforce, a line each."""

    requirements: str = ""
    managed_config: str = ""
    left: list[str] = field(default_factory=list)


def compile_policy(settings: Mapping[str, Any], *, port: int = 3000, version: str = "") -> Compiled:
    """Compile a policy, the plain values of its file. ``version`` of codex-plus goes into the comment."""
    made = Compiled()
    lines = [
        f"# Written by codex-plus{' ' + version if version else ''} policy compile. Codex reads it at each start.",
        "# Another provider would lead past the proxy, and past all that only the proxy enforces.",
        'model_provider = "openai"',
    ]
    lines += _modes(settings)
    if settings.get("allowManagedHooksOnly") is True:
        lines.append("allow_managed_hooks_only = true")
    lines += _rules(settings, made.left)
    lines += _servers(settings, made.left)
    lines += _model(settings, made.left)
    lines += _hooks(settings, made.left)
    for key, why in _OURS.items():
        if _at(settings, key) is not None:
            made.left.append(f"{key}: {why}")
    made.requirements = "\n".join(lines) + "\n"
    made.managed_config = (
        "# Written by codex-plus policy compile. It counts more than what a user configures.\n"
        f"openai_base_url = {_text(f'http://127.0.0.1:{port}/v1')}\n"
    )
    return made


_OURS = {
    "security.endpointAllowlist": "Codex has no such list; codex-plus refuses other upstreams and servers",
    "codex.versions": "codex-plus refuses the requests of other versions",
    "approvals.outOfBand": "about the questions of codex-plus, not of Codex",
    "security.requireSigned": "about the commands, hooks and skills of codex-plus",
    "plugins.allowed": "about the plugins of codex-plus",
    "budgets": "Codex has none; codex-plus counts, and refuses what goes beyond them",
    "audit": "the log is kept by codex-plus",
}


def _modes(settings: Mapping[str, Any]) -> list[str]:
    bypass = _at(settings, "permissions.disableBypassPermissionsMode") == "disable"
    if not bypass and _at(settings, "sandbox.minimum") not in ("lsm", "full"):
        return []
    return ['allowed_sandbox_modes = ["read-only", "workspace-write"]']


def _rules(settings: Mapping[str, Any], left: list[str]) -> list[str]:
    both = [*_list(settings, "permissions.deny"), *_list(settings, "security.permissions.deny")]
    denied = list(dict.fromkeys(both))
    commands: list[str] = []
    unreadable: list[str] = []
    for rule in denied:
        path = _READ.fullmatch(rule)
        if path is not None and (found := _path(path["path"])):
            unreadable.append(found)
        elif words := _words(rule):
            commands.append(_prefix(words, "forbidden", rule))
        else:
            left.append(f"{rule}: Codex has no such rule; codex-plus refuses it")
    for rule in _list(settings, "permissions.ask"):
        if words := _words(rule):
            commands.append(_prefix(words, "prompt", rule))
        else:
            left.append(f"{rule}: Codex has no such rule; codex-plus asks")
    lines = []
    if commands:
        lines += ["", "[rules]", "prefix_rules = [", *(f"  {each}," for each in dict.fromkeys(commands)), "]"]
    if unreadable:
        listed = ", ".join(_text(each) for each in dict.fromkeys(unreadable))
        lines += ["", "[permissions.filesystem]", f"deny_read = [{listed}]"]
    return lines


def _words(rule: str) -> list[str]:
    """The words that a command of the rule begins with, none where the rule is about something else."""
    found = _BASH.fullmatch(rule)
    return [] if found is None else shlex.split(found["words"])


def _prefix(words: Sequence[str], decision: str, rule: str) -> str:
    tokens = ", ".join(f"{{ token = {_text(word)} }}" for word in words)
    why = f"the policy of this workspace: {rule}"
    return f"{{ pattern = [{tokens}], decision = {_text(decision)}, justification = {_text(why)} }}"


def _path(written: str) -> str:
    """A path as Codex takes it, ``""`` where it would not start with it: what a pattern begins with has to be plain."""
    path = written.removeprefix("/") if written.startswith("//") else written
    path = path.removesuffix("/**") or path
    first = path.removeprefix("~/").lstrip("/").split("/")[0]
    if path.startswith("/") and (_GLOB.search(first) or not first):
        return ""
    return path


def _servers(settings: Mapping[str, Any], left: list[str]) -> list[str]:
    allowed = settings.get("allowedMcpServers")
    if not isinstance(allowed, list):
        return []
    known = settings.get("mcpServers")
    lines: list[str] = []
    for entry in allowed:
        name = entry if isinstance(entry, str) else entry.get("serverName")
        given = entry if isinstance(entry, Mapping) else {}
        server = known.get(name, {}) if isinstance(known, Mapping) else {}
        url, command = given.get("serverUrl") or server.get("url"), server.get("command")
        if not isinstance(name, str) or not (isinstance(url, str) or isinstance(command, str)):
            # One that is left out would be switched off, so the list is compiled whole or not at all.
            left.append("allowedMcpServers: not every entry says its name and its url or command; codex-plus enforces")
            return []
        if "${" in str(url or command):
            left.append(f"allowedMcpServers: {name} has a variable in its url or command; codex-plus enforces the list")
            return []
        which = f"url = {_text(url)}" if isinstance(url, str) else f"command = {_text(str(command))}"
        lines += ["", f"[mcp_servers.{_text(name)}.identity]", which]
    return lines or ["", "[mcp_servers]"]


def _model(settings: Mapping[str, Any], left: list[str]) -> list[str]:
    models = _list(settings, "security.modelAllowlist")
    if not models:
        return []
    left.append("security.modelAllowlist: Codex only begins with a listed model; codex-plus refuses the others")
    plain = next((name for name in models if "*" not in name), None)
    return [] if plain is None else ["", "[models.new_thread]", f"model = {_text(plain)}"]


def _hooks(settings: Mapping[str, Any], left: list[str]) -> list[str]:
    hooks = settings.get("hooks")
    lines: list[str] = []
    for event, groups in hooks.items() if isinstance(hooks, Mapping) else ():
        for number, group in enumerate(groups if isinstance(groups, list) else ()):
            lines += _group(event, group, f"hooks.{event}[{number}]", left)
    return ["", "[hooks]", 'managed_dir = "/etc/codex/hooks"', *lines] if lines else []


def _group(event: str, group: Any, place: str, left: list[str]) -> list[str]:
    inner = group.get("hooks") if isinstance(group, Mapping) else None
    if event not in EVENTS or not isinstance(inner, list):
        left.append(f"{place}: no hook that Codex knows; codex-plus runs it")
        return []
    lines = []
    for number, hook in enumerate(inner):
        if why := _not_for_codex(hook):
            left.append(f"{place}.hooks[{number}]: {why}; codex-plus runs it")
            continue
        lines += ["", f"[[hooks.{event}.hooks]]", 'type = "command"', f"command = {_text(str(hook['command']))}"]
        if isinstance(hook.get("timeout"), int | float):
            lines.append(f"timeout = {math.ceil(hook['timeout'])}")
    if not lines:
        return []
    matcher = group.get("matcher")
    return ["", f"[[hooks.{event}]]", *([f"matcher = {_text(matcher)}"] if isinstance(matcher, str) else []), *lines]


def _not_for_codex(hook: Any) -> str:
    """Why Codex cannot run a hook as it is meant, ``""`` where it can: what it would leave out may be what holds it."""
    if not isinstance(hook, Mapping) or hook.get("type", "command") != "command" or "command" not in hook:
        return "no hook that Codex knows"
    if "permissions" in hook:
        return "Codex would run it without the bounds of its permissions"
    more = [str(name) for name in hook if name not in _HOOK_FIELDS]
    return f"Codex knows no {', '.join(more)}" if more else ""


def _at(settings: Mapping[str, Any], key: str) -> Any:
    found: Any = settings
    for name in key.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _list(settings: Mapping[str, Any], key: str) -> list[str]:
    found = _at(settings, key)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _text(value: str) -> str:
    """A basic string of TOML, which are JSON's but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
