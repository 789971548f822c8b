"""What `doctor` says of the bridge: whether events arrive, whether Codex trusts it, whether a hook would run twice."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from codexplus_core import Action, ActionDenied, CannotStart, Check, CheckResult, RunResult, open_core

from .bridge import PROBE
from .bridge_files import NATIVE_EVENTS, places
from .native_hooks import NativeHooks, line_of, read

_INSTALL = "codex-plus init --hooks"
_SETTINGS = ("settings.local.json", "settings.json")
_SHOWN = 5
_WAIT_S = 10.0
# Codex's import copies the scripts beside its own configuration and points the command there.
_SCRIPTS = re.compile(r"[^\s=]*\.(?:claude|codex)/hooks/")


def checks() -> list[Check]:
    """The plugin's checks."""
    return [
        Check("hooks bridge", partial(bridge, os.environ)),
        Check("hooks twice", partial(twice, os.environ, Path.cwd())),
    ]


async def bridge(env: Mapping[str, str]) -> CheckResult:
    """Whether Codex's own hooks reach the proxy, tried with the very command that Codex starts."""
    here = places(env)
    found = read(here)
    said = _installed(found)
    if said is not None:
        return said
    command = next(hook.command for hook in found.bridge if hook.event == "PreToolUse")
    answer, milliseconds = await _probe(command, env)
    if answer is None:
        return CheckResult(
            "error",
            f"the probe did not arrive: no proxy with the hooks plugin answers the hooks of {found.bridge[0].source}",
            f"start the proxy (codex-plus serve); if it runs: codex-plus stop, then {_INSTALL}",
        )
    events = answer.get("events")
    heard = sum(events.values()) if isinstance(events, dict) else 0
    arrived = f"the probe arrived in {milliseconds:.0f} ms; {heard} events of Codex since the proxy started"
    if found.asleep:
        return _asleep(found, arrived)
    return CheckResult("ok", f"Codex trusts the bridge; {arrived}")


def _installed(found: NativeHooks) -> CheckResult | None:
    """What there is to say where the bridge is not installed, or only in part."""
    if not found.bridge:
        text = "not installed: within the JavaScript of Codex's newer models, hooks do not see single commands"
        if found.problems:
            return CheckResult("error", found.problems[0], "correct the file")
        return CheckResult("ok", f"{text} ({_INSTALL})")
    missing = [event for event in NATIVE_EVENTS if event not in {hook.event for hook in found.bridge}]
    if missing:
        return CheckResult("warning", f"no entry for {', '.join(missing)} in {found.bridge[0].source}", _INSTALL)
    if not found.enabled:
        return CheckResult(
            "warning", "Codex's hooks are switched off (hooks = false under [features])", "codex features enable hooks"
        )
    return None


def _asleep(found: NativeHooks, arrived: str) -> CheckResult:
    states = {hook.trust for hook in found.asleep}
    first = found.asleep[0]
    if states == {"disabled"}:
        names = ", ".join(hook.event for hook in found.asleep)
        return CheckResult(
            "warning", f"switched off in Codex: {names}; {arrived}", "switch them on with /hooks in Codex"
        )
    many = f"{len(found.asleep)} of {len(found.bridge)} hooks"
    if states == {"changed"}:
        text = f"{many} are not as Codex trusted them ({first.place}), so it does not run them; {arrived}"
    else:
        text = f"{many} are not trusted by Codex yet ({first.place}), so it does not run them; {arrived}"
    return CheckResult(
        "warning",
        f"{text}\ncodex exec leaves them out without a word",
        'start codex in a terminal once and answer "Hooks need review" with trust',
    )


def twice(env: Mapping[str, str], project: Path) -> CheckResult:
    """Whether Codex imported hooks from Claude that codex-plus runs, too."""
    found = read(places(env), project)
    home = Path(env.get("HOME") or Path.home())
    known = {_same(command): place for folder in (home, project) for command, place in _claude_hooks(folder)}
    both = [(hook, known[_same(hook.command)]) for hook in found.others if _same(hook.command) in known]
    if not both:
        return CheckResult("ok", "no hook of Claude's settings is in Codex's own configuration as well")
    lines = [f"{hook.place}: {hook.event} is also in {place}" for hook, place in both[:_SHOWN]]
    if both[_SHOWN:]:
        lines.append(f"and {len(both) - _SHOWN} more")
    return CheckResult(
        "warning",
        "\n".join(["these run twice, once by Codex and once by codex-plus:", *lines]),
        "remove one of the two; codex-plus reads Claude's settings as they are",
    )


async def _probe(command: str, env: Mapping[str, str]) -> tuple[dict[str, Any] | None, float]:
    word = secrets.token_hex(8)
    shell = (
        (env.get("COMSPEC") or "cmd.exe", "/C") if sys.platform == "win32" else (env.get("SHELL") or "/bin/sh", "-lc")
    )
    action = Action(
        "run",
        argv=(*shell, command),
        stdin=json.dumps({PROBE: word}).encode(),
        source="doctor: hooks bridge",
        timeout=_WAIT_S,
    )
    began = time.perf_counter()
    try:
        # A core of its own ends with a loop of its own, which only a thread may have while the doctor's runs.
        result = await asyncio.to_thread(_run, action, env)
    except (ActionDenied, CannotStart):
        return None, 0.0
    took = (time.perf_counter() - began) * 1000
    try:
        answer = json.loads(result.stdout)
    except ValueError:
        return None, took
    return (answer, took) if isinstance(answer, dict) and answer.get(PROBE) == word else (None, took)


def _run(action: Action, env: Mapping[str, str]) -> RunResult:
    with open_core(env) as core:
        return asyncio.run(core.run(action))


def _claude_hooks(folder: Path) -> Iterator[tuple[str, str]]:
    for name in _SETTINGS:
        path = folder / ".claude" / name
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
            content = json.loads(text)
        except (OSError, ValueError, RecursionError):
            continue
        hooks = content.get("hooks") if isinstance(content, dict) else None
        for command in _commands(hooks):
            yield command, f"{path}:{line_of(text, command)}"


def _commands(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        command = value.get("command")
        if isinstance(command, str):
            yield command
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _commands(each)


def _same(command: str) -> str:
    """The command without what an import changes in it."""
    return _SCRIPTS.sub("hooks/", command.replace('"', "").replace("'", "")).strip()
