"""`codex-plus doctor`: run every check and say what to do."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..contributions import Check, CheckResult
from ..services.config import BadPolicy
from ..services.problem import Problem
from ..services.settings import DEFAULT_PORT
from .serve import port_number, upstream_url
from .table import as_json

STATES = {"ok": "ok", "warning": "warn", "error": "fail"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's answer; ``plugin`` is ``""`` for the core's own checks."""

    name: str
    plugin: str
    result: CheckResult

    def row(self) -> dict[str, str]:
        """As it is printed in JSON."""
        found = {"name": self.name, "state": STATES[self.result.status], "text": self.result.message}
        return (
            found
            | ({"fix": self.result.fix} if self.result.fix else {})
            | ({"plugin": self.plugin} if self.plugin else {})
        )


def configure(parser: ArgumentParser) -> None:
    """The arguments of `doctor`."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--port", type=port_number, help=f"the proxy's port (default: init's, else {DEFAULT_PORT})")
    parser.add_argument("--upstream", metavar="URL", help="try to reach URL, not the backend that fits the login")


def run(args: Namespace) -> int:
    """Check everything; 1 if anything fails."""
    from ..loader import load_plugins
    from ..services.plugins_allowed import plugins_allowed_here
    from .doctor_checks import core_checks
    from .plugin_commands import collect
    from .surroundings import Surroundings

    loaded = load_plugins(None, allowed=plugins_allowed_here())
    upstream = None if args.upstream is None else upstream_url(args.upstream)
    around = Surroundings(os.environ, args.port, upstream, loaded)
    checks = [("", check) for check in core_checks(around)]
    checks += [(name, check) for name, check in loaded.call_sync("add_checks")]
    found = [Finding(check.name, plugin, outcome(check, plugin)) for plugin, check in checks]
    # Last, because it may write: doctor reports the state directory as it found it.
    collect(loaded)
    failed = any(finding.result.status == "error" for finding in found)
    if args.json:
        print(as_json({"ok": not failed, "checks": [finding.row() for finding in found]}))
    else:
        print(as_text(found, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    return 1 if failed else 0


def outcome(check: Check, plugin: str) -> CheckResult:
    """What the check says; one that raises has failed, and its plugin is named."""
    who = f"plugin {plugin!r}: check" if plugin else "check"
    # gather hands over what a check raises: one broken check must not hide the others.
    found = asyncio.run(_answer(check.run))
    if isinstance(found, BadPolicy) and check.name != "settings":
        # The check of the settings has told what is wrong with it; once is enough.
        return CheckResult("warning", "not looked at: the policy is bad, see above")
    if isinstance(found, Problem):
        return CheckResult("error", str(found))
    if isinstance(found, Exception):
        frame = traceback.extract_tb(found.__traceback__)[-1]
        fix = f"report it to the author of {plugin or 'codex-plus'}"
        place = f"{frame.filename}:{frame.lineno}"
        return CheckResult("error", f"{who} raised {type(found).__name__}: {found} ({place})", fix)
    if not isinstance(found, CheckResult) or found.status not in STATES:
        return CheckResult("error", f"{who} returned {type(found).__name__}, a CheckResult is due")
    return found


async def _answer(run: Callable[[], CheckResult | Awaitable[CheckResult]]) -> Any:
    async def asked() -> Any:
        # In a thread of its own, since a check may want `open_core`, which runs a loop.
        made = await asyncio.to_thread(run)
        return await made if inspect.isawaitable(made) else made

    return (await asyncio.gather(asked(), return_exceptions=True))[0]


def as_text(found: list[Finding], *, colour: bool) -> str:
    """The report for a person: one line a check, its remedy below."""
    paint = {"ok": "32", "warn": "33", "fail": "31"}
    width = max(len(finding.name) for finding in found)
    lines = []
    for finding in found:
        state = STATES[finding.result.status]
        mark = f"\x1b[{paint[state]}m{state:<4}\x1b[0m" if colour else f"{state:<4}"
        owner = f" [{finding.plugin}]" if finding.plugin else ""
        # Names of files and what others said stand in it: nothing that a terminal would act on gets through.
        first, *more = [_printable(line) for line in finding.result.message.splitlines()] or [""]
        lines.append(f"{mark}  {finding.name:<{width}}  {first}{owner}")
        lines += [f"{'':<{width + 8}}{line}" for line in more]
        if finding.result.fix:
            lines.append(f"{'':<{width + 8}}-> {finding.result.fix}")
    counts = [sum(STATES[finding.result.status] == state for finding in found) for state in ("fail", "warn")]
    lines.append("")
    lines.append("all is well" if not any(counts) else f"{counts[0]} to repair, {counts[1]} to look at")
    return "\n".join(lines)


def _printable(line: str) -> str:
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in line)
