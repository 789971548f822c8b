"""What the doctor says of the servers that count here: their files, their entries, their programs. Starts none."""

from __future__ import annotations

from pathlib import Path

from codexplus_core import Check, CheckResult, counted, open_core

from .health import problems_of
from .program import missing_program
from .server import Server, ServerSet
from .settings import Servers
from .shim import shim_fault
from .shown import one_line

_SHOWN = 20


def checks() -> list[Check]:
    """The one check of ``codex-plus doctor``."""
    return [Check("mcp servers", lambda: servers_here(Path.cwd()))]


def servers_here(project: Path) -> CheckResult:
    """Whether every server of a project, and of the user, could be used as it is written."""
    with open_core() as core:
        found = Servers(core).of(project)
    wrong = [one_line(each, 500) for each in _wrong(found, project)]
    usable = counted(sum(not _missing(server, project) for server in found.usable), "server")
    if not wrong:
        return CheckResult("ok", f"{usable} that can be used" if found.servers else "none is configured")
    more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    said = "\n".join([f"{usable} that can be used; to correct:", *wrong[:_SHOWN], *more])
    return CheckResult("warning", said, "codex-plus mcp list shows how each of them is")


def _wrong(found: ServerSet, project: Path) -> list[str]:
    wrong = list(problems_of(found))
    for server in found:
        if server.standing == "unsigned":
            continue  # a check of its own tells of these
        place = server.project or project
        started = [_missing(server, project), shim_fault(server, place)] if server.usable else []
        problems = [*server.problems, *started]
        state = "not used: " if server.standing == "broken" else ""
        wrong += [f"{server.name} ({server.origin}): {state}{each}" for each in problems if each]
    return wrong


def _missing(server: Server, project: Path) -> str:
    return "" if server.is_remote else missing_program(server.command, server.project or project)
